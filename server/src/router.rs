//! The URL map: every path once, and the layers around all of them.

use crate::edge::host::is_rebound;
use crate::edge::{address, encoding, headers, misdirected, rate, slow};
use crate::rest::problem::{self, Problem};
use crate::rest::{self, health};
use crate::{AppState, demo, pages};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{
    Next, from_fn, from_fn_with_state, map_request, map_request_with_state, map_response_with_state,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::error::{ProblemKind, Refusal};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultOnResponse, TraceLayer};
use tracing::Level;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything that a node with the web role answers.
pub fn router(state: &AppState) -> Router {
    let (api, document) = rest::router();
    let api = api.route_layer(from_fn_with_state(state.clone(), rest::idempotency::once));
    let routes =
        api.merge(rest::documentation(document, &state.leptos)).merge(probes(state)).merge(pages::router(state));
    let routes = if state.is_demo { routes.merge(demo::router()) } else { routes };
    layered(routes.method_not_allowed_fallback(problem::no_method).fallback(pages::elsewhere), state)
}

/// What every other node answers: how it is.
pub fn probes_only(state: &AppState) -> Router {
    layered(probes(state).method_not_allowed_fallback(problem::no_method).fallback(problem::no_route), state)
}

/// What the listener of their own answers, if there is one.
pub fn admin(state: &AppState) -> Router {
    let routes = health_only().merge(metrics());
    layered(routes.method_not_allowed_fallback(problem::no_method).fallback(problem::no_route), state)
}

/// Metrics stand here only while they have no listener of their own; balancers ask for health where the requests go.
fn probes(state: &AppState) -> Router<AppState> {
    if state.has_admin_listener { health_only() } else { health_only().merge(metrics()) }
}

fn health_only() -> Router<AppState> {
    Router::new().route("/livez", get(health::livez)).route("/readyz", get(health::readyz))
}

fn metrics() -> Router<AppState> {
    Router::new().route("/metrics", get(health::metrics))
}

fn layered(routes: Router<AppState>, state: &AppState) -> Router {
    let layers = ServiceBuilder::new()
        .layer(map_request(usable_request_id))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http().make_span_with(span).on_response(DefaultOnResponse::new().level(Level::DEBUG)),
        )
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        // What is pre-compressed has its encoding already; streams of events must not be held back.
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(NotForContentType::SSE)))
        .layer(map_response_with_state(state.clone(), headers::protect))
        .layer(map_request_with_state(state.clone(), address::find))
        .layer(from_fn(problem::render))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), rate::limit))
        .layer(from_fn_with_state(state.clone(), slow::in_time))
        .layer(from_fn_with_state(state.clone(), not_rebound))
        .layer(same_origin(state).with_rejection_response(|_| foreign_origin()))
        .layer(from_fn(encoding::plain_only))
        .layer(DefaultBodyLimit::max(state.body_limit));
    routes.layer(layers).with_state(state.clone())
}

/// A client's own id of a request is kept if it is a short text: it is written into records and logs.
async fn usable_request_id(mut request: Request) -> Request {
    let is_usable = |id: &HeaderValue| id.to_str().is_ok_and(|id| (1..=128).contains(&id.trim().len()));
    if !request.headers().get(REQUEST_ID).is_none_or(is_usable) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// One span a request, with the id that its log lines, records and problems share.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), request_id = id)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem(Refusal::new(ProblemKind::Internal, "Something went wrong here.")).into_response()
}

/// Pages may change something here that came from here: by the name that they asked for, or, where a proxy has changed that, by
/// the public one.
fn same_origin(state: &AppState) -> CsrfLayer {
    let public = state.edge.public.as_ref();
    public.map(|public| CsrfLayer::new().add_trusted_origin(public.origin()).unwrap_or_default()).unwrap_or_default()
}

async fn not_rebound(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let public = state.edge.public.as_ref();
    if is_rebound(&request, public) { misdirected::refuse(&request, public) } else { next.run(request).await }
}

fn foreign_origin() -> Response {
    Problem(Refusal::new(ProblemKind::Forbidden, "A page of another origin may not change anything here."))
        .into_response()
}
