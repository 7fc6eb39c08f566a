//! The REST API under `/api/v1`: handlers of a few lines, each authenticating, calling one use case, answering.

pub mod alerts;
pub mod api_keys;
pub mod batch;
pub mod callbacks;
pub mod deletions;
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
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Title and text of the OpenAPI document; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(info(
    title = "Sexton",
    description = "Schedules cron tasks, and deletes them durably. Errors are RFC 9457 problems."
))]
struct Document;

/// The API and its document.
pub fn router() -> (axum::Router<AppState>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::get, session::create, session::delete))
        .routes(routes!(session::list))
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

/// The OpenAPI document.
pub fn documentation(mut document: utoipa::openapi::OpenApi) -> axum::Router<AppState> {
    idempotency::document(&mut document);
    axum::Router::new().route("/api/v1/openapi.json", get(move || async move { axum::Json(document) }))
}
