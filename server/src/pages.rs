//! Pages: Leptos routes and server functions, with what they need in context.

use crate::access::{self, Identified};
use crate::rest::{extract, problem};
use crate::{AppState, forms, oidc};
use app::api::Asking;
use app::error::{AppError, HttpStatus};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use leptos::prelude::{provide_context, use_context};
use leptos::server_fn::error::SERVER_FN_ERROR_HEADER;
use leptos_axum::{LeptosRoutes, generate_route_list_with_exclusions};

/// The route of what only fragments know: [`elsewhere`] answers for it.
const ANY: &str = "/{*view}";

/// All pages and server functions.
pub fn router(state: &AppState) -> Router<AppState> {
    let options = state.leptos.clone();
    let context = context(state);
    let routes = generate_route_list_with_exclusions(app::App, Some(vec![ANY.to_owned()]));
    Router::new()
        .route("/fn/{*name}", any(problem::no_route))
        .leptos_routes_with_context(state, routes, context, move || app::shell(&options))
        .route_layer(from_fn(like_the_api))
        .route_layer(from_fn_with_state(state.clone(), known_visitors))
        .merge(forms::router())
        .merge(oidc::router())
        .route("/favicon.svg", get(|headers| crate::site::root_file("favicon.svg", headers)))
        .route("/copy.js", get(|headers| crate::site::root_file("copy.js", headers)))
        .route("/pkg/{file}", get(crate::site::package))
}

/// A path that no route has: a problem under `/api`, and else the page that the fragments have there, or the one that says
/// that they have none, with status 404.
pub async fn elsewhere(State(state): State<AppState>, request: Request) -> Response {
    if matches!(request.uri().path().strip_prefix("/api"), Some(rest) if rest.is_empty() || rest.starts_with('/')) {
        return problem::no_route().await.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return ([(header::ALLOW, "GET,HEAD")], problem::no_method().await).into_response();
    }
    let (mut parts, body) = request.into_parts();
    let Identified(who) = access::identified(&mut parts, &state).await;
    if let Some(response) = who.err().and_then(|refusal| forms::ask_to_sign_in(&parts, &refusal)) {
        return response;
    }
    let options = state.leptos.clone();
    let handler = leptos_axum::render_app_async_with_context(context(&state), move || app::shell(&options));
    handler(Request::from_parts(parts, body)).await.into_response()
}

fn context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let backend = state.backend.clone();
    move || {
        provide_context(backend.clone());
        provide_context(HttpStatus(problem::status));
        if let Some(asking) = asking() {
            provide_context(asking);
        }
    }
}

/// Who calls a page or server function, as [`known_visitors`] has found out.
fn asking() -> Option<Asking> {
    let parts = use_context::<Parts>()?;
    let Identified(who) = parts.extensions.get::<Identified>()?.clone();
    Some(Asking(who.map(|caller| {
        let actor = access::actor(&parts, &caller);
        (caller, actor)
    })))
}

/// Finds out who asks for a page or calls a server function. A page that nobody known asks for leads to where one signs in;
/// server functions refuse by themselves.
async fn known_visitors(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Identified(who) = access::identified(&mut parts, &state).await;
    if let (Err(refusal), true) = (&who, parts.method == Method::GET)
        && let Some(response) = forms::ask_to_sign_in(&parts, refusal)
    {
        return response;
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Around Leptos, which reads a body of any size and answers 500 to every form that it cannot read: the answers are those
/// that the REST API would give.
async fn like_the_api(parts: Parts, body: Result<Bytes, BytesRejection>, next: Next) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return extract::refuse_body(&rejection).into_response(),
    };
    let (mut parts, body) = next.run(Request::from_parts(parts, body.into())).await.into_parts();
    if parts.status != StatusCode::INTERNAL_SERVER_ERROR || !parts.headers.contains_key(SERVER_FN_ERROR_HEADER) {
        return Response::from_parts(parts, body);
    }
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if let Ok(AppError(refusal)) = serde_json::from_slice(&body) {
        parts.status = problem::status(&refusal);
    }
    Response::from_parts(parts, body.into())
}
