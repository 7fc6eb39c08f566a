//! Words: texts, times and numbers as people read them. Pure.

use chrono::{DateTime, Utc};
use domain::deletion::{Deletion, DeletionState, Step, StepProgress, StepState};
use domain::text::isolated;

/// A text that cannot steer a terminal or turn the line around it: what comes from a server may hold anything.
pub fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    isolated(&text).into_owned()
}

/// A moment, without its zone.
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// 1,234,567.
pub fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 execution", "2 executions".
pub fn count(value: i64, one: &str) -> String {
    let more = if value == 1 { "" } else { "s" };
    format!("{} {one}{more}", number(value))
}

/// Where a deletion stands.
pub fn stands(deletion: &Deletion) -> String {
    match deletion.state {
        DeletionState::Scheduled => match deletion.undo_until.filter(|_| deletion.can_undo) {
            Some(until) => format!("accepted; can be undone until {} UTC", moment(until)),
            None => "accepted".to_owned(),
        },
        DeletionState::Running => deletion.current_step().map_or_else(|| "at work".to_owned(), progress),
        DeletionState::Retrying => {
            let next = deletion.next_retry_at.map(|at| format!("; next try at {} UTC", moment(at)));
            let attempts = format!("attempt {} of {}", deletion.attempt, deletion.max_attempts);
            format!("{attempts} failed: {}{}", why(deletion), next.unwrap_or_default())
        }
        DeletionState::Succeeded => match &deletion.receipt {
            Some(receipt) => {
                let executions = count(receipt.executions, "execution");
                format!("gone, with {executions} and {}", count(receipt.execution_logs, "log line"))
            }
            None => "gone".to_owned(),
        },
        DeletionState::Failed => {
            format!("DELETE_FAILED after {}: {}", count(deletion.attempt.into(), "attempt"), why(deletion))
        }
        DeletionState::Undone => "undone: the task is back".to_owned(),
    }
}

/// Why the last attempt failed: "Timed out while removing history (canceling statement due to …)".
pub fn why(deletion: &Deletion) -> String {
    match &deletion.last_error {
        Some(error) if error.message == error.kind.words() => error.headline(),
        Some(error) => format!("{} ({})", error.headline(), plain(&error.message)),
        None => "no reason is known".to_owned(),
    }
}

/// How far a step is: "removing history: 4,000 of 12,000".
pub fn progress(step: &StepProgress) -> String {
    let words = step.name.words();
    let counts = step.name == Step::PurgeHistory;
    match (step.state, step.total) {
        (StepState::Done, _) if counts && step.done > 0 => format!("{words}: {} done", number(step.done)),
        (StepState::Done, _) => format!("{words}: done"),
        (StepState::Running | StepState::Pending, Some(total)) if counts && total > 0 => {
            format!("{words}: {} of {}", number(step.done), number(total))
        }
        (StepState::Running | StepState::Pending, None) if counts && step.done > 0 => {
            format!("{words}: {} so far", number(step.done))
        }
        (StepState::Running | StepState::Pending, _) => words.to_owned(),
    }
}

/// What is new about a deletion since it was last looked at: steps that are done now, and where it stands.
pub fn news(before: Option<&Deletion>, now: &Deletion) -> Vec<String> {
    let was_done = |step: &StepProgress| {
        before
            .is_some_and(|before| before.steps.iter().any(|old| old.name == step.name && old.state == StepState::Done))
    };
    let done = now.steps.iter().filter(|step| step.state == StepState::Done && !was_done(step));
    let mut news: Vec<String> = done.map(progress).collect();
    let stands_now = stands(now);
    if before.is_none_or(|before| stands(before) != stands_now) {
        news.push(stands_now);
    }
    news
}
