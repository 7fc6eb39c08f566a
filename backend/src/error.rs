//! What a use case can end in, and what kind of failure a database error is.

use domain::deletion::FailureKind;
use domain::error::{ProblemKind, Refusal};

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did nothing. Nothing has changed, but for [`Error::Unconfirmed`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule said no; the caller is told why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database could not do it; the transaction is gone.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The connection broke while the database committed, or something failed after a commit: the change may have happened
    /// or not. What was being deleted may be asked for again: the answer is the same deletion.
    #[error(transparent)]
    Unconfirmed(sqlx::Error),
    /// Something that cannot happen did, or a stored value is of a newer version. It is logged; the caller learns no details.
    #[error("{0}")]
    Broken(&'static str),
}

/// What is said where nobody knows; see [`Error::Unconfirmed`].
const UNCONFIRMED: &str = "The database did not answer in time: the change may have happened or not. A DELETE, and any \
                           request with an Idempotency-Key, can be repeated safely.";

/// The refusal of a request about which nobody knows whether it has changed anything.
#[must_use]
pub fn unconfirmed() -> Refusal {
    Refusal::new(ProblemKind::Unconfirmed, UNCONFIRMED)
}

impl Error {
    /// The same failure where something was committed before it: nobody may be told that nothing has changed.
    pub(crate) fn after_a_commit(self) -> Self {
        match self {
            Self::Database(error) => Self::Unconfirmed(error),
            other => other,
        }
    }

    /// What the caller is told. Details of the database stay in the log.
    #[must_use]
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Unconfirmed(error) => {
                tracing::warn!(%error, "a commit was not confirmed");
                unconfirmed()
            }
            Self::Broken(what) => {
                tracing::error!("{what}");
                Refusal::new(ProblemKind::Internal, "Something went wrong here. Nothing has changed.")
            }
            Self::Database(error) => match failure_kind(&error) {
                FailureKind::Conflict | FailureKind::Bug | FailureKind::InFlight => {
                    tracing::error!(%error, "database error");
                    Refusal::new(ProblemKind::Internal, "Something went wrong here. Nothing has changed.")
                }
                kind @ (FailureKind::DbUnavailable | FailureKind::Timeout | FailureKind::LockHeld) => {
                    tracing::warn!(%error, kind = kind.as_str(), "database unavailable");
                    let detail = format!("The database cannot take this now ({}). Nothing has changed.", kind.words());
                    Refusal::new(ProblemKind::Unavailable, detail)
                }
            },
        }
    }
}

/// What kind of failure a database error is: by SQLSTATE where the server answered, else by how the connection broke.
/// Codes: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
#[must_use]
pub fn failure_kind(error: &sqlx::Error) -> FailureKind {
    match error {
        sqlx::Error::Database(answer) => match answer.code().as_deref() {
            Some("57014" | "25P03" | "25P04") => FailureKind::Timeout,
            Some("55P03" | "40P01" | "40001") => FailureKind::LockHeld,
            // It refuses connections (55000), is not there (3D000), lets us not in (28…), or is a standby now (25006).
            Some("55000" | "3D000" | "25006") => FailureKind::DbUnavailable,
            Some(code) if ["08", "28", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) => {
                FailureKind::DbUnavailable
            }
            Some(code) if code.starts_with("23") => FailureKind::Conflict,
            _ => FailureKind::Bug,
        },
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_) => FailureKind::DbUnavailable,
        _ => FailureKind::Bug,
    }
}

/// The name of the constraint that refused the statement, if one did.
pub(crate) fn violated(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
}
