//! All projects.

use super::route;
use crate::api::{ProjectCard, list_projects};
use crate::components::loaded::loaded;
use crate::components::status_badge;
use crate::view;
use crate::words;
use domain::page::Page;
use leptos::prelude::*;
use leptos_meta::Title;

/// Cards of projects.
#[component]
pub fn ProjectsPage() -> impl IntoView {
    let cursor = route::query("cursor");
    let content = loaded(cursor, list_projects, |page| view! { <Cards page /> });
    view! {
        <Title text="Projects" />
        {content}
    }
}

#[component]
fn Cards(page: Page<ProjectCard>) -> impl IntoView {
    let empty = page.data.is_empty().then(|| {
        view! {
            <section class="empty">
                <h2>"No project yet"</h2>
                <p>"A project holds tasks, and says where their calls go. Create one, then add a task to it."</p>
            </section>
        }
    });
    let next = page.next_cursor.map(|cursor| {
        view! {
            <p class="pager">
                <a class="btn" href=format!("/projects?cursor={cursor}")>
                    "Next page"
                </a>
            </p>
        }
    });
    view! {
        <div class="head">
            <h1>"Projects"</h1>
            <span class="space"></span>
            <a class="btn primary" href="/projects/new">
                "New project"
            </a>
        </div>
        {empty}
        <ul class="cards">{page.data.into_iter().map(|card| view! { <Card card /> }).collect_view()}</ul>
        {next}
    }
}

#[component]
fn Card(card: ProjectCard) -> impl IntoView {
    let counts: Vec<_> = card.counts.into_iter().filter(|(_, count)| *count > 0).collect();
    let failures = (card.failures_24h > 0)
        .then(|| view! { <li><b class="error">{words::capped(card.failures_24h)}</b>" failed in 24 h"</li> });
    let none = counts.is_empty().then(|| view! { <li>"No task yet"</li> });
    let counts = counts.into_iter().map(|(status, count)| {
        view! {
            <li data-status=status.as_str()>
                <b>{words::capped(count)}</b>
                " "
                {status_badge::words_of(status)}
            </li>
        }
    });
    view! {
        <li class="card">
            <a class="name" href=format!("/projects/{}", card.project.id)>
                {card.project.name}
            </a>
            <p class="sub about">{card.project.description}</p>
            <ul class="counts">{counts.collect_view()} {none} {failures}</ul>
        </li>
    }
}
