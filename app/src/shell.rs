//! The frame of every page: document, header, toasts, routes.

use crate::at::At;
use crate::browser;
use crate::components::layout::Header;
use crate::components::sender::sender;
use crate::components::time::Clock;
use crate::components::toast::{ToastRegion, Toasts};
use crate::live::Live;
use crate::pages::{delete, fragment, project_form, task, task_form, tasks};
use crate::reactive::effect;
use crate::view;
use domain::display::Display;
use leptos::config::LeptosOptions;
use leptos::hydration::HydrationScripts;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{FlatRoutes, Route, Router};

/// The document around the pages, rendered on the server.
pub fn shell(options: &LeptosOptions) -> impl IntoView + use<> {
    content_security_policy();
    let stylesheet = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    let options = options.clone();
    let (Display { theme, times }, operates) = viewer();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.as_str() data-times=times.as_str() data-operates=operates.then_some("")>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content=theme.schemes() />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=stylesheet />
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Only our own files, and the one inline script that carries this answer's nonce.
#[cfg(feature = "ssr")]
fn content_security_policy() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<leptos_axum::ResponseOptions>()) else { return };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = http::HeaderValue::try_from(policy) {
        response.insert_header(http::header::CONTENT_SECURITY_POLICY, policy);
    }
}

#[cfg(feature = "ssr")]
fn viewer() -> (Display, bool) {
    (crate::viewer::display(), crate::viewer::operates())
}

#[cfg(not(feature = "ssr"))]
fn viewer() -> (Display, bool) {
    (Display::default(), false)
}

#[cfg(not(feature = "ssr"))]
fn content_security_policy() {
    let _ = use_nonce();
}

/// The page of a route: of one type whatever it is, as its path, so that what matches and shows them is downloaded once
/// and not once a route.
fn page(page: fn() -> AnyView) -> fn() -> AnyView {
    page
}

/// The pages.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let (toasts, live) = (Toasts::new(), Live::start());
    toasts.follow(live);
    provide_context(toasts);
    provide_context(live);
    provide_context(Clock::start());
    effect(|| {
        browser::watch_menus();
        browser::mark_hydrated();
    });
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Sexton".to_owned() } else { format!("{title} · Sexton") } />
        <Router>
            // The browser's own jump, not the router's: it moves the focus.
            <a class="skip" href="#main" rel="external">
                "Skip to content"
            </a>
            <Header />
            <main id="main" tabindex="-1" on:submit=sender()>
                // The last route takes every address that no other has.
                <FlatRoutes fallback=|| ()>
                    <Route path=At("") view=page(|| fragment::FragmentPage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("projects/new") view=page(|| project_form::NewProjectPage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("projects/:project") view=page(|| tasks::TasksPage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("projects/:project/tasks/new") view=page(|| task_form::NewTaskPage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("projects/:project/tasks/:task") view=page(|| task::TaskPage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("projects/:project/tasks/:task/edit") view=page(|| task_form::EditTaskPage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("projects/:project/tasks/:task/delete") view=page(|| delete::DeletePage().into_any()) ssr=SsrMode::Async />
                    <Route path=At("*view") view=page(|| fragment::FragmentPage().into_any()) ssr=SsrMode::Async />
                </FlatRoutes>
            </main>
            <ToastRegion />
        </Router>
    }
}
