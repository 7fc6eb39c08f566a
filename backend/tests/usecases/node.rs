//! A node that fires: its scheduler, stepped by the test, and its executor, at work. And what became of a task's runs.

use crate::receiver::Receiver;
use crate::support::{ADA, PATIENCE, World, project_draft, task_draft};
use backend::clock::Clock;
use backend::events::Bell;
use backend::executor::{Executor, ExecutorSettings};
use backend::scheduler::{Scheduler, Step};
use backend::{Backend, Policies};
use domain::project::{Project, ProjectDraft};
use domain::task::{Task, TaskDraft};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::postgres::PgPoolOptions;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What a node in a test may do.
pub const SETTINGS: ExecutorSettings = ExecutorSettings {
    calls: 100,
    calls_of_project: 100,
    lease: Duration::from_secs(15),
    connect_within: Duration::from_secs(10),
    allow_private: true,
    grace: Duration::from_secs(10),
};

/// A node at work.
pub struct Node {
    pub scheduler: Scheduler,
    pub executor: Executor,
    /// How far its clock has been turned.
    ahead: Duration,
    stop: CancellationToken,
    work: JoinHandle<()>,
}

impl Node {
    pub fn start(backend: Backend, settings: ExecutorSettings) -> Self {
        Self::with_clock(backend, settings, Clock::system())
    }

    pub fn with_clock(backend: Backend, settings: ExecutorSettings, clock: Clock) -> Self {
        let executor = Executor::new(backend.clone(), settings, clock).unwrap();
        let stop = CancellationToken::new();
        let work = tokio::spawn(executor.clone().run(stop.clone()));
        Self { scheduler: Scheduler::new(backend, executor.clone()), executor, ahead: Duration::ZERO, stop, work }
    }

    pub async fn step(&mut self) -> Step {
        self.step_at(Instant::now()).await
    }

    pub async fn step_at(&mut self, now: Instant) -> Step {
        self.scheduler.step(now).await.unwrap()
    }

    /// Steps until a query that answers a bool answers true.
    pub async fn until(&mut self, world: &World, condition: &'static str) {
        let work = async {
            while !sqlx::query_scalar::<_, bool>(condition).fetch_one(&world.pool).await.unwrap() {
                self.step().await;
            }
        };
        tokio::time::timeout(PATIENCE, work).await.expect(condition);
    }

    /// Two steps between which, for the node, a lease's time has passed: it takes over what is lost.
    pub async fn rescue(&mut self) {
        let now = Instant::now() + self.ahead;
        self.ahead += 2 * SETTINGS.lease;
        self.step_at(now).await;
        self.step_at(now + SETTINGS.lease).await;
    }

    /// Ends it as a shutdown does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.work.await.unwrap();
    }
}

/// A node called `node-2` takes what is due, and is dead as soon as the receiver has so many calls.
pub async fn die_calling(world: &World, receiver: &Receiver, calls: usize) {
    // All that it is, connections too, lives on a runtime of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (options, queue) = ((*world.pool.connect_options()).clone(), Arc::new(world.queue.clone()));
    runtime.spawn(async move {
        let pool = PgPoolOptions::new().connect_lazy_with(options);
        let backend = Backend::new(pool, queue, Bell::default(), Policies::default(), "node-2");
        let mut node = Node::start(backend, SETTINGS);
        node.step().await;
        std::future::pending::<()>().await;
    });
    receiver.until(calls).await;
    runtime.shutdown_background();
    receiver.until_hung_up(calls).await;
}

/// What stands of one execution.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Run {
    pub id: Uuid,
    pub status: String,
    pub trigger: String,
    pub attempt: i32,
    pub missed: i32,
    pub error: Option<String>,
    pub response: Option<Value>,
    pub requested_by: Option<String>,
    /// Seconds from now to the next attempt.
    pub retry_in: Option<f64>,
}

impl Run {
    pub fn error(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }
}

/// No call waits or runs.
pub const ALL_ENDED: &str =
    "SELECT NOT EXISTS (SELECT FROM executions WHERE status IN ('PENDING', 'RUNNING', 'RETRY_WAIT'))";

impl World {
    /// Another project, whose tasks call `url`.
    pub async fn calling(&self, name: &str, url: &str) -> Project {
        let draft = ProjectDraft { execution_endpoint: url.to_owned(), ..project_draft(name, 0) };
        backend::projects::create(&self.backend, &ADA, draft).await.unwrap()
    }

    /// A task of the test's project, whose calls go to `path` of the receiver from now on.
    pub async fn firing(&self, receiver: &Receiver, path: &str, change: impl FnOnce(&mut TaskDraft)) -> Task {
        let statement = "UPDATE projects SET execution_endpoint = $2 WHERE id = $1";
        let query = sqlx::query(statement).bind(self.project.id).bind(receiver.url(path));
        query.execute(&self.pool).await.unwrap();
        self.planned(self.project.id, change).await
    }

    /// A task that runs at night, unless it is changed.
    pub async fn planned(&self, project_id: Uuid, change: impl FnOnce(&mut TaskDraft)) -> Task {
        let mut draft = task_draft("Fires");
        change(&mut draft);
        backend::tasks::create(&self.backend, &ADA, project_id, draft).await.unwrap()
    }

    /// Makes every task due that has a plan.
    pub async fn all_due(&self) {
        self.execute("UPDATE task_schedules SET next_run_at = clock_timestamp() - interval '1 s'").await;
    }

    /// A task's executions, the oldest first.
    pub async fn runs(&self, task: &Task) -> Vec<Run> {
        let statement = "SELECT *, extract(epoch FROM retry_at - clock_timestamp())::float8 AS retry_in
             FROM executions WHERE task_id = $1 ORDER BY scheduled_at, id";
        sqlx::query_as(statement).bind(task.uuid).fetch_all(&self.pool).await.unwrap()
    }

    /// The only execution of a task.
    pub async fn run(&self, task: &Task) -> Run {
        let runs = self.runs(task).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.into_iter().next().unwrap()
    }

    pub async fn statuses(&self, task: &Task) -> Vec<String> {
        self.runs(task).await.into_iter().map(|run| run.status).collect()
    }
}
