//! Writing what became of calls: as many as have ended, in one transaction; again until the database has taken it.

use super::Executor;
use crate::db::execution::{Changed, Ended};
use crate::{Result, db, faults};
use domain::event::EventKind;
use sqlx::{Connection, PgConnection};
use std::collections::HashSet;
use std::time::Duration;
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

/// Writes ends until `stop`, and then those that are there.
pub(super) async fn run(executor: Executor, mut outcomes: UnboundedReceiver<Ended>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            biased;
            received = outcomes.recv_many(&mut batch, BATCH) => received,
            () = stop.cancelled() => 0,
        };
        if received == 0 {
            return;
        }
        write(&executor, &batch, &stop).await;
        executor.forget(batch.drain(..).map(|ended| (ended.id, (ended.attempt, ended.held_up))));
    }
}

/// Writes them, however long it takes: an end that is forgotten would be a call that is made twice. One that cannot be
/// written must not hold up the others.
async fn write(executor: &Executor, ended: &[Ended], stop: &CancellationToken) {
    let mut is_whole = true;
    loop {
        let parts = if is_whole { ended.len().max(1) } else { 1 };
        let mut failed = None;
        for part in ended.chunks(parts) {
            match timeout(PATIENCE, write_once(executor, part)).await {
                Ok(Ok(())) => {}
                Ok(Err(crate::Error::Database(error))) if is_ours(&error) => {
                    if !is_whole {
                        tracing::error!(%error, execution = %part[0].id, "the end of an execution cannot be written");
                        continue;
                    }
                    is_whole = false;
                    failed = Some(Duration::ZERO);
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "ends of executions are not written yet");
                    failed = Some(AGAIN);
                }
                Err(_) => failed = Some(AGAIN),
            }
        }
        match failed {
            None => return,
            Some(pause) if stop.run_until_cancelled(sleep(pause)).await.is_none() => return,
            Some(_) => {}
        }
    }
}

/// Trying again would not help.
fn is_ours(error: &sqlx::Error) -> bool {
    use domain::deletion::FailureKind::{Bug, Conflict, DbUnavailable, InFlight, LockHeld, Timeout};
    match crate::error::failure_kind(error) {
        Bug | Conflict => true,
        DbUnavailable | InFlight | LockHeld | Timeout => false,
    }
}

async fn write_once(executor: &Executor, ended: &[Ended]) -> Result<()> {
    let backend = &executor.0.backend;
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let changed = db::execution::finish(&mut tx, &backend.node, ended).await?;
    if changed.len() < ended.len() {
        let known: HashSet<Uuid> = changed.iter().map(|changed| changed.id).collect();
        let others: Vec<&Ended> = ended.iter().filter(|ended| !known.contains(&ended.id)).collect();
        db::execution::keep_answers(&mut tx, &others).await?;
    }
    tell_ended(&mut tx, &changed).await?;
    faults::commit(tx, "finish").await?;
    for changed in &changed {
        metrics::counter!("sexton_executions_total", "status" => changed.status.as_str()).increment(1);
    }
    backend.tell();
    Ok(())
}

/// Writes what follows from the end of executions: the event, alerts and, last, because other nodes wait for the same rows, the counts.
pub(crate) async fn tell_ended(conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    let tasks = changed.iter().map(|changed| (changed.project_id, changed.task_id));
    db::outbox::insert_of_executions(conn, EventKind::ExecutionsEnded, tasks).await?;
    crate::alerts::tell_ends(conn, changed).await?;
    let end = |changed: &Changed| Some((changed.task_id, changed.project_id, changed.finished_at?, changed.status));
    let ends: Vec<_> = changed.iter().filter_map(end).collect();
    Ok(db::execution::count_ends(conn, &ends).await?)
}
