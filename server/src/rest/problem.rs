//! Problems (RFC 9457): the one place that gives a refusal its HTTP status and form.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::error::{FieldError, ProblemKind, Refusal};
use serde::Serialize;
use tower_http::request_id::RequestId;
use utoipa::ToSchema;

/// The content type of a problem.
pub const PROBLEM: &str = "application/problem+json";

/// Headers that a problem keeps from the answer that it is made of.
const STAYS: [&str; 6] =
    ["accept-encoding", "allow", "retry-after", "ratelimit", "ratelimit-policy", "idempotency-replayed"];

/// A refusal on its way to the client. Its body is written by [`render`], which knows the request.
#[derive(Clone, Debug)]
pub struct Problem(pub Refusal);

impl From<backend::Error> for Problem {
    fn from(error: backend::Error) -> Self {
        Self(error.into_refusal())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// The body of a problem.
#[derive(Serialize, ToSchema)]
pub struct ProblemBody {
    /// URI of the kind of problem.
    r#type: String,
    /// The same for every problem of this kind.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened; never empty.
    detail: String,
    /// The kind, for programs.
    code: String,
    /// The fields concerned.
    errors: Vec<FieldError>,
    /// Where to read more, such as the record of a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    see: Option<String>,
    /// The request, as in the log.
    request_id: Option<String>,
}

/// The HTTP status of a refusal.
#[must_use]
pub fn status(refusal: &Refusal) -> StatusCode {
    if refusal.precondition { StatusCode::PRECONDITION_FAILED } else { status_of(refusal.kind) }
}

/// The HTTP status of a kind of problem.
#[must_use]
pub fn status_of(kind: ProblemKind) -> StatusCode {
    use ProblemKind as K;
    match kind {
        K::InvalidRequest => StatusCode::BAD_REQUEST,
        K::ValidationFailed | K::StatusNotSettable | K::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        K::Unauthorized => StatusCode::UNAUTHORIZED,
        K::Forbidden | K::ProofRequired => StatusCode::FORBIDDEN,
        K::ProjectNotFound
        | K::TaskNotFound
        | K::TaskDeleted
        | K::GroupNotFound
        | K::DeletionNotFound
        | K::ExecutionNotFound
        | K::ApiKeyNotFound
        | K::TokenNotFound
        | K::SessionNotFound
        | K::MemberNotFound
        | K::UserNotFound
        | K::RouteNotFound => StatusCode::NOT_FOUND,
        K::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        K::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        K::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        K::NameTaken
        | K::TaskPendingDelete
        | K::ProjectPendingDelete
        | K::TaskDisabled
        | K::GroupStopped
        | K::ExecutionEnded
        | K::PointOfNoReturn
        | K::NotFailed
        | K::LastAdmin
        | K::AlreadyClaimed
        | K::HasChildren
        | K::QuotaExceeded
        | K::IdempotencyInProgress => StatusCode::CONFLICT,
        K::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        K::EtagMismatch => StatusCode::PRECONDITION_FAILED,
        K::Unavailable | K::Unconfirmed => StatusCode::SERVICE_UNAVAILABLE,
        K::Timeout => StatusCode::REQUEST_TIMEOUT,
        K::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of a problem, with the id of its request.
pub async fn render(request: Request, next: Next) -> Response {
    let request_id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let request_id = request_id.map(str::to_owned);
    let mut response = next.run(request).await;
    let Some(Problem(refusal)) = response.extensions_mut().remove::<Problem>() else { return response };
    let status = status(&refusal);
    let body = ProblemBody {
        r#type: format!("https://sexton.dev/problems/{}", refusal.kind),
        title: refusal.kind.title(),
        status: status.as_u16(),
        detail: refusal.detail,
        code: refusal.kind.as_str().replace('-', "_").to_uppercase(),
        errors: refusal.errors,
        see: refusal.see,
        request_id,
    };
    let mut answer = (status, axum::Json(body)).into_response();
    let headers = answer.headers_mut();
    let stays = |name: &HeaderName| STAYS.contains(&name.as_str());
    headers.extend(response.headers().iter().filter(|(name, _)| stays(name)).map(|(n, v)| (n.clone(), v.clone())));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Sexton\""));
    }
    let retry_after = match refusal.kind {
        ProblemKind::IdempotencyInProgress => Some("1"),
        // Who limits requests says it to the second, before this.
        ProblemKind::TooManyRequests => Some("10"),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => Some("2"),
        _ => None,
    };
    if let Some(seconds) = refusal.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    } else if let Some(seconds) = retry_after {
        headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static(seconds));
    }
    answer
}

/// The answer for a route that does not exist.
pub async fn no_route() -> Problem {
    Problem(Refusal::new(
        ProblemKind::RouteNotFound,
        "There is no such resource; /api/v1/openapi.json lists what there is.",
    ))
}

/// The answer for a method that a route does not have.
pub async fn no_method() -> Problem {
    Problem(Refusal::new(ProblemKind::MethodNotAllowed, "This resource has no such method; see the Allow header."))
}
