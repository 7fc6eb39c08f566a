//! Named points at which a test makes the process crash, fail or wait: before every statement and around every commit
//! of the deletion's story. What happens at a point is said by the variable `FAILPOINTS`, as in
//! `FAILPOINTS="task.delete=1*return(crash)"`; see <https://docs.rs/fail>.
//!
//! Invariant: without the feature `faults`, which no release has, a point is nothing. Called by the statements of `db`,
//! by the use cases where they commit, by the queue around a handler; driven by `server/tests/process`.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` is for tests: a release must not have it");

use crate::Error;
use sqlx::{Postgres, Transaction};

/// Commits; `name` is the transaction's, with a point before (`name.commit`) and one after (`name.committed`), where an
/// error is a commit whose reply was lost.
///
/// # Errors
/// [`Error::Unconfirmed`] when the reply did not come.
pub(crate) async fn commit(tx: Transaction<'_, Postgres>, name: &str) -> Result<(), Error> {
    around(name, ".commit")?;
    let replied = tx.commit().await.and_then(|()| around(name, ".committed"));
    replied.map_err(|error| match error {
        sqlx::Error::Database(_) => error.into(),
        lost => Error::Unconfirmed(lost),
    })
}

#[cfg(not(feature = "faults"))]
mod off {
    /// Nothing.
    pub(crate) fn point(_: &str) -> Result<(), sqlx::Error> {
        Ok(())
    }

    pub(super) fn around(_: &str, _: &str) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

#[cfg(not(feature = "faults"))]
use off::around;
#[cfg(not(feature = "faults"))]
pub(crate) use off::point;

#[cfg(feature = "faults")]
mod on {
    use std::time::Duration;

    /// Reads what is to happen from the environment, and holds until it is dropped.
    pub fn start() -> fail::FailScenario<'static> {
        fail::FailScenario::setup()
    }

    /// Crashes (`crash`), waits 300 ms (`delay`) or fails as a broken connection (`error`), when it is told to.
    pub(crate) fn point(name: &str) -> Result<(), sqlx::Error> {
        fail::fail_point!(name, |what| {
            eprintln!("fault at {name}");
            match what.as_deref() {
                Some("crash") => std::process::abort(),
                Some("delay") => {
                    std::thread::sleep(Duration::from_millis(300));
                    Ok(())
                }
                _ => Err(std::io::Error::other(format!("fault at {name}")).into()),
            }
        });
        Ok(())
    }

    pub(super) fn around(name: &str, end: &str) -> Result<(), sqlx::Error> {
        point(&format!("{name}{end}"))
    }

    /// Every point on the way of a deletion, as [`point`] and [`super::commit`] name them.
    pub const POINTS: &[&str] = &[
        // Accepting.
        "task.lock",
        "task.fence",
        "execution.list_in_flight",
        "project.undo_window",
        "deletion.insert",
        "job.publish",
        "outbox.insert",
        "accept.commit",
        "accept.committed",
        // The queue around a handler.
        "job.handle",
        "job.handled",
        "job.postpone",
        // Many at once.
        "deletion.take_small",
        "deletion.finish_small",
        "job.forget",
        "sweep.commit",
        "sweep.committed",
        // One by one.
        "deletion.start_attempt",
        "execution.count_in_flight",
        "execution.cancel_in_flight",
        "drain.commit",
        "drain.committed",
        "execution.count",
        "deletion.start_purge",
        "execution.oldest",
        "execution.purge_logs",
        "execution.purge",
        "deletion.add_progress",
        "purge.commit",
        "purge.committed",
        "deletion.enter_step",
        "task.delete",
        "deletion.succeed",
        "delete_row.commit",
        "delete_row.committed",
        // A failed attempt, given up, started over.
        "deletion.record_failure",
        "deletion.insert_entry",
        "task.set_status",
        "failed.commit",
        "failed.committed",
        "deletion.start_over",
        "job.publish_again",
        "retry.commit",
        "retry.committed",
        // Undone.
        "deletion.undo",
        "schedule.plan",
        "undo.commit",
        "undo.committed",
        // The reconciler.
        "deletion.lock_reconciler",
        "deletion.stuck",
        "deletion.touch",
        "reconcile.commit",
        "reconcile.committed",
        // The tail of the outbox, the scheduler.
        "outbox.read",
        "schedule.take_due",
        "schedule.plan_many",
        "claim.commit",
        "claim.committed",
    ];
}

#[cfg(feature = "faults")]
use on::around;
#[cfg(feature = "faults")]
pub(crate) use on::point;
#[cfg(feature = "faults")]
pub use on::{POINTS, start};
