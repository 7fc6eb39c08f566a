//! The deletions board, of a project and of all: live counters, what is under way, and the receipts, newest first.

use super::route::{self, RefusalBanner};
use crate::api::{BoardQuery, BoardView, list_deletions};
use crate::components::board::{Counters, DeadLetters, DeletionRow, Filters, RetryAllForm};
use crate::components::layout::ProjectHead;
use crate::components::loaded::loaded;
use crate::live::{Followed, Live};
use crate::reactive::memo;
use crate::view;
use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

/// The deletions of a project.
#[component]
pub fn ProjectDeletionsPage() -> impl IntoView {
    let id = route::id("project");
    board(move || id().map(Some))
}

/// The deletions of all projects.
#[component]
pub fn AllDeletionsPage() -> impl IntoView {
    board(|| Ok(None))
}

fn board(project: impl Fn() -> Result<Option<Uuid>, crate::error::AppError> + Copy + Send + Sync + 'static) -> AnyView {
    let (state, cursor) = (route::query("state"), route::query("cursor"));
    let query = move || BoardQuery { state: state(), cursor: cursor() };
    loaded(
        move || (project(), query()),
        |(project, query)| async move { Ok((list_deletions(project?, query.clone()).await?, query)) },
        |(view, query)| view! { <Content view query /> },
    )
}

#[component]
fn Content(view: BoardView, query: BoardQuery) -> impl IntoView {
    let project_id = view.project.as_ref().map(|project| project.id);
    let base = project_id.map_or_else(|| "/deletions".to_owned(), |id| format!("/projects/{id}/deletions"));
    let (title, head) = head(&view);
    let next = next_page(&base, &query, view.page.next_cursor.as_deref());
    let shown = RwSignal::new(view);
    let live = expect_context::<Live>();
    live.follow(Followed::from(project_id));
    let (state, filtered) = (query.state.clone(), query != BoardQuery::default());
    let read = move || list_deletions(project_id, query.clone());
    live.keep_fresh(read, move |fresh| {
        if let Ok(fresh) = fresh
            && shown.try_with_untracked(|old| *old != fresh).unwrap_or(false)
        {
            shown.set(fresh);
        }
    });
    let failed = memo(move || shown.with(|view| view.summary.failed > 0));
    view! {
        <Title text=title />
        {head}
        <RefusalBanner />
        {move || view! { <Counters summary=shown.with(|view| view.summary.clone()) /> }}
        <div class="bar">
            <Filters base state />
            <span class="space"></span>
            {move || failed.get().then(|| view! { <RetryAllForm project_id /> })}
        </div>
        {move || view! { <DeadLetters letters=shown.with(|view| view.summary.dead_letters.clone()) /> }}
        <Table shown filtered />
        {next}
    }
}

/// Title and head: those of the project, or of all.
fn head(view: &BoardView) -> (String, AnyView) {
    match view.project.clone() {
        Some(project) => {
            let title = format!("Deletions of {}", project.name);
            (title, view! { <ProjectHead id=project.id name=project.name tab="Deletions" /> })
        }
        None => ("Deletions".to_owned(), view! { <div class="head"><h1>"Deletions"</h1></div> }),
    }
}

fn next_page(base: &str, query: &BoardQuery, cursor: Option<&str>) -> Option<impl IntoView + use<>> {
    let state = query.state.as_ref().map(|state| format!("&state={state}")).unwrap_or_default();
    let href = format!("{base}?cursor={}{state}", cursor?);
    Some(view! { <p class="pager"><a class="btn" href=href>"Next page"</a></p> })
}

#[component]
fn Table(shown: RwSignal<BoardView>, filtered: bool) -> impl IntoView {
    let is_empty = memo(move || shown.with(|view| view.page.data.is_empty()));
    let rows = move || {
        let BoardView { page, names, .. } = shown.get();
        let name = |id: Uuid| names.iter().find(|(project, _)| *project == id).map(|(_, name)| name.clone());
        let row = |deletion: domain::deletion::Deletion| {
            let project = name(deletion.project_id);
            view! { <DeletionRow deletion project /> }
        };
        page.data.into_iter().map(row).collect_view()
    };
    let (title, hint) = if filtered {
        ("No deletion matches", "Another state may have some.")
    } else {
        ("Nothing was deleted yet", "Every deletion of a task is listed here, while it is under way and as a receipt.")
    };
    view! {
        {move || is_empty.get().then(|| view! { <section class="empty"><h2>{title}</h2><p>{hint}</p></section> })}
        <div class="card table records" class:hidden=move || is_empty.get()>
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
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}
