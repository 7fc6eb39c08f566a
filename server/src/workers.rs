//! The loops of a node: the queue's consumer, the reconciler and the clean-up on their crons, the tail of the outbox.
//! One step of each is a function of `backend`; here stands when it runs and how it stops.

mod clean_up;
mod zones;

use crate::config::{Role, Settings};
use backend::Backend;
use backend::alerts::Courier;
use backend::events::{Bell, Bus, Hints, Tail};
use backend::executor::Executor;
use backend::jobs::{ApalisQueue, DeleteJobConsumer, run_cron};
use backend::scheduler::{Next, Scheduler};
use backend::tasks::worker::Teardown;
use backend::{groups, health, projects, quota, refusals, retention, tasks};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the tail looks by itself, in case no hint came.
const TAIL_TICK: Duration = Duration::from_secs(1);
/// How long the scheduler waits after a step that failed.
const SCHEDULER_TICK: Duration = Duration::from_secs(1);
/// Where one call has ended others end soon: they are replaced together.
const GATHER: Duration = Duration::from_millis(3);
/// How often alerts are looked for.
const ALERT_TICK: Duration = Duration::from_secs(1);
/// How often refusals are looked for whose minute is over.
const REFUSALS_TICK: Duration = Duration::from_secs(10);
/// How often groups are looked for whose window has changed.
const REPLAN_TICK: Duration = Duration::from_millis(500);
/// How often projects that are being deleted are looked at.
const PROJECT_TICK: Duration = Duration::from_secs(1);
/// How often the gauges are set.
const MEASURE_TICK: Duration = Duration::from_secs(10);
/// A pass of the reconciler that takes longer hangs; what it has handed over stays so.
const RECONCILED_WITHIN: Duration = Duration::from_secs(20);
/// A step of a loop that takes longer hangs: a network that swallows packets says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the loops need.
pub struct Loops {
    /// Use cases over the workers' pool.
    pub backend: Backend,
    /// Use cases over the scheduler's pool, and the calls of this node.
    pub scheduler: Backend,
    /// The calls of this node.
    pub executor: Executor,
    /// Sends alerts.
    pub courier: Courier,
    /// The queue.
    pub queue: ApalisQueue,
    /// The pool of tails and bells.
    pub pool: sqlx::PgPool,
    /// Rung by the use cases of this process.
    pub bell: Bell,
    /// Where this process' subscribers are.
    pub bus: Bus,
}

impl Loops {
    /// Starts the loops that the roles ask for; they end with `stop`.
    pub fn start(self, settings: &Settings, tracker: &TaskTracker, stop: &CancellationToken) {
        tracker.spawn(self.bell.run(self.pool.clone(), stop.clone()));
        if settings.has(Role::Web) {
            tracker.spawn(tail(self.pool.clone(), self.bus, stop.clone()));
        }
        if settings.has(Role::Scheduler) {
            // Its calls end after its last step: what was claimed in there would have nobody who makes the call.
            let claimed = CancellationToken::new();
            tracker.spawn(self.executor.clone().run(claimed.clone()));
            tracker.spawn(replan_groups(self.scheduler.clone(), stop.clone()));
            tracker.spawn(zones::run(self.scheduler.clone(), stop.clone()));
            let scheduling = schedule(self.scheduler, self.executor, self.pool.clone(), stop.clone());
            tracker.spawn(async move {
                let _claimed = claimed.drop_guard();
                scheduling.await;
            });
        }
        if settings.has(Role::Worker) {
            let handler = Arc::new(Teardown::new(self.backend.clone()));
            let (queue, ended) = (self.queue.clone(), stop.clone());
            tracker.spawn(async move { queue.run(handler, ended).await });
            tracker.spawn(reconcile(self.backend.clone(), settings.reconcile_cron.clone(), stop.clone()));
            let kept = settings.kept();
            tracker.spawn(measure(self.backend.clone(), self.queue.clone(), kept, stop.clone()));
            tracker.spawn(send_alerts(self.courier, stop.clone()));
            tracker.spawn(delete_projects(self.backend.clone(), stop.clone()));
            tracker.spawn(clean_up::run(self.backend, self.queue, kept, stop.clone()));
        }
    }
}

/// Hands over stuck deletions, on every node; a lock lets one at a time work.
async fn reconcile(backend: Backend, cron: String, stop: CancellationToken) {
    let pass = move || -> futures::future::BoxFuture<'static, ()> {
        let backend = backend.clone();
        Box::pin(async move {
            match tasks::delete::reconcile_now(&backend).await {
                Ok(0) => tracing::debug!("nothing is stuck"),
                Ok(rescued) => tracing::warn!(rescued, "stuck deletions handed over again"),
                Err(error) => tracing::warn!(%error, "the reconciler could not look"),
            }
        })
    };
    if let Err(error) = run_cron("reconciler", &cron, RECONCILED_WITHIN, stop, pass).await {
        tracing::error!(%error, "the reconciler does not run");
    }
}

