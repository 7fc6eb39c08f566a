//! Pages: Leptos routes and server functions, with what they need in context.

use crate::AppState;
use crate::access;
use crate::rest::problem;
use app::error::HttpStatus;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use backend::Actor;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes, generate_route_list, handle_server_fns_with_context};

/// All pages and server functions.
pub fn router(state: &AppState) -> Router<AppState> {
    let options = state.leptos.clone();
    let context = context(state);
    Router::new()
        .route("/fn/{*name}", post(server_function))
        .leptos_routes_with_context(state, generate_route_list(app::App), context, move || app::shell(&options))
        .route("/favicon.svg", get(|headers| crate::site::root_file("favicon.svg", headers)))
        .route("/pkg/{file}", get(crate::site::package))
}

/// A path that no route has: the same page as any, which says so, with status 404.
pub async fn not_found(State(state): State<AppState>, request: Request) -> Response {
    let options = state.leptos.clone();
    let handler = leptos_axum::render_app_async_with_context(context(&state), move || app::shell(&options));
    handler(request).await.into_response()
}

fn context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let backend = state.backend.clone();
    move || {
        provide_context(backend.clone());
        provide_context(HttpStatus(problem::status));
        if let Some(actor) = caller() {
            provide_context(actor);
        }
    }
}

/// Who calls a page or server function: the same rule as for the REST API.
fn caller() -> Option<Actor> {
    use_context::<Parts>().map(|parts| access::caller(&parts))
}

async fn server_function(State(state): State<AppState>, request: Request) -> Response {
    handle_server_fns_with_context(context(&state), request).await.into_response()
}
