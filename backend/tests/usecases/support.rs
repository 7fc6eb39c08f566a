//! A database, a project and the verbs of the tests.

use backend::access::{Caller, Person};
use backend::events::Bell;
use backend::jobs::{ApalisQueue, QueueSettings};
use backend::tasks::delete::{self, Answer};
use backend::tasks::etag::Precondition;
use backend::tasks::{self, Change};
use backend::{Actor, Backend, Policies, deletions};
use domain::deletion::{DeleteTaskMessage, Deletion, MessageVersion};
use domain::error::{ProblemKind, Refusal};
use domain::project::{Project, ProjectDraft};
use domain::task::{Task, TaskDraft};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use uuid::Uuid;

/// How long a test waits for a signal before it says that it never came.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One test's database with a project in it whose deletions are due at once.
pub struct World {
    pub pool: PgPool,
    pub queue: ApalisQueue,
    pub backend: Backend,
    pub project: Project,
}

impl World {
    pub async fn new(options: &PgConnectOptions) -> Self {
        Self::with(options, Policies::default()).await
    }

    pub async fn with(options: &PgConnectOptions, policies: Policies) -> Self {
        let pool = PgPoolOptions::new().max_connections(12).connect_with(options.clone()).await.unwrap();
        backend::migrate::run(&pool).await.unwrap();
        let settings = QueueSettings {
            tick: Duration::from_millis(100),
            crash_retry: Duration::from_millis(10),
            ..QueueSettings::default()
        };
        let queue = ApalisQueue::new(pool.clone(), settings).unwrap();
        let backend = Backend::new(pool.clone(), Arc::new(queue.clone()), Bell::default(), policies, "node-1");
        let project = backend::projects::create(&backend, &ADA, project_draft("Project", 0)).await.unwrap();
        Self { pool, queue, backend, project }
    }

    /// Another node of the same service.
    pub fn node(&self, name: &str, policies: Policies) -> Backend {
        Backend::new(self.pool.clone(), Arc::new(self.queue.clone()), Bell::default(), policies, name)
    }

    pub async fn end(self) {
        self.pool.close().await;
    }

    pub async fn task(&self, name: &str) -> Task {
        tasks::create(&self.backend, &ADA, self.project.id, task_draft(name)).await.unwrap()
    }

    pub async fn answer(&self, task_id: Uuid, precondition: &Precondition) -> backend::Result<Answer> {
        delete::request(&self.backend, &actor(), self.project.id, task_id, precondition).await
    }

    /// Requests a deletion that is accepted.
    pub async fn request(&self, task: &Task) -> Deletion {
        scheduled(self.answer(task.uuid, &Precondition::None).await.unwrap())
    }

    pub async fn deletion(&self, id: Uuid) -> Deletion {
        deletions::get(&self.backend, self.project.id, id).await.unwrap()
    }

    pub async fn read(&self, task: &Task) -> Task {
        tasks::get(&self.backend, self.project.id, task.uuid).await.unwrap()
    }

    pub async fn change(&self, task: &Task, change: Change) -> backend::Result<Task> {
        tasks::change(&self.backend, &ADA, self.project.id, task.uuid, &Precondition::None, change).await
    }

