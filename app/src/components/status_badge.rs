//! The badge of a task's status: the one home of its words, icon and tone.

use super::icons::{Bars, Circle, Hourglass, Octagon};
use super::time::{Clock, Moment};
use crate::api::{RetryDeletion, UndoDeletion};
use crate::view;
use crate::{browser, words};
use chrono::{DateTime, Utc};
use domain::deletion::{Deletion, DeletionState, Step};
use domain::status::TaskStatus;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The words of a status.
#[must_use]
pub const fn words_of(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Active => "Active",
        TaskStatus::Disabled => "Disabled",
        TaskStatus::PendingDelete => "Pending delete",
        TaskStatus::DeleteFailed => "Delete failed",
    }
}

const fn tone(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Active => "badge green",
        TaskStatus::Disabled => "badge grey",
        TaskStatus::PendingDelete => "badge amber",
        TaskStatus::DeleteFailed => "badge red",
    }
}

/// The badge alone. A task that is active and has no run left is shown as finished.
#[component]
pub fn StatusBadge(status: TaskStatus, #[prop(optional)] finished: bool) -> impl IntoView {
    let finished = finished && status == TaskStatus::Active;
    let icon = match status {
        TaskStatus::Active => view! { <Circle /> },
        TaskStatus::Disabled => view! { <Bars /> },
        TaskStatus::PendingDelete => view! { <Hourglass /> },
        TaskStatus::DeleteFailed => view! { <Octagon /> },
    };
    view! {
        <span
            class=if finished { "badge grey" } else { tone(status) }
            data-status=status.as_str()
            data-testid="task-badge"
        >
            {icon}
            {if finished { "Finished" } else { words_of(status) }}
        </span>
    }
}

/// The badge and what stands beside it: progress and undo, reason and retry, since when.
#[component]
pub fn TaskStatusCell(
    status: TaskStatus,
    since: DateTime<Utc>,
    deletion: Option<Deletion>,
    #[prop(optional)] finished: bool,
) -> impl IntoView {
    let beside = match (status, deletion) {
        (TaskStatus::PendingDelete, Some(deletion)) => view! { <Pending deletion /> },
        (TaskStatus::DeleteFailed, Some(deletion)) => view! { <Failed deletion /> },
        (TaskStatus::Disabled, _) => {
            view! { <div class="note"><span>"since " <Moment at=since /></span></div> }
        }
        (TaskStatus::Active | TaskStatus::PendingDelete | TaskStatus::DeleteFailed, _) => ().into_any(),
    };
    view! {
        <StatusBadge status finished />
        {beside}
    }
}

/// What a pending deletion is doing.
#[must_use]
pub fn progress_words(deletion: &Deletion) -> String {
    if deletion.state == DeletionState::Retrying {
        return format!("attempt {} of {} failed", deletion.attempt, deletion.max_attempts);
    }
    match deletion.current_step() {
        Some(step) if step.name == Step::PurgeHistory => match step.total {
            Some(total) if total > 0 => format!("Removing history, {} %", step.done * 100 / total),
            _ => "Removing history".to_owned(),
        },
        Some(step) if step.name == Step::Drain && !deletion.in_flight.is_empty() => {
            format!("{} in flight", words::count(deletion.in_flight.len() as i64, "run"))
        }
        _ => "Fenced: no run starts".to_owned(),
    }
}

#[component]
fn Pending(deletion: Deletion) -> impl IntoView {
    let next = deletion.next_retry_at.map(|at| view! { ", next " <Moment at /> });
    let bar = deletion.current_step().and_then(|step| Some((step.done, step.total.filter(|total| *total > 1)?)));
    let bar = bar.map(|(done, total)| {
        view! { <progress max=total.to_string() value=done.to_string() aria-label="History removed"></progress> }
    });
    view! {
        <div class="note">
            <span>{progress_words(&deletion)} {next}</span>
            {deletion.can_undo.then(|| view! { <UndoForm deletion=deletion.clone() /> })}
        </div>
        {bar}
    }
}

/// A form that undoes a deletion; with the time that is left once the page has come alive.
#[component]
pub fn UndoForm(deletion: Deletion) -> impl IntoView {
    let (clock, until) = (expect_context::<Clock>(), deletion.undo_until);
    let left = move || Some(words::left(until?, clock.now()?));
    let words = view! { <span>"Undo"</span><span class="left">{left}</span> };
    steer(&deletion, UndoDeletion::PATH, words)
}

#[component]
fn Failed(deletion: Deletion) -> impl IntoView {
    let reason = deletion.last_error.as_ref().map(domain::deletion::LastError::headline).unwrap_or_default();
    let details = format!("/projects/{}/deletions/{}", deletion.project_id, deletion.id);
    let next = deletion.next_retry_at.map(|at| view! { ", next try " <Moment at /> });
    view! {
        <div class="note">
            <span>{reason} {next}</span>
            <RetryForm deletion />
            <a class="link" href=details>
                "Details"
            </a>
        </div>
    }
}

/// A form that gives a failed deletion a fresh cycle of attempts.
#[component]
pub fn RetryForm(deletion: Deletion) -> impl IntoView {
    steer(&deletion, RetryDeletion::PATH, "Retry".into_any())
}

fn steer(deletion: &Deletion, path: &'static str, words: AnyView) -> AnyView {
    let task = deletion.task_uuid;
    view! {
        <form method="post" action=path class="inline">
            <input type="hidden" name="project_id" value=deletion.project_id.to_string() />
            <input type="hidden" name="deletion_id" value=deletion.id.to_string() />
            // The button goes with the deletion; the focus does not.
            <button class="btn sm" type="submit" on:click=move |_| browser::focus(&format!("task-{task}"))>
                {words}
            </button>
        </form>
    }
}
