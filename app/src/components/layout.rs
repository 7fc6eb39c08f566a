//! Header, page heads, tabs, and the states that every page can be in.

use super::icons::Bell;
use crate::api::get_fragment;
use crate::browser;
use crate::error::AppError;
use crate::live::{Live, LiveState};
use crate::reactive::effect;
use crate::view;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::components::A;
use std::time::Duration;
use uuid::Uuid;

/// The bar at the top.
#[component]
pub fn Header() -> impl IntoView {
    let live = expect_context::<Live>();
    let button = move || {
        let state = live.state();
        let label = if state == LiveState::Paused { "Resume live updates" } else { "Pause live updates" };
        (state != LiveState::Off).then(|| {
            view! {
                <button type="button" class="live" data-state=state.words() title=label on:click=move |_| live.toggle()>
                    <i aria-hidden="true"></i>
                    <span>{state.words()}</span>
                </button>
            }
        })
    };
    view! {
        <header>
            <A href="/projects" attr:class="logo">
                <Bell />
                "Sexton"
            </A>
            <nav aria-label="Main">
                <A href="/projects">"Projects"</A>
                <A href="/deletions">"Deletions"</A>
                <A href="/account">"Account"</A>
            </nav>
            <span class="space"></span>
            {button}
        </header>
    }
}

/// The tabs of a project: their words, and where they lead inside it.
const TABS: [(&str, &str); 6] = [
    ("Tasks", ""),
    ("Groups", "/groups"),
    ("Executions", "/executions"),
    ("Deletions", "/deletions"),
    ("Statistics", "/statistics"),
    ("Settings", "/settings"),
];

/// Name and tabs of a project; `tab` is the one that is shown, by its words.
#[component]
pub fn ProjectHead(
    id: Uuid,
    name: String,
    tab: &'static str,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let tabs = TABS.map(|(words, path)| {
        let current = (words == tab).then_some("page");
        view! {
            <a href=format!("/projects/{id}{path}") aria-current=current>
                {words}
            </a>
        }
    });
    view! {
        <div class="head">
            <h1>{name}</h1>
            <span class="space"></span>
            {children.map(|children| children())}
        </div>
        <nav class="tabs" aria-label="Project">
            {tabs.collect_view()}
        </nav>
    }
}

/// Says why there is nothing to click for who may only look: the stylesheet hides what changes anything beside it.
pub fn looks_only() -> AnyView {
    view! { <p class="looks-only" role="note">"You may look at this project, and change nothing in it."</p> }
}

/// Where a page inside a project stands.
#[component]
pub fn Crumbs(project_id: Uuid, project: String, here: String) -> impl IntoView {
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <a href="/projects">"Projects"</a>
            <span aria-hidden="true">"/"</span>
            <a href=format!("/projects/{project_id}")>{project}</a>
            <span aria-hidden="true">"/"</span>
            <span aria-current="page">{here}</span>
        </nav>
    }
}

/// A page that could not be shown: what happened and what to do next. Sets the HTTP status. What will pass is tried again
/// until it has.
#[component]
pub fn Trouble(error: AppError) -> impl IntoView {
    error.set_status();
    let passing = error.is_passing();
    effect(move || {
        if passing {
            try_again();
        }
    });
    let next = if error.is_missing() {
        view! { <a class="btn" href="/projects">"All projects"</a> }
    } else {
        // Loaded anew, not routed: the address stays the same.
        view! { <a class="btn" href="" rel="external">"Try again"</a> }
    };
    view! {
        <Title text=error.0.kind.title() />
        <section class="empty" role="alert">
            <h1>{error.0.kind.title()}</h1>
            <p>{error.detail().to_owned()}</p>
            {passing.then(|| view! { <p class="alive">"This page is tried again by itself."</p> })}
            <p>{next}</p>
        </section>
    }
}

/// Asks for something small until the server can answer it, then loads the page.
fn try_again() {
    browser::after(Duration::from_secs(2), || {
        spawn_local(async {
            match get_fragment("/projects".to_owned()).await {
                Err(error) if error.is_passing() => try_again(),
                _ => browser::reload(),
            }
        });
    });
}

/// What a page shows while it loads.
#[component]
pub fn Loading() -> impl IntoView {
    view! { <p class="loading" aria-busy="true">"Loading…"</p> }
}
