//! Every setting, once: as a flag and as an environment variable. `.env.example` is checked against it by a test.

mod commands;
pub(crate) mod derived;
mod edge;
mod mail;
mod oidc;
mod quotas;

pub use commands::{AlertArguments, AlertCommand, ClaimSettings, KeyArguments, KeyCommand, UserArguments, UserCommand};
pub use oidc::{CALLBACK, OidcSettings};

use anyhow::{Result, bail, ensure};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use domain::schedule::{Schedule, ScheduleConfig};
use domain::task::ScheduleType;
pub use edge::EdgeSettings;
pub use mail::MailSettings;
pub use quotas::QuotaSettings;
use std::net::SocketAddr;

/// Sexton: a scheduler of cron tasks that deletes a task durably.
#[derive(Debug, Parser)]
#[command(name = "sexton", version, about, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the arguments of the process. `--version` says which tz database it uses, too.
    #[must_use]
    pub fn read() -> Self {
        let version = format!("{}, tz database {}", env!("CARGO_PKG_VERSION"), domain::zone::current());
        let matches = Self::command().version(version).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve pages and API, work, schedule: as the roles say.
    Serve(Box<Settings>),
    /// Bring the database to the state that this version needs, and end.
    Migrate(DatabaseSettings),
    /// Look after accounts, at the database itself: for the operator.
    User(UserArguments),
    /// Make API keys, at the database itself: for the operator.
    ApiKey(KeyArguments),
    /// Try out how alerts leave: for the operator.
    Alert(AlertArguments),
    /// What people do with a server.
    #[command(flatten)]
    People(Box<crate::cli::Command>),
}

/// What a node does. All roles share one database; every node may have any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Pages, REST, live events.
    Web,
    /// Tears down what was deleted; reconciles; cleans up.
    Worker,
    /// Fires tasks.
    Scheduler,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Where the data is.
#[derive(Clone, Debug, Args)]
pub struct DatabaseSettings {
    /// The Postgres (15 or later) that holds tasks and jobs.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
}

