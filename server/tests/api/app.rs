//! One test's database, the router over it as the server builds it, and the verbs of the tests.

use crate::call::{Answer, Call, TOKEN, call, delete, get};
use axum::Router;
use clap::Parser;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use server::config::{Cli, Command, Settings};
use server::serve::Node;
use server::workers::Loops;
use server::{AppState, router, telemetry};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// How long a test waits for a signal before it says that it never came.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that can be seen in the database of one test: a word per row with what may change in it.
const SNAPSHOT: &str = "SELECT coalesce(string_agg(line, E'\\n' ORDER BY line), '') FROM (
    SELECT concat_ws(' ', 'project', id, version, name, deletion_id) AS line FROM projects
    UNION ALL SELECT concat_ws(' ', 'group', id, version, name, override) FROM task_groups
    UNION ALL SELECT concat_ws(' ', 'task', id, task_group_id, version, status, name, deletion_id, schedule_config) FROM tasks
    UNION ALL SELECT concat_ws(' ', 'schedule', task_id, next_run_at, version) FROM task_schedules
    UNION ALL SELECT concat_ws(' ', 'execution', id, status) FROM executions
    UNION ALL SELECT concat_ws(' ', 'deletion', id, state, wake_at, failed_attempts) FROM deletions
    UNION ALL SELECT concat_ws(' ', 'project deletion', id, completed_at) FROM project_deletions
    UNION ALL SELECT concat_ws(' ', 'event', seq, kind) FROM events
    UNION ALL SELECT concat_ws(' ', 'job', id, status, attempts) FROM apalis.jobs) AS lines";

/// Ada, who administers the instance, and her token without its hash.
const ADMINISTRATOR: &str = "UPDATE setup SET claimed_at = now();
    INSERT INTO users (id, email, is_admin) VALUES ('0192f0c1-7a3b-7cc0-9c4e-000000000001', 'ada@example.com', true)
    ON CONFLICT DO NOTHING;
    INSERT INTO personal_tokens (id, user_id, name, hash, hint)
    VALUES ('0192f0c1-7a3b-7cc0-9c4e-000000000002', '0192f0c1-7a3b-7cc0-9c4e-000000000001', 'Tests',";

/// The router, as the server builds it.
pub struct App {
    pub pool: PgPool,
    pub state: AppState,
    pub settings: Settings,
    pub loops: Option<Loops>,
    pub stop: CancellationToken,
    pub router: Router,
}

impl App {
    /// On a migrated database.
    pub async fn new(options: &PgConnectOptions) -> Self {
        Self::with(options, &[]).await
    }

    /// On a migrated database, with these settings.
    pub async fn with(options: &PgConnectOptions, arguments: &[&str]) -> Self {
        let pool = PgPoolOptions::new().max_connections(4).connect_with(options.clone()).await.unwrap();
        backend::migrate::run(&pool).await.unwrap();
        let_in(&pool).await;
        Self::on(pool, options.to_url_lossy().as_ref(), arguments)
    }

    /// Over the database at `url`, in whatever state it is.
    pub fn on(pool: PgPool, url: &str, arguments: &[&str]) -> Self {
        let fixed = ["sexton", "serve", "--database-url", url];
        let few: &[&str] = if arguments.contains(&"--api-connections") { &[] } else { &["--api-connections", "6"] };
        let cli = Cli::try_parse_from(fixed.iter().chain(few).chain(arguments)).unwrap();
        let Command::Serve(settings) = cli.command else { panic!("not serve") };
        let stop = CancellationToken::new();
        let Node { state, loops } = Node::new(&settings, metrics(), settings.listen, stop.clone()).unwrap();
        let router = router::router(&state);
        Self { pool, state, settings: *settings, loops: Some(loops), stop, router }
    }

    /// Waits until every connection of the router is closed, so that the database can be dropped.
    pub async fn end(self) {
        let Self { pool, state, loops, router, stop, .. } = self;
        stop.cancel();
        drop((state, loops, router));
        let others = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                      AND pid <> pg_backend_pid() AND application_name <> '')";
        until("the connections are closed", async || sqlx::query_scalar(others).fetch_one(&pool).await.unwrap()).await;
        pool.close().await;
    }

    pub async fn send(&self, call: Call) -> Answer {
        let response = self.router.clone().oneshot(call.request()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(get(path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(delete(path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(call("POST", path).json(body)).await
    }

    /// A project whose deletions are due at once; answers its path.
    pub async fn project(&self, name: &str) -> String {
        let body = json!({ "name": name, "execution_endpoint": "http://example.com/", "undo_window_seconds": 0 });
        let answer = self.post("/api/v1/projects", &body).await;
        answer.ok(201);
        answer.header("location").to_owned()
    }

    /// A task of a project; answers its path.
    pub async fn task(&self, project: &str, name: &str) -> String {
        let answer = self.post(&format!("{project}/tasks"), &task(name)).await;
        answer.ok(201);
        answer.header("location").to_owned()
    }

    /// A project with one task: their paths.
    pub async fn one_task(&self) -> (String, String) {
        let project = self.project("Billing").await;
        let task = self.task(&project, "Close daily ledger").await;
        (project, task)
    }

    /// Requests the deletion of a task, and answers the path of the record.
    pub async fn accept(&self, task: &str) -> String {
        let answer = self.delete(task).await;
        answer.ok(202);
        answer.header("location").to_owned()
    }

    /// Deletes a task for good: accepted, then torn down by one attempt. Answers the path of the record.
    pub async fn delete_for_good(&self, task: &str) -> String {
        let record = self.accept(task).await;
        let outcome = backend::tasks::delete::perform(&self.state.backend, id_of(&record)).await.unwrap();
        assert_eq!(outcome, backend::tasks::delete::Outcome::Deleted);
        record
    }

    /// Lets the one attempt that a deletion has fail for good: DELETE_FAILED.
    pub async fn fail(&self, record: &str) {
        let kind = domain::deletion::FailureKind::Conflict;
        backend::tasks::delete::failed(&self.state.backend, id_of(record), kind, "refused by the test", 0.0)
            .await
            .unwrap();
    }

    /// What stands in the database.
    pub async fn snapshot(&self) -> String {
        sqlx::query_scalar(SNAPSHOT).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn count(&self, from: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
        sqlx::query_scalar(statement).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn execute(&self, statement: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&self.pool).await.unwrap();
    }
}

/// Makes the administrator of the tests in a database that has been migrated.
pub async fn let_in(pool: &PgPool) {
    let statement = format!("{ADMINISTRATOR} sha256('{TOKEN}'), 'sxt_012345') ON CONFLICT DO NOTHING");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await.unwrap();
}

/// The recorder of this process; there can be only one.
fn metrics() -> PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    METRICS.get_or_init(|| telemetry::start_metrics().unwrap()).clone()
}

/// Looks again and again until `condition` holds; the looking itself paces the loop.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let look = async { while !condition().await {} };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("it never came to it that {what}"));
}

/// A task that a client sends.
pub fn task(name: &str) -> Value {
    json!({ "name": name, "schedule_config": { "cron_expression": "30 2 * * MON-FRI", "timezone": "Europe/Berlin" } })
}

/// The id at the end of a path.
pub fn id_of(path: &str) -> Uuid {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

/// A listener of this process, for streams.
pub async fn listen(router: Router, stop: CancellationToken) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).into_future());
    address
}