/// Sends what is to be told. A step is not cut off: what was sent is to be written.
async fn send_alerts(courier: Courier, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match courier.step().await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "no alerts could be taken"),
        }
        stop.run_until_cancelled(sleep(ALERT_TICK)).await;
    }
}

/// Writes the refusals whose minute is over; all of them before the node stops.
pub async fn record_refusals(backend: Backend, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(REFUSALS_TICK)).await.is_some() {
        refusals::flush(&backend, false).await;
    }
    if timeout(PATIENCE, refusals::flush(&backend, true)).await.is_err() {
        tracing::debug!("the last refusals could not be written");
    }
}

/// Works off the deletions of projects, on every node; each is in one hand at a time.
async fn delete_projects(backend: Backend, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match timeout(PATIENCE, projects::delete::advance(&backend)).await {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "deletions of projects could not be looked at"),
            Err(_) => tracing::warn!("a step of the deletion of a project got no answer from the database"),
        }
        stop.run_until_cancelled(sleep(PROJECT_TICK)).await;
    }
}

/// Sets the gauges of deletions, queue and retention.
async fn measure(backend: Backend, queue: ApalisQueue, kept: retention::Kept, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if !matches!(timeout(PATIENCE, health::measure(&backend, &queue)).await, Ok(Ok(()))) {
            tracing::debug!("the gauges could not be set");
        }
        if !matches!(timeout(PATIENCE, quota::measure(&backend)).await, Ok(Ok(()))) {
            tracing::debug!("the gauges of the quotas could not be set");
        }
        if !matches!(timeout(PATIENCE, retention::measure(&backend, kept)).await, Ok(Ok(()))) {
            tracing::debug!("the gauges of the retention could not be set");
        }
        stop.run_until_cancelled(sleep(MEASURE_TICK)).await;
    }
}

/// Plans the tasks of groups anew whose window has changed, on every node; each group is in one hand at a time.
async fn replan_groups(backend: Backend, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match timeout(PATIENCE, groups::replan(&backend)).await {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the tasks of a group could not be planned"),
            Err(_) => tracing::warn!("planning the tasks of a group got no answer from the database"),
        }
        stop.run_until_cancelled(sleep(REPLAN_TICK)).await;
    }
}

/// Takes what is due when it is due, on every hint, and every second; at once again while there is more.
async fn schedule(backend: Backend, executor: Executor, pool: sqlx::PgPool, stop: CancellationToken) {
    let mut scheduler = Scheduler::new(backend, executor.clone());
    let mut hints = None;
    while !stop.is_cancelled() {
        if hints.is_none() {
            hints = Hints::of_schedules(&pool).await.ok();
        }
        let next = match timeout(PATIENCE, scheduler.step(Instant::now())).await {
            Ok(Ok(step)) => step.next,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a step of the scheduler failed");
                Next::After(SCHEDULER_TICK)
            }
            Err(_) => {
                tracing::warn!("the scheduler got no answer from the database");
                Next::After(SCHEDULER_TICK)
            }
        };
        match stop.run_until_cancelled(rest(next, &mut hints, &executor)).await {
            Some(Ok(is_hinted)) if is_hinted => executor.look(),
            Some(Err(_)) => hints = None,
            Some(Ok(_)) | None => {}
        }
    }
}

/// Waits for what comes first of the time, a hint (true), and, where that is awaited, the end of a call.
async fn rest(next: Next, hints: &mut Option<Hints>, executor: &Executor) -> backend::Result<bool> {
    let (limit, wants_room) = match next {
        Next::Now => return Ok(false),
        Next::After(limit) => (limit, false),
        Next::WhenFree(limit) => (limit, true),
    };
    let freed = async {
        executor.freed().await;
        sleep(GATHER).await;
        Ok(false)
    };
    let Some(hints) = hints else {
        sleep(limit).await;
        return Ok(false);
    };
    tokio::select! {
        hinted = hints.next_within(limit) => hinted,
        free = freed, if wants_room => free,
    }
}

/// Reads the outbox on every hint and every second; listens anew when the connection broke.
async fn tail(pool: sqlx::PgPool, bus: Bus, stop: CancellationToken) {
    let mut tail = Tail::new(pool.clone(), bus);
    let mut hints = None;
    while !stop.is_cancelled() {
        if hints.is_none() {
            hints = Hints::of_events(&pool).await.ok();
        }
        if !matches!(timeout(PATIENCE, tail.step(Instant::now())).await, Ok(Ok(_))) {
            tracing::debug!("the outbox could not be read");
        }
        let waited = match &mut hints {
            Some(hints) => stop.run_until_cancelled(hints.next_within(TAIL_TICK)).await,
            None => stop.run_until_cancelled(sleep(TAIL_TICK)).await.map(|()| Ok(false)),
        };
        if matches!(waited, Some(Err(_))) {
            hints = None;
        }
    }
}
