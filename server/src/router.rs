//! The URL map: every path once, and the layers around all of them.

use crate::rest::problem::{self, Problem};
use crate::rest::{self, health};
use crate::{AppState, access, pages};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, map_response};
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

/// Everything that this process answers.
pub fn router(state: &AppState) -> Router {
    let (api, document) = rest::router();
    let api = api
        .merge(rest::documentation(document))
        .route("/api/{*rest}", axum::routing::any(problem::no_route))
        .method_not_allowed_fallback(problem::no_method);
    let probes = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics));
    let request_id = HeaderName::from_static("x-request-id");
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http().make_span_with(span).on_response(DefaultOnResponse::new().level(Level::DEBUG)),
        )
        .layer(PropagateRequestIdLayer::new(request_id))
        // What is pre-compressed has its encoding already; streams of events must not be held back.
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(NotForContentType::SSE)))
        .layer(map_response(security_headers))
        .layer(from_fn(problem::render))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(access::only_loopback))
        .layer(CsrfLayer::new().with_rejection_response(|_| foreign_origin()))
        .layer(DefaultBodyLimit::max(state.body_limit));
    api.merge(probes).merge(pages::router(state)).fallback(pages::not_found).layer(layers).with_state(state.clone())
}

/// One span a request, with the id that its log lines, records and problems share.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", method = %request.method(), path = request.uri().path(), request_id = id)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem(Refusal::new(ProblemKind::Internal, "Something went wrong here.")).into_response()
}

fn foreign_origin() -> Response {
    Problem(Refusal::new(ProblemKind::Forbidden, "A page of another origin may not change anything here."))
        .into_response()
}

/// Headers of every answer. `no-referrer` would break forms without JavaScript, which are sent back to the referrer.
async fn security_headers(mut response: Response) -> Response {
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
