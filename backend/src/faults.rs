//! Named points at which a test makes the process crash, fail or wait: before every statement and around every commit
//! of the deletion's story. What happens at a point is said by the variable `FAILPOINTS`, as in
//! `FAILPOINTS="task.delete=1*return(crash)"`; see <https://docs.rs/fail>.
//!
//! Invariant: without the feature `faults`, which no release has, a point is nothing. Called by the statements of `db`,
//! by the use cases where they commit, by the queue around a handler; driven by `server/tests/process`.

#[cfg(all(feature = "faults", not(debug_assertions)))]
compile_error!("the feature `faults` is for tests: a release must not have it");

#[cfg(feature = "faults")]
mod points;

use crate::Error;
#[cfg(feature = "faults")]
pub use points::*;
use sqlx::{Postgres, Transaction};

/// Commits; `name` is the transaction's, with a point before (`name.commit`) and one after (`name.committed`), where an
/// error is a commit whose reply was lost.
///
/// # Errors
/// [`Error::Unconfirmed`] when the reply did not come.
pub(crate) async fn commit(tx: Transaction<'_, Postgres>, name: &str) -> Result<(), Error> {
    around(name, ".commit")?;
    let replied = tx.commit().await.and_then(|()| around(name, ".committed"));
    replied.map_err(|error| match &error {
        // A server that is stopped may have committed before it ended the session.
        sqlx::Error::Database(said) if !said.code().is_some_and(|code| code.starts_with("57P")) => error.into(),
        _ => Error::Unconfirmed(error),
    })
}

#[cfg(not(feature = "faults"))]
mod off {
    /// Nothing.
    pub(crate) fn point(_: &str) -> Result<(), sqlx::Error> {
        Ok(())
    }

    /// False.
    pub(crate) fn is_on(_: &str) -> bool {
        false
    }

    pub(super) fn around(_: &str, _: &str) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

#[cfg(not(feature = "faults"))]
use off::around;
#[cfg(not(feature = "faults"))]
pub(crate) use off::{is_on, point};

#[cfg(feature = "faults")]
mod on {
    use super::points::FAMILIES;
    use std::time::Duration;

    /// Reads what is to happen from the environment, and holds until it is dropped.
    pub fn start() -> fail::FailScenario<'static> {
        fail::FailScenario::setup()
    }

    /// Crashes (`crash`), waits 300 ms (`delay`) or fails as a broken connection (`error`), when it is told to.
    pub(crate) fn point(name: &str) -> Result<(), sqlx::Error> {
        debug_assert!(FAMILIES.iter().any(|family| family.contains(&name)), "{name} is in no family");
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

    /// Whether a test asked for it, as in `FAILPOINTS="clock.boot=return"`.
    pub(crate) fn is_on(name: &str) -> bool {
        fail::fail_point!(name, |_| true);
        false
    }

    pub(super) fn around(name: &str, end: &str) -> Result<(), sqlx::Error> {
        point(&format!("{name}{end}"))
    }
}

#[cfg(feature = "faults")]
use on::around;
#[cfg(feature = "faults")]
pub use on::start;
#[cfg(feature = "faults")]
pub(crate) use on::{is_on, point};
