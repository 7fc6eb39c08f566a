//! Server-sent events: hints with ids; whoever needs the truth reads it again.

use super::extract::ApiPath;
use super::problem::{PROBLEM, Problem, ProblemBody};
use crate::AppState;
use crate::access::Caller;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse, Response, Sse as SseResponse};
use domain::event::Event;
use futures::{Stream, StreamExt, stream};
use std::convert::Infallible;
use std::time::Duration;
use tokio_stream::wrappers::BroadcastStream;
use uuid::Uuid;

/// The events of a project: `hello` first, then what happens. `Last-Event-ID` resumes; `resync` says that too much was
/// missed and everything should be read again.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/events", tag = "events", params(("project_id" = Uuid, Path), ("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, body = Event, content_type = "text/event-stream"), (status = "4XX", body = ProblemBody, content_type = PROBLEM), (status = 503, body = ProblemBody, content_type = PROBLEM)))]
pub async fn stream(
    State(state): State<AppState>,
    _caller: Caller,
    ApiPath(project_id): ApiPath<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    backend::projects::get(&state.backend, project_id).await?;
    follow(state, Some(project_id), &headers).await
}

/// The events of all projects, in the same form.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, body = Event, content_type = "text/event-stream"), (status = "4XX", body = ProblemBody, content_type = PROBLEM), (status = 503, body = ProblemBody, content_type = PROBLEM)))]
pub async fn stream_of_all(
    State(state): State<AppState>,
    _caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    follow(state, None, &headers).await
}

async fn follow(state: AppState, project_id: Option<Uuid>, headers: &HeaderMap) -> Result<Response, Problem> {
    // Subscribe before reading what was missed, so that nothing falls in between; twice is harmless.
    let live = state.bus.subscribe();
    let newest = backend::events::newest_seq(&state.backend).await?;
    let mut first = vec![named("hello", &serde_json::json!({ "seq": newest }))];
    if let Some(after) = last_event_id(headers) {
        match backend::events::missed(&state.backend, project_id, after).await? {
            Some(missed) => first.extend(missed.iter().map(sse)),
            None => first.push(named("resync", &serde_json::json!({ "seq": newest }))),
        }
    }
    let live = BroadcastStream::new(live).filter_map(move |event| async move {
        match event {
            Ok(event) => project_id.is_none_or(|id| id == event.project_id).then(|| sse(&event)),
            Err(_) => Some(named("resync", &serde_json::json!({}))),
        }
    });
    Ok(answer(stream::iter(first).chain(live).take_until(state.stop.cancelled_owned())))
}

fn answer(events: impl Stream<Item = Sse> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let events = SseResponse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive);
    // Proxies must not hold events back.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    (unbuffered, events).into_response()
}

fn last_event_id(headers: &HeaderMap) -> Option<i64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn sse(event: &Event) -> Sse {
    named(event.kind.as_str(), event).id(event.seq.to_string())
}

fn named<T: serde::Serialize>(name: &str, data: &T) -> Sse {
    Sse::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
