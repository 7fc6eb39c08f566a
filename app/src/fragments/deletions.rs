//! The deletions board, of a project and of all: live counters, what is under way, and the receipts, newest first.

use super::address::{Address, href};
use super::html;
use super::parts::{button_form, chip, empty, moment, moment_or_dash, next_page, retry_form, undo_form};
use crate::api::{Fragment, RetryFailed};
use crate::components::deletion_parts::DeletionBadge;
use crate::components::layout::ProjectHead;
use crate::components::status_badge::progress_words;
use crate::error::AppError;
use crate::view;
use crate::words;
use backend::{Backend, deletions, projects};
use domain::deletion::{DeadLetter, Deletion, DeletionState, DeletionSummary};
use domain::page::Page;
use domain::project::Project;
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

/// What a board shows.
pub(super) struct Board {
    /// None on the board of all.
    pub project: Option<Project>,
    /// Names of the projects on the board of all.
    pub names: Vec<(Uuid, String)>,
    pub summary: DeletionSummary,
    pub page: Page<Deletion>,
}

/// The board of a project, or of all.
pub async fn board(backend: &Backend, project: Option<Uuid>, address: &Address<'_>) -> Result<Fragment, AppError> {
    let project = match project {
        Some(id) => Some(projects::get(backend, id).await?),
        None => None,
    };
    let id = project.as_ref().map(|project| project.id);
    let (state, cursor) = (address.get("state"), address.get("cursor"));
    let page = deletions::list(backend, id, state.as_deref(), cursor.as_deref(), None).await?;
    let mut ids: Vec<Uuid> = page.data.iter().map(|deletion| deletion.project_id).collect();
    ids.dedup();
    let names = if project.is_none() { projects::names(backend, &ids).await? } else { Vec::new() };
    let summary = deletions::summary(backend, id).await?;
    let title = project.as_ref().map_or("Deletions".to_owned(), |project| format!("Deletions of {}", project.name));
    Ok(Fragment::new(&title, &html(whole(&Board { project, names, summary, page }, address))))
}

pub(super) fn whole(board: &Board, address: &Address<'_>) -> AnyView {
    let id = board.project.as_ref().map(|project| project.id);
    let base = id.map_or("/deletions".to_owned(), |id| format!("/projects/{id}/deletions"));
    let (state, cursor) = (address.get("state"), address.get("cursor"));
    let list = match board.page.data.as_slice() {
        [] if state.is_some() || cursor.is_some() => empty("No deletion matches", "Another state may have some."),
        [] => empty(
            "Nothing was deleted yet",
            "Every deletion of a task is listed here, while it is under way and as a receipt.",
        ),
        deletions => table(deletions, &board.names),
    };
    let next = board.page.next_cursor.as_deref();
    let next = next.map(|cursor| href(&base, &[("state", state.as_deref()), ("cursor", Some(cursor))]));
    let of = id.map(|id| ("project_id", id));
    let retry_all = (board.summary.failed > 0)
        .then(|| button_form::<RetryFailed>(of, "retry-failed".to_owned(), "btn", "Retry all failed"));
    view! {
        {head(board.project.as_ref())}
        {counters(&board.summary)}
        <div class="bar">
            {filters(&base, state.as_deref().unwrap_or_default())}
            <span class="space"></span>
            {retry_all}
        </div>
        {dead_letters(&board.summary.dead_letters)}
        {list}
        {next_page(next, "Next page")}
    }
}

/// The head of the project, or of the board of all.
fn head(project: Option<&Project>) -> AnyView {
    match project {
        Some(project) => view! { <ProjectHead id=project.id name=project.name.clone() tab="Deletions" /> },
        None => view! { <div class="head"><h1>"Deletions"</h1></div> },
    }
}

