//! Server-sent events: hints with ids; whoever needs the truth reads it again. A stream ends within seconds when its reader
//! may not read any more.

use super::extract::ApiPath;
use super::problem::Problem;
use crate::AppState;
use crate::access::{Identified, Reader, SignedIn, identified};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse, Response, Sse as SseResponse};
use backend::access::admit;
use domain::access::Permission;
use domain::error::{ProblemKind, Refusal};
use domain::event::Event;
use futures::{Stream, StreamExt, stream};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;
use tokio_stream::wrappers::BroadcastStream;
use uuid::Uuid;

/// The events of a project: `hello` first, then what happens. `Last-Event-ID` resumes; `resync` says that too much was
/// missed and everything should be read again.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/events", tag = "events", params(("project_id" = Uuid, Path), ("Last-Event-ID" = Option<i64>, Header, description = "The last event that is known; what came after it is sent first.")),
    responses((status = 200, body = Event, content_type = "text/event-stream")))]
pub async fn stream(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    parts: Parts,
) -> Result<Response, Problem> {
    backend::projects::get(&state.backend, project_id).await?;
    follow(state, Some(project_id), parts).await
}

/// The events of all projects that the caller may see, in the same form.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(("Last-Event-ID" = Option<i64>, Header, description = "The last event that is known; what came after it is sent first.")),
    responses((status = 200, body = Event, content_type = "text/event-stream")))]
pub async fn stream_of_all(State(state): State<AppState>, _: SignedIn, parts: Parts) -> Result<Response, Problem> {
    follow(state, None, parts).await
}

async fn follow(state: AppState, project_id: Option<Uuid>, mut parts: Parts) -> Result<Response, Problem> {
    let place = state.streams.open(identified(&mut parts, &state).await.0?.id())?;
    // Subscribe before reading what was missed, so that nothing falls in between; twice is harmless.
    let live = state.bus.subscribe();
    let sight = Sight::of(&state, project_id, parts).await?;
    let newest = backend::events::newest_seq(&state.backend).await?;
    let mut first = vec![named("hello", &serde_json::json!({ "seq": newest }))];
    if let Some(after) = last_event_id(&sight.parts.headers) {
        match backend::events::missed(&state.backend, project_id, after).await? {
            Some(missed) => first.extend(missed.iter().filter(|event| sight.sees(event)).map(sse)),
            None => first.push(named("resync", &serde_json::json!({ "seq": newest }))),
        }
    }
    let seen = sight.clone();
    let live = BroadcastStream::new(live).filter_map(move |event| {
        let _held = &place;
        let shown = match event {
            Ok(event) => seen.sees(&event).then(|| sse(&event)),
            Err(_) => Some(named("resync", &serde_json::json!({}))),
        };
        std::future::ready(shown)
    });
    let stop = state.stop.clone().cancelled_owned();
    let live = stream::iter(first).chain(live).take_until(stop).take_until(Box::pin(sight.lasts(state)));
    Ok(answer(live))
}

/// How often a stream looks whether its reader may still see what it shows.
const LOOKS_EVERY: Duration = Duration::from_secs(3);

/// What the reader of a stream may see, as of a moment ago.
#[derive(Clone)]
struct Sight {
    /// One project; none: all that the reader may see.
    project_id: Option<Uuid>,
    /// Those, unless they are all there are.
    projects: Arc<Mutex<Option<HashSet<Uuid>>>>,
    parts: Parts,
}

impl Sight {
    async fn of(state: &AppState, project_id: Option<Uuid>, parts: Parts) -> Result<Self, Refusal> {
        let sight = Self { project_id, projects: Arc::default(), parts };
        sight.look(state).await?;
        Ok(sight)
    }

    fn sees(&self, event: &Event) -> bool {
        match self.project_id {
            Some(id) => id == event.project_id,
            None => {
                self.projects.lock().is_ok_and(|known| known.as_ref().is_none_or(|ids| ids.contains(&event.project_id)))
            }
        }
    }

    /// Finds out anew who reads, and what they may see.
    async fn look(&self, state: &AppState) -> Result<(), Refusal> {
        let mut parts = self.parts.clone();
        parts.extensions.remove::<Identified>();
        let caller = identified(&mut parts, state).await.0?;
        let Some(project_id) = self.project_id else {
            let seen =
                backend::projects::visible(&state.backend, &caller).await.map_err(backend::Error::into_refusal)?;
            if let Ok(mut known) = self.projects.lock() {
                *known = seen;
            }
            return Ok(());
        };
        let read = admit(&state.backend, &caller, project_id, Permission::Read).await;
        read.map_err(backend::Error::into_refusal)
    }

    /// Returns when the reader may not read any more. A database that is away takes nothing from anybody.
    async fn lasts(self, state: AppState) {
        loop {
            sleep(LOOKS_EVERY).await;
            match self.look(&state).await {
                Err(refusal) if refusal.kind != ProblemKind::Unavailable => return,
                _ => {}
            }
        }
    }
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
