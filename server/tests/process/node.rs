//! A node as an operator runs it, and its end.

use crate::client::{Client, TOKEN};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a test waits for a signal before it says that it never came.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What keeps a node small, so that many fit on one Postgres, and quick.
const SMALL: [(&str, &str); 11] = [
    ("SEXTON_LISTEN", "127.0.0.1:0"),
    ("SEXTON_LOG_FORMAT", "json"),
    ("SEXTON_SETUP_TOKEN_FILE", concat!(env!("CARGO_TARGET_TMPDIR"), "/setup-token")),
    ("SEXTON_RATE_PER_SECOND", "0"),
    ("SEXTON_API_CONNECTIONS", "5"),
    ("SEXTON_WORKER_CONNECTIONS", "6"),
    ("SEXTON_QUEUE_CONNECTIONS", "4"),
    ("SEXTON_RECONCILE_CRON", "* * * * * *"),
    ("SEXTON_STUCK_PENDING_SECONDS", "1"),
    ("SEXTON_RETRY_BASE_MS", "200"),
    ("SEXTON_CONNECT_TIMEOUT_MS", "1000"),
];

/// The binary with no settings but those given.
pub fn sexton(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sexton"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    sexton(arguments, environment).output().unwrap()
}

/// The URL of a test's database.
pub fn url(options: &PgConnectOptions) -> String {
    options.to_url_lossy().to_string()
}

/// Makes an administrator with the token of the tests' clients, unless there is one.
pub async fn let_in(database_url: &str) {
    let statement = format!(
        "UPDATE setup SET claimed_at = now();
         INSERT INTO users (id, email, is_admin) VALUES ('0192f0c1-7a3b-7cc0-9c4e-000000000001', 'ada@example.com', true)
         ON CONFLICT DO NOTHING;
         INSERT INTO personal_tokens (id, user_id, name, hash, hint) VALUES ('0192f0c1-7a3b-7cc0-9c4e-000000000002',
         '0192f0c1-7a3b-7cc0-9c4e-000000000001', 'Tests', sha256('{TOKEN}'), 'sxt_012345') ON CONFLICT DO NOTHING"
    );
    let options: PgConnectOptions = database_url.parse().unwrap();
    let mut conn = options.connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// A running node. Killed, if it still runs, when the test is over.
pub struct Node {
    child: Child,
    log: Arc<Mutex<String>>,
    pub client: Client,
}

impl Node {
    /// Starts a node and learns its port from its log.
    pub async fn start(database_url: &str, more: &[(&str, &str)]) -> Self {
        Self::of(env!("CARGO_BIN_EXE_sexton"), database_url, more).await
    }

    /// Starts a node of the version that `binary` is.
    pub async fn of(binary: &str, database_url: &str, more: &[(&str, &str)]) -> Self {
        let environment: Vec<_> = SMALL.iter().chain([&("DATABASE_URL", database_url)]).chain(more).copied().collect();
        let mut command = Command::new(binary);
        command.arg("serve").env_clear().envs(environment).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().unwrap();
        let kept = Arc::default();
        let keep = Arc::clone(&kept);
        let address = tokio::task::spawn_blocking(move || address(log, keep)).await.unwrap();
        Self { child, log: kept, client: Client::new(&format!("http://{address}")) }
    }

    /// Starts a node and waits until it says that it is ready.
    pub async fn ready(database_url: &str, more: &[(&str, &str)]) -> Self {
        let node = Self::start(database_url, more).await;
        node.gets_ready().await;
        let_in(database_url).await;
        node
    }

    /// Waits until it says that it is ready; a failure shows what it said last, and the end of its log.
    pub async fn gets_ready(&self) {
        let mut last = None;
        let is_ready = async || {
            let answer = self.client.get("/readyz").await;
            let ready = answer.status == 200;
            last = Some(answer);
            ready
        };
        if !comes(is_ready).await {
            let log = self.log();
            let recent = log.lines().count().saturating_sub(40);
            let recent: Vec<&str> = log.lines().skip(recent).collect();
            panic!("the node did not get ready: {last:?}\n{}", recent.join("\n"));
        }
    }

    /// What it has logged since it listened.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// False once it has ended, however it did.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it at once, wherever it is.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Holds it up, wherever it is, until it is resumed.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub async fn ended(mut self) -> ExitStatus {
        tokio::task::spawn_blocking(move || self.child.wait().unwrap()).await.unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads the log up to the line that names the address; what follows is kept as it comes.
fn address(log: impl Read + Send + 'static, keep: Arc<Mutex<String>>) -> String {
    let mut lines = BufReader::new(log).lines();
    let mut before = String::new();
    for line in &mut lines {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once("Sexton is at http://")
            && let Some((address, _)) = rest.split_once(' ')
        {
            let address = address.to_owned();
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    keep.lock().unwrap().extend([line.as_str(), "\n"]);
                }
            });
            return address;
        }
        before.extend([line.as_str(), "\n"]);
    }
    panic!("it ended before it listened:\n{before}");
}

/// How often is looked: without a pause the looking would take a core from what is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Looks again and again until `condition` holds.
pub async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(comes(condition).await, "it never came to it that {what}");
}

/// Whether `condition` holds before patience ends.
async fn comes(mut condition: impl AsyncFnMut() -> bool) -> bool {
    let look = async {
        let mut pace = tokio::time::interval(LOOK);
        while !condition().await {
            pace.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.is_ok()
}
