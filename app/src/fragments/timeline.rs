//! What happened to a deletion, in its order, each line with who or which node did it, and what comes next.

use super::parts::moment;
use crate::view;
use crate::words;
use chrono::{DateTime, Utc};
use domain::deletion::{Deletion, DeletionState, EntryKind, TimelineEntry};
use leptos::prelude::*;

/// The timeline of a record that was read by itself.
pub fn timeline(deletion: &Deletion) -> AnyView {
    let fenced = match deletion.in_flight.len() as i64 {
        0 => "Fenced in the same moment: no run has started since.".to_owned(),
        runs => format!(
            "Fenced in the same moment: no run has started since, except {} in flight.",
            words::count(runs, "run")
        ),
    };
    let requested = view! { <b>"Requested"</b> " by " {deletion.requested_by.clone()} <div>{fenced}</div> };
    let entries = deletion.timeline.iter().cloned().map(|entry| line(entry, deletion.max_attempts)).collect_view();
    let undo = deletion.undo_until.filter(|until| deletion.can_undo && *until > deletion.requested_at);
    let undo = undo.map(|at| item("now", Some(at), view! { <b>"Teardown begins"</b> ", unless it is undone" }));
    let next = deletion.next_retry_at.map(|at| item("now", Some(at), view! { <b>"Next attempt"</b> }));
    let ended = deletion.completed_at.map(|at| item("good", Some(at), outcome(deletion)));
    view! {
        <ol class="timeline">
            {item("", Some(deletion.requested_at), requested)}
            {entries}
            {undo}
            {attempt(deletion)}
            {next}
            {ended}
        </ol>
    }
}

fn item(tone: &'static str, at: Option<DateTime<Utc>>, what: AnyView) -> AnyView {
    view! {
        <li class=tone>
            <span class="when">{at.map(moment)}</span>
            <div>{what}</div>
        </li>
    }
}

/// A line of the record's own history.
fn line(entry: TimelineEntry, max_attempts: i32) -> AnyView {
    let number = entry.attempt.unwrap_or_default();
    let (tone, title) = match entry.kind {
        EntryKind::AttemptFailed => ("bad", format!("Attempt {number} of {max_attempts} failed")),
        EntryKind::GivenUp => ("bad", format!("Given up after attempt {number} of {max_attempts}")),
        EntryKind::StartedOver => ("", "Started over".to_owned()),
    };
    let error = entry.error.map(|error| {
        view! {
            ": "
            {error.headline()}
            <div class="mono">{error.message}</div>
        }
    });
    let by = if entry.kind == EntryKind::StartedOver { "by " } else { "by node " };
    item(tone, Some(entry.at), view! { <b>{title}</b> {error} <div>{by} {entry.actor}</div> })
}

/// The attempt that is being made.
fn attempt(deletion: &Deletion) -> Option<AnyView> {
    let title = format!("Attempt {} of {}", deletion.attempt, deletion.max_attempts);
    let by = deletion.node.clone().map(|node| view! { <div>"by node " {node}</div> });
    (deletion.state == DeletionState::Running)
        .then(|| item("now", None, view! { <b>{title}</b> " is being made" {by} }))
}

/// How it ended.
fn outcome(deletion: &Deletion) -> AnyView {
    let Some(receipt) = deletion.receipt.clone() else {
        return view! { <b>"Undone"</b> ": the task is back" };
    };
    let removed = [
        words::count(receipt.tasks, "task"),
        words::count(receipt.executions, "run"),
        words::count(receipt.execution_logs, "log line"),
    ];
    view! {
        <b>"Gone"</b>
        <div data-testid="receipt">{format!("Removed {}", removed.join(", "))}</div>
        <div>"by node " {receipt.node}</div>
    }
}
