//! Who calls. Until there are accounts: whoever can reach the loopback interface of this machine, and nobody else.
//!
//! Programs that were called show an API key of their project besides ([`KeyCaller`]).
//!
//! A page on the internet can make a browser here send requests, so a foreign `Host` (DNS rebinding) and a foreign
//! origin (`Sec-Fetch-Site`, `Origin`; see [`crate::router`]) are refused.

use crate::AppState;
use crate::rest::problem::Problem;
use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend::Actor;
use backend::api_keys::{KeyHolder, authenticate};
use domain::error::{ProblemKind, Refusal};
use std::net::SocketAddr;
use tower_http::request_id::RequestId;

/// The caller of a request, as it is written into records.
#[derive(Clone, Debug)]
pub struct Caller(pub Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(caller(parts)))
    }
}

/// The caller of a request that passed [`only_loopback`], with the id of the request: the client's own, or ours.
#[must_use]
pub fn caller(parts: &Parts) -> Actor {
    let request_id = parts.extensions.get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    Actor { name: "local operator".to_owned(), request_id: request_id.map(str::to_owned) }
}

/// A program with an API key: `Authorization: <key>` or `Authorization: Bearer <key>`.
pub struct KeyCaller(pub KeyHolder);

impl FromRequestParts<AppState> for KeyCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let missing = || {
            let detail = "An API key of the project is needed: Authorization: <key>, or Authorization: Bearer <key>.";
            Refusal::new(ProblemKind::Unauthorized, detail)
        };
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let key = match given.trim().split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
            Some(_) => return Err(missing().into()),
            None => given.trim(),
        };
        if key.is_empty() {
            return Err(missing().into());
        }
        Ok(Self(authenticate(&state.backend, key).await?))
    }
}

/// Refuses who does not come from this machine, and whose `Host` is not a name of it.
pub async fn only_loopback(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    if !peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) || !is_local_host(request.headers()) {
        let detail = "There is no access control yet: Sexton answers only on this machine, as localhost or 127.0.0.1.";
        return Problem(Refusal::new(ProblemKind::Forbidden, detail)).into_response();
    }
    next.run(request).await
}

fn is_local_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]")
}
