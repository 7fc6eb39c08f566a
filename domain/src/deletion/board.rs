//! What the deletions board shows: counters over many records, and the timeline of one.

use super::LastError;
use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Deletions counted by state, of a project or of all. Counts stop at [`crate::page::COUNT_CAP`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletionSummary {
    /// Accepted, no attempt has begun.
    pub scheduled: i64,
    /// Being torn down.
    pub running: i64,
    /// Waiting for the next attempt after one that failed.
    pub retrying: i64,
    /// Given up.
    pub failed: i64,
    /// Gone within the last 24 hours.
    pub gone_24h: i64,
    /// When the oldest was accepted that is not over or failed although its undo window is.
    pub oldest_pending: Option<DateTime<Utc>>,
    /// Of the last thousand that are gone within 24 hours: 95 of 100 took at most so long, in milliseconds, from the end of
    /// their undo window to gone.
    pub p95_ms: Option<i64>,
    /// Jobs that nobody could read, of all projects, the newest 20.
    pub dead_letters: Vec<DeadLetter>,
}

/// A job that nobody can read. It blocks nothing (the record is the truth, the job only an accelerator) and stays until
/// retention takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    /// The job row's id.
    pub id: String,
    /// The deletion that it was for, when its key still says so.
    pub deletion_id: Option<Uuid>,
    /// Why it could not be read. Never empty.
    pub reason: String,
    /// The beginning of the payload as text; what is not UTF-8 is escaped.
    pub payload: String,
    /// When it died.
    pub died_at: DateTime<Utc>,
}

text_enum! {
    /// What happened to a deletion between its request and its end.
    pub enum EntryKind {
        /// An attempt failed; there will be another.
        AttemptFailed = "ATTEMPT_FAILED",
        /// The last attempt failed: DELETE_FAILED.
        GivenUp = "GIVEN_UP",
        /// Somebody, or the reconciler, gave it a fresh cycle of attempts.
        StartedOver = "STARTED_OVER",
    }
}

/// One line of a deletion's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEntry {
    /// What happened.
    pub kind: EntryKind,
    /// When.
    pub at: DateTime<Utc>,
    /// The node whose attempt it was, or who started it over.
    pub actor: String,
    /// Which attempt failed.
    pub attempt: Option<i32>,
    /// Why it failed.
    pub error: Option<LastError>,
}
