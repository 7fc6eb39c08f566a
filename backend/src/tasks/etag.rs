//! `If-Match`: the version of a task that the caller has seen.

use crate::Result;
use domain::error::{ProblemKind, Refusal};

/// What the caller requires of the thing that it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// `If-Match: *`: it must exist.
    Exists,
    /// One of these versions; what could not be a version of ours is left out, so it never matches.
    OneOf(Vec<i64>),
}

impl Precondition {
    /// Checks against the version, or versions, that the thing has.
    ///
    /// # Errors
    /// [`ProblemKind::EtagMismatch`].
    pub fn check(&self, versions: &[i64]) -> Result<()> {
        match self {
            Self::None | Self::Exists => Ok(()),
            Self::OneOf(seen) if seen.iter().any(|version| versions.contains(version)) => Ok(()),
            Self::OneOf(_) => Err(mismatch().into()),
        }
    }

    /// Checks where the task is gone; `seen` is the version that its deletion saw, if there is a receipt.
    ///
    /// # Errors
    /// [`ProblemKind::TaskNotFound`] for [`Self::Exists`], [`ProblemKind::EtagMismatch`] for other versions.
    pub(crate) fn check_gone(&self, seen: Option<i64>) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Exists => {
                let detail = "If-Match: * asks for a task that exists; there is no such task in this project.";
                Err(Refusal { precondition: true, ..Refusal::new(ProblemKind::TaskNotFound, detail) }.into())
            }
            Self::OneOf(versions) if seen.is_some_and(|seen| versions.contains(&seen)) => Ok(()),
            Self::OneOf(_) => Err(mismatch().into()),
        }
    }
}

fn mismatch() -> Refusal {
    Refusal::new(ProblemKind::EtagMismatch, "Somebody changed it in between: If-Match does not fit. Read it again.")
}
