//! All projects: cards with counts, and the badge of one that is being deleted until it is gone.

use super::address::{Address, href};
use super::html;
use super::parts::{empty, next_page};
use crate::api::Fragment;
use crate::components::status_badge::{self, StatusBadge};
use crate::error::AppError;
use crate::view;
use crate::words;
use backend::Backend;
use backend::access::Caller;
use backend::projects::{self, StatusCounts};
use domain::page::Page;
use domain::project::Project;
use domain::status::TaskStatus;
use leptos::prelude::*;
use uuid::Uuid;

/// A project with its counts.
pub(super) struct Card {
    pub project: Project,
    pub counts: StatusCounts,
    /// Executions that failed in the last 24 hours.
    pub failures_24h: i64,
}

/// The list.
pub async fn list(backend: &Backend, caller: &Caller, address: &Address<'_>) -> Result<Fragment, AppError> {
    let page = projects::list(backend, caller, address.get("cursor").as_deref(), None).await?;
    let ids: Vec<Uuid> = page.data.iter().map(|project| project.id).collect();
    let failures = backend::executions::failed_since(backend, &ids, 24).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for project in page.data {
        let counts = projects::counts(backend, project.id).await?;
        let failures_24h = failures.iter().find(|(id, _)| *id == project.id).map_or(0, |(_, failed)| *failed);
        data.push(Card { project, counts, failures_24h });
    }
    Ok(Fragment::new("Projects", &html(whole(&Page { data, next_cursor: page.next_cursor }, caller.creator().is_ok()))))
}

pub(super) fn whole(page: &Page<Card>, creates: bool) -> AnyView {
    let none = page.data.is_empty().then(|| {
        empty(
            "No project yet",
            if creates {
                "A project holds tasks, and says where their calls go. Create one, then add a task to it."
            } else {
                "You are in no project yet. An administrator of a project can add you to it."
            },
        )
    });
    let next = page.next_cursor.as_deref().map(|cursor| href("/projects", &[("cursor", Some(cursor))]));
    view! {
        <div class="head">
            <h1>"Projects"</h1>
            <span class="space"></span>
            {creates.then(|| view! { <a class="btn primary" href="/projects/new">"New project"</a> })}
        </div>
        {none}
        <ul class="cards">{page.data.iter().map(card).collect_view()}</ul>
        {next_page(next, "Next page")}
    }
}

fn card(card: &Card) -> AnyView {
    let path = format!("/projects/{}", card.project.id);
    let going = card.project.deletion_requested_at.map(|_| {
        view! { <p><a href=format!("{path}/delete")><StatusBadge status=TaskStatus::PendingDelete /></a></p> }
    });
    let counts: Vec<_> = card.counts.iter().filter(|(_, count)| *count > 0).collect();
    let none = counts.is_empty().then(|| view! { <li>"No task yet"</li> });
    let counts = counts.into_iter().map(|(status, count)| {
        view! {
            <li data-status=status.as_str()>
                <b>{words::capped(*count)}</b>
                " "
                {status_badge::words_of(*status)}
            </li>
        }
    });
    let failures = (card.failures_24h > 0)
        .then(|| view! { <li><b class="error">{words::capped(card.failures_24h)}</b>" failed in 24 h"</li> });
    view! {
        <li class="card" data-testid="project-card">
            <a class="name" href=path>{card.project.name.clone()}</a>
            <p class="sub about">{card.project.description.clone()}</p>
            {going}
            <ul class="counts">{counts.collect_view()} {none} {failures}</ul>
        </li>
    }
}
