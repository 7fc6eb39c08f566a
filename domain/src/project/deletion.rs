//! The deletion of a project: its record, and the rules of consent and state.
//!
//! Called by `backend/projects/delete.rs` and by the page that asks for it.

use crate::deletion::DeletionState;
#[cfg(feature = "parsing")]
use crate::error::FieldError;
#[cfg(feature = "parsing")]
use crate::text::composed;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The record of the deletion of a project. It outlives the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectDeletion {
    /// The record.
    pub id: Uuid,
    /// The project.
    pub project_id: Uuid,
    /// Its name.
    pub project_name: String,
    /// `RUNNING` until it is gone; `RETRYING` after an error; `FAILED` while the deletion of a task of it has failed;
    /// `SUCCEEDED` at the end.
    pub state: DeletionState,
    /// When it was accepted: since then no run of any of its tasks starts.
    pub requested_at: DateTime<Utc>,
    /// Who asked for it.
    pub requested_by: String,
    /// In which request.
    pub request_id: Option<String>,
    /// How many tasks were fenced: all that it had.
    pub tasks: i64,
    /// Executions that had started when it was accepted: only they may still call.
    pub in_flight: Vec<Uuid>,
    /// Tasks that are still there, counted up to 1,000.
    pub tasks_left: i64,
    /// Those of them whose deletion has failed, counted up to 1,000: retry it, or correct what is in its way.
    pub tasks_failed: i64,
    /// Steps that failed in a row.
    pub failed_attempts: i32,
    /// What the last of them ended with.
    pub last_error: Option<String>,
    /// When it is tried again.
    pub next_retry_at: Option<DateTime<Utc>>,
    /// When the project was gone.
    pub completed_at: Option<DateTime<Utc>>,
    /// What went with it, once it is gone.
    pub receipt: Option<ProjectReceipt>,
}

/// What was removed with a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProjectReceipt {
    /// Tasks; each that was there has a receipt of its own, with its history.
    pub tasks: i64,
    /// Task groups.
    pub task_groups: i64,
    /// API keys.
    pub api_keys: i64,
    /// Alerts that were recorded.
    pub alerts: i64,
}

/// What deleting a project would stop and remove; each is counted up to 1,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectDeletionPreview {
    /// Tasks, whatever their status.
    pub tasks: i64,
    /// Those of them that run on a schedule now.
    pub active: i64,
    /// Runs that go, with their logs.
    pub executions: i64,
    /// Runs of which a call may be out: they may still end.
    pub in_flight: i64,
    /// Runs that wait for their start or their next attempt: they are cancelled.
    #[serde(default)]
    pub waiting: i64,
    /// Task groups.
    pub task_groups: i64,
    /// API keys.
    pub api_keys: i64,
}

/// Where the deletion of a project stands.
#[must_use]
pub fn deletion_state(is_gone: bool, has_error: bool, tasks_failed: i64) -> DeletionState {
    match (is_gone, has_error, tasks_failed) {
        (true, _, _) => DeletionState::Succeeded,
        (false, _, 1..) => DeletionState::Failed,
        (false, true, _) => DeletionState::Retrying,
        (false, false, _) => DeletionState::Running,
    }
}

/// Whoever deletes a project that has tasks types its name; the surrounding space does not count.
///
/// # Errors
/// What is to be typed.
#[cfg(feature = "parsing")]
pub fn check_consent(name: &str, has_tasks: bool, typed: &str) -> Result<(), FieldError> {
    if !has_tasks || composed(typed.trim()) == composed(name) {
        return Ok(());
    }
    Err(FieldError::new("name", format!("type the name of the project, \"{name}\": it has tasks")))
}
