//! The REST API under `/api/v1`: handlers of a few lines, each authenticating, calling one use case, answering.

pub mod alerts;
pub mod api_keys;
pub mod batch;
pub mod callbacks;
pub mod deletions;
pub mod document;
pub mod events;
pub mod executions;
pub mod extract;
pub mod groups;
pub mod health;
pub mod idempotency;
pub mod members;
pub mod problem;
pub mod project_deletions;
pub mod projects;
pub mod runs;
pub mod session;
pub mod signing;
pub mod tasks;
pub mod tokens;

use crate::AppState;
use axum::http::header;
use axum::routing::get;
use leptos::config::LeptosOptions;
use std::sync::{Arc, LazyLock};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the page of the document may load: the stylesheet and the icon, and nothing that runs.
const READ_ONLY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                         frame-ancestors 'none'";

/// The API and its document.
pub fn router() -> (axum::Router<AppState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(document::Start::openapi())
        .routes(routes!(session::get, session::create, session::delete))
        .routes(routes!(session::list, session::end_all))
        .routes(routes!(session::end))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::delete))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(members::list, members::put))
        .routes(routes!(members::remove))
        .routes(routes!(members::audit_of_project))
        .routes(routes!(members::audit_of_all))
        .routes(routes!(projects::get, projects::replace, projects::merge, project_deletions::delete))
        .routes(routes!(project_deletions::list))
        .routes(routes!(project_deletions::get))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::get, groups::replace, groups::merge, groups::delete))
        .routes(routes!(groups::start))
        .routes(routes!(groups::stop))
        .routes(routes!(groups::tasks))
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::get, tasks::replace, tasks::merge, tasks::delete))
        .routes(routes!(tasks::set_status))
        .routes(routes!(batch::delete))
        .routes(routes!(tasks::next_runs))
        .routes(routes!(tasks::preview_schedule))
        .routes(routes!(tasks::preview_deletion))
        .routes(routes!(executions::list_of_task))
        .routes(routes!(executions::list))
        .routes(routes!(executions::stats))
        .routes(routes!(executions::get))
        .routes(routes!(executions::logs))
        .routes(routes!(callbacks::log))
        .routes(routes!(callbacks::report))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::delete))
        .routes(routes!(signing::get))
        .routes(routes!(signing::rotate))
        .routes(routes!(signing::forget_previous))
        .routes(routes!(runs::trigger))
        .routes(routes!(runs::cancel))
        .routes(routes!(deletions::list))
        .routes(routes!(deletions::list_all))
        .routes(routes!(deletions::summary))
        .routes(routes!(deletions::summary_of_all))
        .routes(routes!(deletions::retry_failed))
        .routes(routes!(deletions::retry_failed_of_all))
        .routes(routes!(deletions::get))
        .routes(routes!(deletions::undo))
        .routes(routes!(deletions::retry))
        .routes(routes!(alerts::settings, alerts::change))
        .routes(routes!(alerts::list))
        .routes(routes!(events::stream))
        .routes(routes!(events::stream_of_all))
        .routes(routes!(health::health))
        .split_for_parts()
}

/// The OpenAPI document, and the same as a page; made when somebody asks for it first.
pub fn documentation(mut document: utoipa::openapi::OpenApi, site: &LeptosOptions) -> axum::Router<AppState> {
    idempotency::document(&mut document);
    let stylesheet = format!("/{}/{}.css", site.site_pkg_dir, site.output_name);
    let document = Arc::new(LazyLock::new(move || document::complete(&document)));
    let shown = Arc::clone(&document);
    let page = Arc::new(LazyLock::new(move || app::reference::page(&shown, &stylesheet)));
    axum::Router::new()
        .route("/api/v1/openapi.json", get(move || async move { axum::Json((**document).clone()) }))
        .route(
            "/api/docs",
            get(move || async move {
                let headers = [(header::CONTENT_SECURITY_POLICY, READ_ONLY), (header::CACHE_CONTROL, "no-cache")];
                (headers, axum::response::Html((**page).clone()))
            }),
        )
}