/// Settings of `serve`.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Address of pages and API.
    #[arg(long, env = "SEXTON_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// How the first administrator comes to be.
    #[command(flatten)]
    pub claim: ClaimSettings,
    /// Where people can sign in besides.
    #[command(flatten)]
    pub oidc: OidcSettings,
    /// A session that is not used for so long ends, in minutes.
    #[arg(long, env = "SEXTON_SESSION_IDLE_MINUTES", default_value_t = 4_320, value_parser = clap::value_parser!(i64).range(5..=525_600))]
    pub session_idle_minutes: i64,
    /// The longest that a session lasts, in days.
    #[arg(long, env = "SEXTON_SESSION_DAYS", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=365))]
    pub session_days: i64,
    /// How people reach it, and how much one of them may ask.
    #[command(flatten)]
    pub edge: EdgeSettings,
    /// What this node does.
    #[arg(long, env = "SEXTON_ROLES", value_enum, value_delimiter = ',', default_value = "web,worker,scheduler")]
    pub roles: Vec<Role>,
    /// Address and port of a second listener, for probes and metrics only; then /metrics is nowhere else.
    #[arg(long, env = "SEXTON_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
    /// Name of this node in records and logs; a part that differs at every start is added.
    #[arg(long, env = "SEXTON_NODE_NAME", default_value = "sexton")]
    pub node_name: String,
    /// How logs are written.
    #[arg(long, env = "SEXTON_LOG_FORMAT", value_enum, default_value = "pretty")]
    pub log_format: LogFormat,
    /// What is logged: `info`, or `sexton=debug,warn`, as tracing's `EnvFilter` reads it.
    #[arg(long, env = "SEXTON_LOG", default_value = "info")]
    pub log: String,
    /// Create a small demo project if there is no project yet.
    #[arg(long, env = "SEXTON_DEMO")]
    pub demo: bool,

    /// Name of the queue of deletion jobs.
    #[arg(long, env = "SEXTON_QUEUE_NAME", default_value = backend::jobs::DELETE_TASK_QUEUE)]
    pub queue_name: String,
    /// Teardowns at a time on this node, 1 to 256.
    #[arg(long, env = "SEXTON_WORKER_CONCURRENCY", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub worker_concurrency: u16,
    /// Attempts at a teardown before it is DELETE_FAILED, 1 to 100.
    #[arg(long, env = "SEXTON_DELETE_ATTEMPTS", default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..=100))]
    pub delete_attempts: i32,
    /// Longest delay before the second attempt, in milliseconds; it doubles with every attempt.
    #[arg(long, env = "SEXTON_RETRY_BASE_MS", default_value_t = 5_000, value_parser = clap::value_parser!(i64).range(1..=3_600_000))]
    pub retry_base_ms: i64,
    /// Longest delay before any attempt, in seconds.
    #[arg(long, env = "SEXTON_RETRY_CAP_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    pub retry_cap_seconds: i64,
    /// How long an accepted deletion can be undone, in seconds (0 to 30 days); a project may have its own.
    #[arg(long, env = "SEXTON_UNDO_WINDOW_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(i32).range(0..=2_592_000))]
    pub undo_window_seconds: i32,
    /// How long a teardown waits for calls in flight before it cancels them, in seconds.
    #[arg(long, env = "SEXTON_DRAIN_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(i32).range(0..=86_400))]
    pub drain_seconds: i32,
    /// When the reconciler looks for stuck deletions: a cron expression, with seconds first if it has six fields.
    #[arg(long, env = "SEXTON_RECONCILE_CRON", default_value = "0 * * * * *")]
    pub reconcile_cron: String,
    /// A pending deletion without a sign of life for so long is stuck, in seconds.
    #[arg(long, env = "SEXTON_STUCK_PENDING_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_400))]
    pub stuck_pending_seconds: i64,
    /// A failed deletion is tried again by itself after so long, in seconds.
    #[arg(long, env = "SEXTON_STUCK_FAILED_SECONDS", default_value_t = 1_800, value_parser = clap::value_parser!(i64).range(1..=2_592_000))]
    pub stuck_failed_seconds: i64,
    /// Calls in flight on this node, 1 to 10,000.
    #[arg(long, env = "SEXTON_CALLS", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub calls: u16,
    /// Calls of one project in flight on this node, 1 to 10,000.
    #[arg(long, env = "SEXTON_PROJECT_CALLS", default_value_t = 384, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub project_calls: u16,
    /// Let tasks call addresses that are not public: of this machine and of private networks.
    #[arg(long, env = "SEXTON_ALLOW_PRIVATE_TARGETS")]
    pub allow_private_targets: bool,
    /// An execution whose node is silent for so long is taken over by another, in seconds.
    #[arg(long, env = "SEXTON_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u16).range(2..=600))]
    pub lease_seconds: u16,
    /// How long connecting to an endpoint may take, TLS included, in milliseconds: less than three quarters of the lease.
    #[arg(long, env = "SEXTON_CONNECT_TIMEOUT_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub connect_timeout_ms: u64,

    /// How alerts leave by mail.
    #[command(flatten)]
    pub mail: MailSettings,

    /// How long executions are kept after their end, in days; a project may have its own.
    #[arg(long, env = "SEXTON_EXECUTION_DAYS", default_value_t = 30, value_parser = clap::value_parser!(i32).range(1..=3_650))]
    pub execution_days: i32,
    /// How long receipts, alerts and events are kept, in days; 30 at least.
    #[arg(long, env = "SEXTON_RECEIPT_DAYS", default_value_t = 90, value_parser = clap::value_parser!(i32).range(30..=3_650))]
    pub receipt_days: i32,

    /// How much there may be of each thing.
    #[command(flatten)]
    pub quotas: QuotaSettings,

    /// Connections of pages and API. Reads leave a quarter of them to changes.
    #[arg(long, env = "SEXTON_API_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub api_connections: u32,
    /// Connections of the teardowns: at least two more than teardowns at a time.
    #[arg(long, env = "SEXTON_WORKER_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=500))]
    pub worker_connections: u32,
    /// Connections of the scheduler and the executor.
    #[arg(long, env = "SEXTON_SCHEDULER_CONNECTIONS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub scheduler_connections: u32,
    /// Connections of the queue itself.
    #[arg(long, env = "SEXTON_QUEUE_CONNECTIONS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(4..=100))]
    pub queue_connections: u32,
    /// How long a request waits for a connection before it is answered 503, in milliseconds.
    #[arg(long, env = "SEXTON_ACQUIRE_TIMEOUT_MS", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub acquire_timeout_ms: u64,
    /// How long a statement of the API may take, in milliseconds.
    #[arg(long, env = "SEXTON_STATEMENT_TIMEOUT_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub statement_timeout_ms: u64,
    /// How long a request may take before it is answered 503, in milliseconds.
    #[arg(long, env = "SEXTON_REQUEST_TIMEOUT_MS", default_value_t = 4_500, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub request_timeout_ms: u64,
    /// Bytes of a request body, at the most.
    #[arg(long, env = "SEXTON_BODY_LIMIT_BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1_024..=67_108_864))]
    pub body_limit_bytes: u32,
    /// How long a shutdown waits for what is under way, in seconds.
    #[arg(long, env = "SEXTON_SHUTDOWN_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub shutdown_seconds: u64,
}

impl Settings {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// One sentence that says what to change.
    pub fn check(&self) -> Result<()> {
        self.oidc.check(self.edge.public_url.as_ref())?;
        // Handlers that wait for a connection would fail by waiting; the reconciler and the clean-up have theirs as well.
        let (needed, has) = (u32::from(self.worker_concurrency) + 2, self.worker_connections);
        ensure!(
            !self.has(Role::Worker) || has >= needed,
            "SEXTON_WORKER_CONNECTIONS={has} is too few for SEXTON_WORKER_CONCURRENCY={}: it must be at least {needed}",
            self.worker_concurrency
        );
        self.check_lease()?;
        self.check_reconciler()
    }

    /// A call that is still connecting when its lease is nearly over is not sent: with a short lease none ever would be.
    fn check_lease(&self) -> Result<()> {
        let executor = self.executor();
        // Three quarters of the lease must be longer than the time to connect.
        let needed = self.connect_timeout_ms * 4 / 3_000 + 1;
        ensure!(
            !self.has(Role::Scheduler) || executor.connect_within < executor.send_within(),
            "SEXTON_LEASE_SECONDS={} is too short for SEXTON_CONNECT_TIMEOUT_MS={}: it must be at least {needed}, \
             or the time to connect shorter",
            self.lease_seconds,
            self.connect_timeout_ms
        );
        Ok(())
    }

    fn check_reconciler(&self) -> Result<()> {
        let cron = ScheduleConfig {
            cron_expression: Some(self.reconcile_cron.clone()),
            timezone: "UTC".to_owned(),
            ..ScheduleConfig::default()
        };
        if let Err(errors) = Schedule::parse(ScheduleType::Recurring, &cron, chrono::Utc::now()) {
            let reasons: Vec<_> = errors.into_iter().map(|error| error.message).collect();
            bail!("SEXTON_RECONCILE_CRON=\"{}\" {}", self.reconcile_cron, reasons.join("; "));
        }
        Ok(())
    }

    /// True when this node has the role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}
