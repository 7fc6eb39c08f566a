//! The deletions of a project, newest first: what is under way, and the receipts.

use super::route;
use crate::api::list_deletions;
use crate::components::deletion_parts::DeletionBadge;
use crate::components::layout::{ProjectHead, Tab};
use crate::components::loaded::loaded;
use crate::components::status_badge::{RetryForm, UndoForm, progress_words};
use crate::components::time::Moment;
use crate::live::Live;
use domain::deletion::{Deletion, DeletionState};
use domain::page::Page;
use domain::project::Project;
use leptos::prelude::*;
use leptos_meta::Title;

/// The deletions of a project.
#[component]
pub fn DeletionsPage() -> impl IntoView {
    let (id, cursor) = (route::id("project"), route::query("cursor"));
    loaded(
        move || (id(), cursor()),
        |(id, cursor)| async move { Ok((list_deletions(id?, cursor.clone()).await?, cursor)) },
        |((project, page), cursor)| view! { <Content project page cursor /> }.into_any(),
    )
}

#[component]
fn Content(project: Project, page: Page<Deletion>, cursor: Option<String>) -> impl IntoView {
    let id = project.id;
    let rows = RwSignal::new(page.data);
    let live = expect_context::<Live>();
    live.follow(id);
    let read = move || list_deletions(id, cursor.clone());
    live.keep_fresh(read, move |fresh| {
        if let Ok((_, page)) = fresh
            && rows.try_with_untracked(|old| *old != page.data).unwrap_or(false)
        {
            rows.set(page.data);
        }
    });
    let next = page.next_cursor.map(|cursor| view! { <p class="pager"><a class="btn" href=format!("/projects/{id}/deletions?cursor={cursor}")>"Next page"</a></p> });
    view! {
        <Title text=format!("Deletions of {}", project.name) />
        <ProjectHead id name=project.name tab=Tab::Deletions />
        {move || rows.with(Vec::is_empty).then(|| view! { <section class="empty"><h2>"Nothing was deleted yet"</h2><p>"Every deletion of a task is listed here, while it is under way and as a receipt."</p></section> })}
        <div class="card table records" class:hidden=move || rows.with(Vec::is_empty)>
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
                <tbody>{move || rows.get().into_iter().map(|deletion| view! { <Row deletion /> }).collect_view()}</tbody>
            </table>
        </div>
        {next}
    }
}

#[component]
fn Row(deletion: Deletion) -> impl IntoView {
    let open = !deletion.state.is_final() && deletion.state != DeletionState::Failed;
    let undo = deletion.can_undo.then(|| view! { <UndoForm deletion=deletion.clone() /> });
    let retry = (deletion.state == DeletionState::Failed).then(|| view! { <RetryForm deletion=deletion.clone() /> });
    let reason =
        deletion.last_error.as_ref().filter(|_| !deletion.state.is_final()).map(domain::deletion::LastError::headline);
    let attempts = match deletion.attempt {
        0 => "—".to_owned(),
        attempt => format!("{attempt} of {}", deletion.max_attempts),
    };
    let ended = match deletion.completed_at {
        Some(at) => view! { <Moment at /> }.into_any(),
        None => "—".into_any(),
    };
    let note = open.then(|| progress_words(&deletion));
    view! {
        <tr data-testid="deletion-row">
            <td>
                <a class="name" href=format!("/projects/{}/deletions/{}", deletion.project_id, deletion.id)>
                    {deletion.task_name.clone()}
                </a>
            </td>
            <td data-label="State">
                <DeletionBadge state=deletion.state />
                <div class="note">{note.map(|words| view! { <span>{words}</span> })} {reason.map(|words| view! { <span>{words}</span> })} {undo} {retry}</div>
            </td>
            <td data-label="Requested">
                <Moment at=deletion.requested_at />
                <div class="sub">{deletion.requested_by.clone()}</div>
            </td>
            <td data-label="Attempts">{attempts}</td>
            <td data-label="Ended">{ended}</td>
        </tr>
    }
}
