//! Callbacks: what the client of an execution logs, and how it says that it has ended.
//!
//! Invariant: a callback decides under the lock of its execution. Whoever removes history locks the executions first, so no
//! line comes to one that goes; one that has gone with its task is counted on the receipt.

use crate::api_keys::KeyHolder;
use crate::transaction::after_commit;
use crate::{Backend, Result, Tx, db};
use domain::api_key::Scope;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::execution::callback::{Effect, Report};
use domain::execution::{ExecutionStatus, LogLevel, MAX_LOG_CHARS, MAX_LOG_LINES};
use serde_json::json;
use uuid::Uuid;

/// The last line of a log that has as many bytes as it may.
const FULL: &str = "Further lines are not kept: the log has as many bytes as SEXTON_QUOTA_LOG_BYTES allows.";

/// What became of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was taken; in words.
    Taken(&'static str),
    /// The task is gone, or on its way and past the point of no return; its receipt counts the callback.
    TaskDeleted,
}

/// Adds a line to the log of an execution; above the limit nothing is kept but a marker, and that is no error.
///
/// # Errors
/// [`ProblemKind::Forbidden`], [`ProblemKind::ValidationFailed`], [`ProblemKind::ExecutionNotFound`].
pub async fn log(backend: &Backend, key: &KeyHolder, id: Uuid, level: &str, message: &str) -> Result<Answer> {
    key.require(Scope::Callbacks)?;
    let level = parse_line(level, message)?;
    let mut tx = backend.begin().await?;
    let Some(execution) = db::execution::lock_for_callback(&mut tx, key.project_id, id).await? else {
        return late(backend, tx, key, id).await;
    };
    let most = match backend.policies.quotas.log_bytes {
        0 => i64::MAX - 1,
        most => most,
    };
    let (kept, bytes) = (execution.log_bytes, message.len() as i64);
    let (level, message, bytes) = match execution.log_lines {
        lines if lines > MAX_LOG_LINES || kept > most => {
            return Ok(Answer::Taken("The log is full: the line was not kept."));
        }
        MAX_LOG_LINES => (LogLevel::Warn, "Further lines are not kept.", 0),
        // Now it counts as more than it may have: this marker is the last line.
        _ if kept.saturating_add(bytes) > most => (LogLevel::Warn, FULL, most + 1 - kept),
        _ => (level, message, bytes),
    };
    // Once in a second of the clock is enough: whoever follows reads all that is there.
    if db::execution::add_line(&mut tx, id, level, message, bytes).await? {
        let payload = json!({ "execution_id": id });
        let (project_id, task_id) = (key.project_id, Some(execution.task_id));
        db::outbox::insert(&mut tx, EventKind::ExecutionLogged, project_id, task_id, payload).await?;
    }
    backend.commit(tx, "callback").await?;
    backend.tell();
    Ok(Answer::Taken("Logged."))
}

/// Notes what the client says of its execution. An end never changes: a repeat is taken, another one refused.
///
/// # Errors
/// [`ProblemKind::Forbidden`], [`ProblemKind::ValidationFailed`], [`ProblemKind::ExecutionNotFound`],
/// [`ProblemKind::ExecutionEnded`].
pub async fn report(backend: &Backend, key: &KeyHolder, id: Uuid, status: &str, error: Option<&str>) -> Result<Answer> {
    key.require(Scope::Callbacks)?;
    let (report, error) = parse_report(status, error)?;
    let mut tx = backend.begin().await?;
    let Some(execution) = db::execution::lock_for_callback(&mut tx, key.project_id, id).await? else {
        return late(backend, tx, key, id).await;
    };
    let status = match report.effect(execution.status) {
        Effect::None => return Ok(Answer::Taken("Noted; nothing has changed by it.")),
        Effect::Refused => return Err(ended(execution.status).into()),
        Effect::Ends(status) => status,
    };
    let changed = db::execution::end_as_reported(&mut tx, id, status, error).await?;
    let changed = changed.ok_or(sqlx::Error::RowNotFound)?;
    crate::executor::tell_ended(&mut tx, std::slice::from_ref(&changed)).await?;
    backend.commit(tx, "callback").await?;
    let status = changed.status.as_str();
    after_commit(move || metrics::counter!("sexton_executions_total", "status" => status).increment(1));
    backend.wake_scheduler();
    backend.tell();
    Ok(Answer::Taken("The execution has ended."))
}

/// An execution that is not there: gone with its task, or never known to this project.
async fn late(backend: &Backend, mut tx: Tx, key: &KeyHolder, id: Uuid) -> Result<Answer> {
    if !db::deletion::count_late_callback(&mut tx, key.project_id, id).await? {
        let detail = "There is no such execution in the project of this API key.";
        return Err(Refusal::new(ProblemKind::ExecutionNotFound, detail).into());
    }
    backend.commit(tx, "callback").await?;
    Ok(Answer::TaskDeleted)
}

fn ended(status: ExecutionStatus) -> Refusal {
    let detail = format!("The execution has ended already: it is {status}, and that does not change.");
    Refusal::new(ProblemKind::ExecutionEnded, detail)
}

fn parse_line(level: &str, message: &str) -> Result<LogLevel, Refusal> {
    let mut errors = Vec::new();
    let level = level.parse().map_err(|says| errors.push(FieldError::new("level", says))).unwrap_or(LogLevel::Info);
    errors.extend(refuse_text("message", message));
    if errors.is_empty() { Ok(level) } else { Err(Refusal::fields(ProblemKind::ValidationFailed, errors)) }
}

fn parse_report<'a>(status: &str, error: Option<&'a str>) -> Result<(Report, Option<&'a str>), Refusal> {
    let mut errors = Vec::new();
    let report = status.parse().map_err(|says| errors.push(FieldError::new("status", says))).ok();
    let error = error.map(str::trim).filter(|error| !error.is_empty());
    errors.extend(error.and_then(|error| refuse_text("error", error)));
    if error.is_some() && report.is_some_and(|report| report != Report::Failed) {
        errors.push(FieldError::new("error", "must be left out unless the status is FAILED"));
    }
    match report {
        Some(Report::Failed) if errors.is_empty() => {
            Ok((Report::Failed, error.or(Some("The client says that it failed."))))
        }
        Some(report) if errors.is_empty() => Ok((report, None)),
        _ => Err(Refusal::fields(ProblemKind::ValidationFailed, errors)),
    }
}

fn refuse_text(field: &str, text: &str) -> Option<FieldError> {
    let is_too_much = text.chars().count() > MAX_LOG_CHARS || text.contains('\0');
    let says = format!("must have at most {MAX_LOG_CHARS} characters and no NUL");
    is_too_much.then(|| FieldError::new(field, says))
}
