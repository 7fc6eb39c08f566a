//! Parts of the deletions board: counters, filters, a row, and what stands beside one that shows no sign of life.

use super::deletion_parts::DeletionBadge;
use super::form::{ActionForm, FormAction};
use super::status_badge::{RetryForm, UndoForm, progress_words};
use super::time::{Clock, Moment};
use crate::api::RetryFailed;
use crate::reactive::memo;
use crate::view;
use crate::words;
use domain::deletion::{DeadLetter, Deletion, DeletionState, DeletionSummary};
use leptos::prelude::*;
use uuid::Uuid;

/// The filters: the value in the URL and its words.
const FILTERS: [(&str, &str); 5] = [
    ("", "All"),
    ("SCHEDULED,RUNNING,RETRYING", "Pending"),
    ("FAILED", "Failed"),
    ("SUCCEEDED", "Gone"),
    ("UNDONE", "Undone"),
];

/// How many are in which state, how old the oldest is, how long they take.
#[component]
pub fn Counters(summary: DeletionSummary) -> impl IntoView {
    let counted = |tone: &'static str, name: &'static str, number: i64| {
        let tone = if number > 0 { tone } else { "" };
        counter(tone, name, words::capped(number).into_any())
    };
    let oldest = match summary.oldest_pending {
        Some(at) => view! { <Moment at /> },
        None => "—".into_any(),
    };
    let p95 = summary.p95_ms.map_or_else(|| "—".to_owned(), words::took);
    view! {
        <dl class="counters" aria-label="Deletions counted">
            {counted("amber", "Scheduled", summary.scheduled)}
            {counted("amber", "Running", summary.running)}
            {counted("amber", "Retrying", summary.retrying)}
            {counted("red", "Failed", summary.failed)}
            {counted("", "Gone in 24 h", summary.gone_24h)}
            {counter("", "Oldest due", oldest)}
            {counter("", "95 % gone within", p95.into_any())}
        </dl>
    }
}

fn counter(tone: &'static str, name: &'static str, value: AnyView) -> AnyView {
    view! {
        <div class=tone>
            <dt>{name}</dt>
            <dd>{value}</dd>
        </div>
    }
}

/// Which deletions are shown: links, so that the choice stands in the URL.
#[component]
pub fn Filters(base: String, state: Option<String>) -> impl IntoView {
    let state = state.unwrap_or_default();
    let chip = |(value, words): (&'static str, &'static str)| {
        let current = (state == value).then_some("true");
        let href = if value.is_empty() { base.clone() } else { format!("{base}?state={value}") };
        view! { <a class="chip" href=href aria-current=current>{words}</a> }
    };
    view! { <nav class="chips" aria-label="State">{FILTERS.map(chip).collect_view()}</nav> }
}

/// A form that gives every failed deletion a fresh cycle of attempts.
#[component]
pub fn RetryAllForm(project_id: Option<Uuid>) -> impl IntoView {
    let action = expect_context::<FormAction<RetryFailed>>();
    let project = project_id.map(|id| view! { <input type="hidden" name="project_id" value=id.to_string() /> });
    view! {
        <ActionForm action attr:class="inline">
            {project}
            <button class="btn" type="submit">"Retry all failed"</button>
        </ActionForm>
    }
}

/// Jobs that nobody could read: they hold back nothing, but somebody should know.
#[component]
pub fn DeadLetters(letters: Vec<DeadLetter>) -> impl IntoView {
    let title = words::count(letters.len() as i64, "job");
    let letter = |letter: DeadLetter| {
        view! {
            <li>
                <Moment at=letter.died_at />
                " "
                {letter.reason}
                <div class="mono">{letter.payload}</div>
            </li>
        }
    };
    let many = !letters.is_empty();
    let items = letters.into_iter().map(letter).collect_view();
    many.then(|| {
        view! {
            <details class="banner letters">
                <summary>{title} " in the queue could not be read; no deletion is held back by them"</summary>
                <ul>{items}</ul>
            </details>
        }
    })
}

/// Says so when a deletion that is being worked at shows no sign of life: stuck, where others are only slow.
#[component]
pub fn Silence(deletion: Deletion) -> impl IntoView {
    let clock = expect_context::<Clock>();
    let since = deletion.heartbeat_at;
    let silent = memo(move || clock.now().is_some_and(|now| deletion.is_silent(now)));
    move || {
        since.filter(|_| silent.get()).map(|at| {
            view! { <p class="alert">"No sign of life since " <Moment at /> ": it will be handed to another node."</p> }
        })
    }
}

/// One deletion. `project` is the name of its project, on the board of all.
#[component]
pub fn DeletionRow(deletion: Deletion, project: Option<String>) -> impl IntoView {
    let open = !deletion.state.is_final() && deletion.state != DeletionState::Failed;
    let undo = deletion.can_undo.then(|| view! { <UndoForm deletion=deletion.clone() /> });
    let retry = (deletion.state == DeletionState::Failed).then(|| view! { <RetryForm deletion=deletion.clone() /> });
    let attempts = match deletion.attempt {
        0 => "—".to_owned(),
        attempt => format!("{attempt} of {}", deletion.max_attempts),
    };
    let when = match (deletion.completed_at, deletion.next_retry_at) {
        (Some(at), _) => view! { <Moment at /> },
        (None, Some(at)) => view! { "next try " <Moment at /> },
        (None, None) => "—".into_any(),
    };
    let note = open.then(|| view! { <span>{progress_words(&deletion)}</span> });
    let project = project.map(|name| view! { <div class="sub">{name}</div> });
    view! {
        <tr data-testid="deletion-row">
            <td>
                <a class="name" href=format!("/projects/{}/deletions/{}", deletion.project_id, deletion.id)>
                    {deletion.task_name.clone()}
                </a>
                {project}
            </td>
            <td data-label="State">
                <DeletionBadge state=deletion.state />
                <div class="note">{note} {undo} {retry}</div>
                <Why deletion=deletion.clone() />
            </td>
            <td data-label="Requested">
                <Moment at=deletion.requested_at />
                <div class="sub">{deletion.requested_by.clone()}</div>
            </td>
            <td data-label="Attempts">{attempts}</td>
            <td data-label="Ended">{when}</td>
        </tr>
    }
}

/// The last error in one line; opened, all of it.
#[component]
fn Why(deletion: Deletion) -> impl IntoView {
    let error = deletion.last_error.filter(|_| !deletion.state.is_final());
    error.map(|error| {
        let request = deletion.request_id.map(|id| view! { <div class="mono">"Request " {id}</div> });
        view! {
            <details class="why">
                <summary>{error.headline()}</summary>
                <div class="mono">{error.message}</div>
                {request}
            </details>
        }
    })
}
