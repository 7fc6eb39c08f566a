//! Writing what became of calls: as many as have ended, in one transaction; again until the database has taken it.

use super::Executor;
use crate::db::execution::{Changed, Ended};
use crate::{Result, db, faults};
use domain::event::EventKind;
use sqlx::{Connection, PgConnection};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Written in one transaction at the most.
const BATCH: usize = 500;
/// Between two tries to write.
const AGAIN: Duration = Duration::from_millis(500);
/// A try that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this many tries in a row that took too long, ends are written without their alerts; after one more, one at a time.
const STRAINED: u32 = 2;
/// How long it lasts until alerts are tried again.
const STRAINED_FOR: Duration = Duration::from_secs(60);

/// Writes ends until `stop`, and then those that are there.
pub(super) async fn run(executor: Executor, mut outcomes: UnboundedReceiver<Ended>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut effort = Effort::default();
    loop {
        let is_left = !batch.is_empty();
        let received = tokio::select! {
            biased;
            received = outcomes.recv_many(&mut batch, BATCH), if batch.len() < BATCH => received,
            () = std::future::ready(()), if is_left => 0,
            () = stop.cancelled() => 0,
        };
        if received == 0 && !is_left {
            return;
        }
        if !write(&executor, &mut batch, &mut effort).await && stop.run_until_cancelled(sleep(AGAIN)).await.is_none() {
            return;
        }
    }
}

/// How ends are written, after what went wrong before.
#[derive(Default)]
struct Effort {
    /// Tries in a row that took too long, and when the last one was.
    timeouts: u32,
    timed_out_at: Option<Instant>,
    /// One at a time: an end that cannot be written must not hold up the others.
    is_single: bool,
}

impl Effort {
    fn is_strained(&self) -> bool {
        self.timeouts >= STRAINED
    }

    fn is_single(&self) -> bool {
        self.is_single || self.timeouts > STRAINED
    }

    /// All is written. Alerts are tried again after a while, and one more timeout then is enough to leave them out again.
    fn relax(&mut self) {
        self.is_single = false;
        let is_over = self.timed_out_at.is_none_or(|at| at.elapsed() >= STRAINED_FOR);
        self.timeouts = match (self.is_strained(), is_over) {
            (false, _) => 0,
            (true, true) => STRAINED - 1,
            (true, false) => STRAINED,
        };
    }

    /// Notes why ends were not written. Returns whether to drop them: no try can succeed.
    fn note(&mut self, failure: Option<&crate::Error>, ended: &[Ended]) -> bool {
        use domain::deletion::FailureKind::{Bug, Conflict, DbUnavailable, InFlight, LockHeld, Timeout};
        let kind = match failure {
            None => Timeout,
            Some(crate::Error::Database(error)) => crate::error::failure_kind(error),
            Some(_) => DbUnavailable,
        };
        let error = failure.map_or_else(|| "no answer in time".to_owned(), ToString::to_string);
        match kind {
            Bug | Conflict if ended.len() == 1 => {
                tracing::error!(error, execution = %ended[0].id, "the end of an execution cannot be written");
                return true;
            }
            Bug | Conflict | LockHeld => self.is_single = true,
            Timeout => {
                self.timeouts = self.timeouts.saturating_add(1);
                self.timed_out_at = Some(Instant::now());
            }
            DbUnavailable | InFlight => {}
        }
        tracing::warn!(error, ends = ended.len(), "ends of executions are not written yet");
        false
    }
}

/// Writes these ends until a try fails, and leaves in `ended` what is not written yet: an end that is forgotten would be a call
/// that is made twice. Returns whether all are written.
///
/// What is written frees the places of its calls at once, and what failed goes to the end of the line. After two tries that
/// take too long the ends are written without alerts, then singly: no slow statement keeps the places of calls for ever.
async fn write(executor: &Executor, ended: &mut Vec<Ended>, effort: &mut Effort) -> bool {
    while !ended.is_empty() {
        let part: Vec<Ended> = ended.drain(..if effort.is_single() { 1 } else { ended.len() }).collect();
        let result = timeout(PATIENCE, write_once(executor, &part, !effort.is_strained())).await;
        let failure = match &result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(effort.note(Some(error), &part)),
            Err(_) => Some(effort.note(None, &part)),
        };
        if failure == Some(false) {
            ended.extend(part);
            return false;
        }
        executor.forget(part.into_iter().map(|ended| (ended.id, (ended.attempt, ended.held_up))));
    }
    effort.relax();
    true
}

async fn write_once(executor: &Executor, ended: &[Ended], with_alerts: bool) -> Result<()> {
    let backend = &executor.0.backend;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let changed = db::execution::finish(&mut tx, &backend.node, ended).await?;
    if changed.len() < ended.len() {
        let known: HashSet<Uuid> = changed.iter().map(|changed| changed.id).collect();
        let others: Vec<&Ended> = ended.iter().filter(|ended| !known.contains(&ended.id)).collect();
        db::execution::keep_answers(&mut tx, &backend.node, &others).await?;
    }
    if with_alerts {
        tell_ended(&mut tx, &changed).await?;
    } else {
        tracing::warn!(ends = changed.len(), "ends are written without alerts: recording those takes too long");
        tell_without_alerts(&mut tx, &changed).await?;
    }
    faults::commit(tx, "finish").await?;
    for changed in &changed {
        metrics::counter!("sexton_executions_total", "status" => changed.status.as_str()).increment(1);
    }
    backend.tell();
    Ok(())
}

/// Writes what follows from the end of executions: the event, alerts and, last, because other nodes wait for the same rows, the counts.
pub(crate) async fn tell_ended(conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    announce(conn, changed).await?;
    crate::alerts::tell_ends(conn, changed).await?;
    count(conn, changed).await
}

async fn tell_without_alerts(conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    announce(conn, changed).await?;
    count(conn, changed).await
}

async fn announce(conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    let tasks = changed.iter().map(|changed| (changed.project_id, changed.task_id));
    Ok(db::outbox::insert_of_executions(conn, EventKind::ExecutionsEnded, tasks).await?)
}

async fn count(conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    let end = |changed: &Changed| Some((changed.task_id, changed.project_id, changed.finished_at?, changed.status));
    let ends: Vec<_> = changed.iter().filter_map(end).collect();
    Ok(db::execution::count_ends(conn, &ends).await?)
}
