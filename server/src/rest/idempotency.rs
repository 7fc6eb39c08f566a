//! `Idempotency-Key` on POST and DELETE (draft-ietf-httpapi-idempotency-key-header), around the handlers of the API: a repeat
//! is answered as the first request was, with `Idempotency-Replayed: true`, and nothing happens twice.
//!
//! Whoever may no longer change anything in the project is not told what they were told when they might.
//!
//! Invariant: an answer that shows a secret is never stored; those routes refuse the header ([`SHOWS_A_SECRET`]). An answer
//! that says nothing of the request itself, such as 503 or 429, is not kept: nothing has changed, and a repeat acts. Nothing
//! is kept for who may not act. A client that hangs up does not stop a handler: this is what the key is for.

use super::extract::{invalid, refuse_body};
use super::problem::Problem;
use crate::edge::rate::refuse;
use crate::{AppState, access};
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend::Backend;
use backend::access::acts_still;
use backend::idempotency::{self, Kept, Keyed};
use std::panic::resume_unwind;
use tokio::spawn;
use tracing::Instrument;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};
use uuid::Uuid;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Routes whose answers show a secret, this once.
const SHOWS_A_SECRET: [&str; 5] = [
    "/api/v1/projects/{project_id}/api-keys",
    "/api/v1/projects/{project_id}/signing-secret/rotate",
    "/api/v1/projects/{project_id}/signing-secret/previous",
    "/api/v1/session",
    "/api/v1/tokens",
];

/// The headers of an answer that are kept.
const KEPT: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::LOCATION, header::ETAG, header::RETRY_AFTER, header::CACHE_CONTROL];

/// Lets a request with a key happen once; it runs after authentication.
pub async fn once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_ours = matches!(*request.method(), Method::POST | Method::DELETE) && request.headers().contains_key(KEY);
    if !is_ours {
        return next.run(request).await;
    }
    keyed(&state, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(state: &AppState, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(request.headers())?.to_owned();
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    if SHOWS_A_SECRET.contains(&route) {
        return Err(invalid("Idempotency-Key", "is not taken here: the answer shows a secret, and is never kept"));
    }
    let (mut parts, body) = request.into_parts();
    let caller = access::identified(&mut parts, state).await.0?;
    let project = access::project_of(&mut parts, state).await?;
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await;
    let body = body.map_err(|rejection| refuse_body(&rejection))?;
    let keyed = remembered(&parts, caller.id(), &key, &body);
    let request = Request::from_parts(parts, body.into());
    match idempotency::find(&state.backend, &keyed).await? {
        Some(kept) if acts_still(&state.backend, &caller, project).await? => Ok(repeat(kept)),
        // The handler says what they may, and does nothing of it.
        Some(_) => Ok(next.run(request).await),
        None => match state.keys.check(&caller.id()) {
            Ok(_) => Ok(act(state.backend.clone(), keyed, request, next).await),
            Err(too_many) => Ok(refuse(too_many)),
        },
    }
}

/// The key: 1 to 255 printable characters, once.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let key = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if values.next().is_some() || key.trim().is_empty() || key.len() > 255 || key.contains('\t') {
        return Err(invalid("Idempotency-Key", "must be given once, with 1 to 255 printable ASCII characters"));
    }
    Ok(key)
}

/// Whose key it is, and what is asked.
fn remembered(parts: &Parts, caller: Uuid, key: &str, body: &[u8]) -> Keyed {
    let header = |name| parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    let path = parts.uri.path();
    let scope = [caller.as_bytes().as_slice(), parts.method.as_str().as_bytes(), path.as_bytes(), key.as_bytes()];
    let query = parts.uri.query().unwrap_or_default();
    Keyed::new(&scope, &[query.as_bytes(), header(header::IF_MATCH), body])
}

/// Runs the handler to its end, whether or not somebody still waits for it, and commits what it did with its answer.
async fn act(backend: Backend, keyed: Keyed, request: Request, next: Next) -> Response {
    let work = async move {
        let handled = async { kept(next.run(request).await).await };
        idempotency::act(&backend, &keyed, handled).await
    };
    match spawn(work.in_current_span()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => Problem::from(error).into_response(),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Problem(backend::error::unconfirmed()).into_response(),
        },
    }
}

/// A response, and what of it is kept.
async fn kept(response: Response) -> (Response, Option<Kept>) {
    let (parts, body) = response.into_parts();
    if !is_kept(parts.status) || body.size_hint().exact().is_none() {
        return (Response::from_parts(parts, body), None);
    }
    let refusal = parts.extensions.get::<Problem>().and_then(|Problem(refusal)| serde_json::to_vec(refusal).ok());
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let header =
        |name: &HeaderName| Some((name.as_str().to_owned(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let kept = Kept {
        status: parts.status.as_u16(),
        is_refusal: refusal.is_some(),
        headers: KEPT.iter().filter_map(header).collect(),
        body: refusal.unwrap_or_else(|| whole.to_vec()),
    };
    (Response::from_parts(parts, whole.into()), Some(kept))
}

/// Whether an answer would be the same at a repeat: not where the caller or the moment was at fault, nor where nothing was
/// found.
fn is_kept(status: StatusCode) -> bool {
    use StatusCode as S;
    let passing =
        [S::UNAUTHORIZED, S::FORBIDDEN, S::NOT_FOUND, S::REQUEST_TIMEOUT, S::PAYLOAD_TOO_LARGE, S::TOO_MANY_REQUESTS];
    (200..500).contains(&status.as_u16()) && !passing.contains(&status)
}

fn repeat(kept: Kept) -> Response {
    let mut response = match serde_json::from_slice(&kept.body) {
        Ok(refusal) if kept.is_refusal => Problem(refusal).into_response(),
        _ => Body::from(kept.body).into_response(),
    };
    *response.status_mut() = StatusCode::from_u16(kept.status).unwrap_or_default();
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Adds the header to every operation that takes it.
pub fn document(document: &mut OpenApi) {
    let takes = document.paths.paths.iter_mut().filter(|(path, _)| !SHOWS_A_SECRET.contains(&path.as_str()));
    let operations = takes.flat_map(|(_, item): (_, &mut PathItem)| [item.post.as_mut(), item.delete.as_mut()]);
    operations.flatten().for_each(describe);
}

fn describe(operation: &mut Operation) {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
    let text = text.pattern(Some("^[!-~]([ -~]*[!-~])?$"));
    let said = "A repeat with the same key within 24 hours is answered the same, and nothing happens twice.";
    let parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(said))
        .schema(Some(text));
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter.build()));
}
