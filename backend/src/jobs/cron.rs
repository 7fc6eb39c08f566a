//! Cron: passes that run by the clock of every node, kept by apalis-cron in memory.
//!
//! Invariant: at most one pass at a time in a process; a pass that is slow, hangs or panics never stops the next ones.
//! Which node works is the pass's business (an advisory lock). Used by the reconciler and the retention.

use super::supervisor::{panic_text, supervise, until_stopped};
use apalis::prelude::{WorkerBuilder, WorkerContext};
use apalis_cron::timezone::Utc as CronUtc;
use apalis_cron::{CronScheduler, Tick};
use chrono::{DateTime, Utc};
use domain::schedule::{Schedule, ScheduleConfig};
use domain::task::ScheduleType;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// An expression that cannot be scheduled.
#[derive(Debug, thiserror::Error)]
#[error("{name}: \"{expression}\" {reason}")]
pub struct CronError {
    name: String,
    expression: String,
    reason: String,
}

/// Runs `pass` at every tick of `expression` (5 fields, or 6 with seconds first, in UTC) until `stop`. A pass is cut off
/// after `timeout`, which should be shorter than the period: a tick that comes while a pass is going on is left out.
///
/// # Errors
/// An invalid expression, at once. Nothing else ends it.
pub async fn run_cron<F>(
    name: &str,
    expression: &str,
    timeout: Duration,
    stop: CancellationToken,
    pass: F,
) -> Result<(), CronError>
where
    F: Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
{
    let timetable = Timetable::parse(name, expression)?;
    let pass = Arc::new(Pass { name: name.to_owned(), timeout, body: Mutex::new(pass) });
    supervise(name, &stop, |number| {
        let context = WorkerContext::new(&format!("{name}-{number}"));
        let pass = Arc::clone(&pass);
        let worker =
            WorkerBuilder::new(&context).backend(CronScheduler::new(timetable.clone())).build(move |_: Tick| {
                let pass = Arc::clone(&pass);
                async move { pass.run().await }
            });
        let stop = &stop;
        async move { until_stopped(worker.run(), &context, stop, timeout).await }
    })
    .await;
    Ok(())
}

struct Pass<F> {
    name: String,
    timeout: Duration,
    /// Locked while a pass is going on.
    body: Mutex<F>,
}

impl<F: Fn() -> BoxFuture<'static, ()>> Pass<F> {
    async fn run(&self) {
        let Ok(body) = self.body.try_lock() else {
            tracing::debug!(name = self.name, "the pass before is still going on; this tick is left out");
            return;
        };
        // The closure itself may panic as well.
        let guarded = AssertUnwindSafe(async { body().await }).catch_unwind();
        match tokio::time::timeout(self.timeout, guarded).await {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => tracing::error!(name = self.name, panic = panic_text(panic.as_ref()), "pass panicked"),
            Err(_) => tracing::error!(name = self.name, timeout = ?self.timeout, "pass cut off"),
        }
    }
}

/// Our own parser behind apalis' trait: one meaning of an expression in the whole product.
#[derive(Clone)]
struct Timetable {
    schedule: Schedule,
    /// A timer may fire a little early: the tick that it was for must not come twice.
    last: DateTime<Utc>,
}

impl Timetable {
    fn parse(name: &str, expression: &str) -> Result<Self, CronError> {
        let config = ScheduleConfig {
            cron_expression: Some(expression.to_owned()),
            timezone: "UTC".to_owned(),
            ..ScheduleConfig::default()
        };
        let schedule = Schedule::parse(ScheduleType::Recurring, &config, Utc::now()).map_err(|errors| CronError {
            name: name.to_owned(),
            expression: expression.to_owned(),
            reason: errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "),
        })?;
        Ok(Self { schedule, last: DateTime::UNIX_EPOCH })
    }
}

impl apalis_cron::Schedule<CronUtc> for Timetable {
    fn next_tick(&mut self, _: &CronUtc) -> Option<Tick<CronUtc>> {
        self.last = self.schedule.next_after(Utc::now().max(self.last))?;
        u64::try_from(self.last.timestamp()).ok().map(Tick::new)
    }
}