/// How many are in which state, how old the oldest is, how long they take.
fn counters(summary: &DeletionSummary) -> AnyView {
    let counter = |tone: &'static str, name: &'static str, value: AnyView| {
        view! {
            <div class=tone>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let counted = |tone: &'static str, name: &'static str, number: i64| {
        let tone = if number > 0 { tone } else { "" };
        counter(tone, name, words::capped(number).into_any())
    };
    let oldest = moment_or_dash(summary.oldest_pending);
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

/// Which deletions are shown: links, so that the choice stands in the URL.
fn filters(base: &str, state: &str) -> AnyView {
    let chips = FILTERS.map(|(value, words)| chip(href(base, &[("state", Some(value))]), words, state == value));
    view! { <nav class="chips" aria-label="State">{chips.into_iter().collect_view()}</nav> }
}

/// Jobs that nobody could read: they hold back nothing, but somebody should know.
fn dead_letters(letters: &[DeadLetter]) -> Option<AnyView> {
    let title = words::count(letters.len() as i64, "job");
    let letter = |letter: &DeadLetter| {
        view! {
            <li>
                {moment(letter.died_at)}
                " "
                {letter.reason.clone()}
                <div class="mono">{letter.payload.clone()}</div>
            </li>
        }
    };
    (!letters.is_empty()).then(|| view! {
        <details class="banner letters">
            <summary id="letters">{title} " in the queue could not be read; no deletion is held back by them"</summary>
            <ul>{letters.iter().map(letter).collect_view()}</ul>
        </details>
    })
}

/// The rows; each names its project where there are names.
fn table(deletions: &[Deletion], names: &[(Uuid, String)]) -> AnyView {
    let row = |deletion: &Deletion| {
        let name = names.iter().find(|(project, _)| *project == deletion.project_id);
        row(deletion, name.map(|(_, name)| name.clone()))
    };
    view! {
        <div class="card table records">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Task"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Requested"</th>
                        <th scope="col">"Attempts"</th>
                        <th scope="col">"Ended"</th>
                    </tr>
                </thead>
                <tbody>{deletions.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(deletion: &Deletion, project: Option<String>) -> AnyView {
    let open = !deletion.state.is_final() && deletion.state != DeletionState::Failed;
    let attempts = match deletion.attempt {
        0 => "—".to_owned(),
        attempt => format!("{attempt} of {}", deletion.max_attempts),
    };
    let when = match (deletion.completed_at, deletion.next_retry_at) {
        (Some(at), _) => moment(at),
        (None, Some(at)) => view! { "next try " {moment(at)} },
        (None, None) => "—".into_any(),
    };
    let record = format!("/projects/{}/deletions/{}", deletion.project_id, deletion.id);
    view! {
        <tr data-testid="deletion-row">
            <td>
                <a class="name" href=record id=format!("deletion-{}", deletion.id)>{deletion.task_name.clone()}</a>
                {project.map(|name| view! { <div class="sub">{name}</div> })}
            </td>
            <td data-label="State">
                <DeletionBadge state=deletion.state />
                <div class="note">
                    {open.then(|| view! { <span>{progress_words(deletion)}</span> })}
                    {deletion.can_undo.then(|| undo_form(deletion))}
                    {(deletion.state == DeletionState::Failed).then(|| retry_form(deletion))}
                </div>
                {why(deletion)}
            </td>
            <td data-label="Requested">
                {moment(deletion.requested_at)}
                <div class="sub">{deletion.requested_by.clone()}</div>
            </td>
            <td data-label="Attempts">{attempts}</td>
            <td data-label="Ended">{when}</td>
        </tr>
    }
}

/// The last error in one line; opened, all of it.
fn why(deletion: &Deletion) -> Option<AnyView> {
    let error = deletion.last_error.as_ref().filter(|_| !deletion.state.is_final())?;
    let request = deletion.request_id.clone().map(|id| view! { <div class="mono">"Request " {id}</div> });
    Some(view! {
        <details class="why">
            <summary id=format!("why-{}", deletion.id)>{error.headline()}</summary>
            <div class="mono">{error.message.clone()}</div>
            {request}
        </details>
    })
}
