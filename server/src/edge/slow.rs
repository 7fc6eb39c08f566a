//! Time: a request is answered within the limit, and whose fault it is that it was not is said as it is. A client that sends
//! its body slowly is told so, and nothing has happened; else it is the database, and nobody knows whether a change happened.

use crate::AppState;
use crate::rest::problem::Problem;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::error::{ProblemKind, Refusal};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::time::timeout;

/// Answers 408 or 503 where nothing else does in time. A stream has answered as soon as it begins.
pub async fn in_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let limit = state.request_timeout;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let limit = if has_many_tasks(&request) { limit * 5 } else { limit };
    let waits = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| Body::new(Watched { body, waits: Arc::clone(&waits) }));
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        // A handler reads the whole body before it does anything.
        Err(_) if waits.load(Ordering::Relaxed) => {
            let detail = "The body of the request did not arrive in time. Nothing has changed.";
            Problem(Refusal::new(ProblemKind::Timeout, detail)).into_response()
        }
        Err(_) if reads => {
            let detail = "The database did not answer in time. Try again in a moment.";
            Problem(Refusal::new(ProblemKind::Unavailable, detail)).into_response()
        }
        Err(_) => Problem(backend::error::unconfirmed()).into_response(),
    }
}

/// A group or a project is deleted with all its tasks fenced in one transaction, and there may be a hundred thousand.
fn has_many_tasks(request: &Request) -> bool {
    let path = request.uri().path();
    let inside = path.strip_prefix("/api/v1/projects/").unwrap_or_default();
    let is_project = !inside.is_empty() && !inside.contains('/');
    matches!(path, "/fn/delete_group" | "/fn/delete_project")
        || (request.method() == Method::DELETE && (is_project || path.contains("/task-groups/")))
}

/// A body that says whether it is being waited for.
struct Watched {
    body: Body,
    waits: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.waits.store(polled.is_pending(), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