    /// Writes `count` executions of a task with `logs` lines each.
    pub async fn history(&self, task: &Task, count: i32, logs: i32) {
        let statement = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, finished_at)
             SELECT gen_random_uuid(), $1, $2, 'SUCCESS', 'SCHEDULED', now() - n * interval '1 min', now()
             FROM generate_series(1, $3) AS n";
        sqlx::query(statement).bind(task.uuid).bind(self.project.id).bind(count).execute(&self.pool).await.unwrap();
        let statement = "INSERT INTO execution_logs (execution_id, level, message)
             SELECT id, 'info', 'line' FROM executions, generate_series(1, $2) WHERE task_id = $1";
        sqlx::query(statement).bind(task.uuid).bind(logs).execute(&self.pool).await.unwrap();
    }

    /// Writes one execution that has not ended.
    pub async fn in_flight(&self, task: &Task, status: &str) -> Uuid {
        let id = Uuid::now_v7();
        let statement = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, retry_at)
             VALUES ($1, $2, $3, $4, 'MANUAL', clock_timestamp(), CASE WHEN $4 = 'RETRY_WAIT' THEN now() END)";
        let query = sqlx::query(statement).bind(id).bind(task.uuid).bind(self.project.id).bind(status);
        query.execute(&self.pool).await.unwrap();
        id
    }

    /// The answer to `SELECT count(*) FROM …`.
    pub async fn count(&self, from: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {from}"));
        sqlx::query_scalar(statement).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn execute(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }

    /// The kinds of a task's events, in order.
    pub async fn events(&self, task: &Task) -> Vec<String> {
        let statement = "SELECT kind FROM events WHERE task_uuid = $1 ORDER BY seq";
        sqlx::query_scalar(statement).bind(task.uuid).fetch_all(&self.pool).await.unwrap()
    }

    /// Makes the database refuse what `event` (such as `INSERT ON apalis.jobs`) does, with this SQLSTATE.
    pub async fn refuse(&self, event: &str, code: &str) {
        let function = format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{code}'; END $$;
             CREATE TRIGGER refuse BEFORE {event} FOR EACH ROW EXECUTE FUNCTION refuse();"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(function)).execute(&self.pool).await.unwrap();
    }

    pub async fn allow(&self) {
        self.execute("DROP FUNCTION refuse() CASCADE").await;
    }

    /// Waits until somebody waits for a lock.
    pub async fn until_somebody_waits(&self) {
        let waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock')";
        self.until(waiting).await;
    }

    /// Waits until every deletion is over and no job is left to be handled. A row that the queue held in its hands at the
    /// end of its deletion could not be removed with it: it stays as finished until the clean-up.
    pub async fn until_all_is_over(&self) {
        self.until(
            "SELECT NOT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)
                AND NOT EXISTS (SELECT FROM apalis.jobs WHERE status <> 'Done')",
        )
        .await;
    }

    /// Waits until a query that answers a bool answers true: the queries themselves pace the loop.
    pub async fn until(&self, condition: &'static str) {
        let look = async { while !sqlx::query_scalar::<_, bool>(condition).fetch_one(&self.pool).await.unwrap() {} };
        tokio::time::timeout(PATIENCE, look).await.expect(condition);
    }
}

pub static ADA: LazyLock<Actor> = LazyLock::new(actor);

/// Who sees everything.
pub fn operator() -> Caller {
    let person = Person {
        id: Uuid::now_v7(),
        email: "ada@example.com".to_owned(),
        is_admin: true,
        may_create_projects: true,
        session: None,
        is_proved: false,
        scopes: None,
    };
    Caller::Person(person)
}

/// As [`ADA`], by value.
pub fn actor() -> Actor {
    Actor { request_id: Some("request-1".to_owned()), ..Actor::system("Ada") }
}

pub fn project_draft(name: &str, undo_window_seconds: i32) -> ProjectDraft {
    ProjectDraft {
        name: name.to_owned(),
        execution_endpoint: "https://example.com/hook".to_owned(),
        undo_window_seconds: Some(undo_window_seconds),
        ..ProjectDraft::default()
    }
}

pub fn task_draft(name: &str) -> TaskDraft {
    let schedule = json!({ "cron_expression": "0 3 * * *", "timezone": "Europe/Berlin" });
    serde_json::from_value(json!({ "name": name, "schedule_config": schedule })).unwrap()
}

pub fn message(deletion: &Deletion) -> DeleteTaskMessage {
    DeleteTaskMessage {
        version: MessageVersion::V1,
        task_uuid: deletion.task_uuid,
        project_id: deletion.project_id,
        requested_at: deletion.requested_at,
        request_id: deletion.request_id.clone(),
        deletion_id: deletion.id,
    }
}

pub fn scheduled(answer: Answer) -> Deletion {
    match answer {
        Answer::Scheduled { deletion, .. } => *deletion,
        Answer::AlreadyDeleted { .. } => panic!("already deleted"),
    }
}

/// The receipt of an answer that says "already deleted".
pub fn already(answer: Answer) -> Option<Deletion> {
    match answer {
        Answer::Scheduled { .. } => panic!("was scheduled"),
        Answer::AlreadyDeleted { receipt } => receipt.map(|receipt| *receipt),
    }
}

/// The refusal of a use case that was refused.
pub fn refused<T: std::fmt::Debug>(result: backend::Result<T>) -> Refusal {
    let refusal = result.unwrap_err().into_refusal();
    assert!(!refusal.detail.is_empty());
    refusal
}

pub fn kind<T: std::fmt::Debug>(result: backend::Result<T>) -> ProblemKind {
    refused(result).kind
}
