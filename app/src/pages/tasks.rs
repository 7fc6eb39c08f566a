//! The task list of a project: search, filter and page stand in the URL; the rows follow what happens.

use super::route::{self, RefusalBanner};
use super::task_list::TaskList;
use crate::api::{TaskListView, TaskQuery, get_deletion, list_tasks};
use crate::components::deletion_parts::DeletionBadge;
use crate::components::layout::{ProjectHead, looks_only};
use crate::components::loaded::{Loaded, loaded};
use crate::components::status_badge::{self, UndoForm};
use crate::view;
use crate::words;
use domain::deletion::Deletion;
use domain::status::TaskStatus;
use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

/// The task list.
#[component]
pub fn TasksPage() -> impl IntoView {
    let id = route::id("project");
    let (status, search, cursor) = (route::query("status"), route::query("search"), route::query("cursor"));
    let group = route::query("group");
    let query = move || TaskQuery { status: status(), search: search(), group: group(), cursor: cursor() };
    loaded(
        move || (id(), query()),
        |(id, query)| async move { Ok((list_tasks(id?, query.clone(), String::new()).await?, query)) },
        |(view, query)| view! { <Content view query /> },
    )
}

#[component]
fn Content(view: TaskListView, query: TaskQuery) -> impl IntoView {
    let (id, name) = (view.project.id, view.project.name.clone());
    let (counts, note) = (RwSignal::new(view.counts), view.looks_only.then(looks_only));
    let next = view.page.next_cursor.clone().map(|cursor| {
        let href = list_url(id, &TaskQuery { cursor: Some(cursor), ..query.clone() });
        view! { <p class="pager"><a class="btn" href=href>"Next page"</a></p> }
    });
    view! {
        <Title text=name.clone() />
        <ProjectHead id name tab="Tasks">
            <a class="btn primary" href=format!("/projects/{id}/tasks/new")>
                "New task"
            </a>
        </ProjectHead>
        {note}
        <RefusalBanner />
        <Notice project_id=id />
        <Filters project_id=id query=query.clone() counts />
        <TaskList project_id=id query rows=view.page.data groups=RwSignal::new(view.groups) counts />
        {next}
    }
}

/// What a plain form did, after its redirect.
#[component]
fn Notice(project_id: Uuid) -> impl IntoView {
    let (deletion, notice) = (route::query("deletion"), route::query("notice"));
    let deletion = Resource::new(deletion, move |id| async move {
        let id = id.and_then(|id| id.parse::<Uuid>().ok())?;
        get_deletion(project_id, id).await.ok().map(Loaded::new)
    });
    let banner = move || {
        Suspend::new(async move {
            deletion.await.and_then(|loaded| loaded.take::<Deletion>().ok()).map(|deletion| {
                let href = format!("/projects/{project_id}/deletions/{}", deletion.id);
                let title = if deletion.state.is_final() { "Deletion" } else { "Deletion scheduled" };
                let undo = deletion.can_undo.then(|| view! { <UndoForm deletion=deletion.clone() /> });
                view! {
                    <section class="banner" aria-label=title>
                        <b>{title}</b>
                        <span>"“" {deletion.task_name} "”"</span>
                        <DeletionBadge state=deletion.state />
                        <span class="space"></span>
                        {undo}
                        <a class="btn sm" href=href>
                            "View"
                        </a>
                    </section>
                }
            })
        })
    };
    let unknown = move || {
        (notice().as_deref() == Some("unknown-task"))
            .then(|| view! { <p class="banner">"No such task in this project. Nothing was deleted."</p> })
    };
    view! {
        <Suspense>{banner}</Suspense>
        {unknown}
    }
}

/// Search and status filter: a plain form and links.
#[component]
fn Filters(project_id: Uuid, query: TaskQuery, counts: RwSignal<Vec<(TaskStatus, i64)>>) -> impl IntoView {
    let TaskQuery { status, search, group, .. } = query.clone();
    let chip = |key: Option<TaskStatus>, words: &'static str| {
        let key_text = key.map(|key| key.as_str().to_owned());
        let current = (status == key_text).then_some("true");
        let href = list_url(project_id, &TaskQuery { status: key_text, cursor: None, ..query.clone() });
        let number = move || {
            let counted: i64 =
                counts.get().iter().filter(|(this, _)| key.is_none_or(|key| key == *this)).map(|(_, n)| n).sum();
            words::capped(counted)
        };
        view! {
            <a class="chip" href=href aria-current=current>
                {words}
                " "
                <b>{number}</b>
            </a>
        }
    };
    let chips = [
        chip(None, "All"),
        chip(Some(TaskStatus::Active), status_badge::words_of(TaskStatus::Active)),
        chip(Some(TaskStatus::Disabled), status_badge::words_of(TaskStatus::Disabled)),
        chip(Some(TaskStatus::PendingDelete), "Deleting"),
        chip(Some(TaskStatus::DeleteFailed), status_badge::words_of(TaskStatus::DeleteFailed)),
    ];
    view! {
        <form class="bar" method="get" action=format!("/projects/{project_id}") role="search">
            {hidden("status", status.clone())}
            {hidden("group", group)}
            <input class="search" type="search" name="search" value=search.unwrap_or_default() placeholder="Search tasks" aria-label="Search tasks" />
            <nav class="chips" aria-label="Status">
                {chips.into_iter().collect_view()}
            </nav>
        </form>
    }
}

fn hidden(name: &'static str, value: Option<String>) -> Option<AnyView> {
    value.map(|value| view! { <input type="hidden" name=name value=value /> })
}

fn list_url(project_id: Uuid, query: &TaskQuery) -> String {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    let parts =
        [("status", &query.status), ("search", &query.search), ("group", &query.group), ("cursor", &query.cursor)];
    let parts = parts
        .into_iter()
        .filter_map(|(key, value)| value.as_ref().filter(|v| !v.is_empty()).map(|v| format!("{key}={}", encode(v))));
    let query = parts.collect::<Vec<_>>().join("&");
    if query.is_empty() { format!("/projects/{project_id}") } else { format!("/projects/{project_id}?{query}") }
}
