//! How often one client may ask, by its address: whose request it is costs a look into the database, which is what is guarded
//! here. Probes may ask as often as they like.
//!
//! Every answer says what is left (`RateLimit`, draft-ietf-httpapi-ratelimit-headers), a refusal also when to come back.

use super::address::client;
use crate::AppState;
use crate::rest::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend::limits::{Limiter, TooMany, neighbourhood};
use domain::error::Refusal;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// So many requests a second, and so many at once.
pub struct RequestLimit {
    clients: Limiter<IpAddr>,
    per_second: u32,
    burst: u32,
}

impl RequestLimit {
    /// None when `per_second` is 0: then nothing is limited. The burst is at least what a second allows.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        let rate = NonZeroU32::new(per_second)?;
        let burst = NonZeroU32::new(burst)?.max(rate);
        let clients = Limiter::by_the_clock(Duration::from_secs(1) / per_second, burst);
        Some(Self { clients, per_second, burst: burst.get() })
    }

    /// `RateLimit-Policy`, and `RateLimit` with what is left and when all of it is there again.
    fn describe(&self, headers: &mut HeaderMap, left: u32) {
        let seconds = |requests: u32| requests.div_ceil(self.per_second);
        let (burst, window, reset) = (self.burst, seconds(self.burst), seconds(self.burst - left.min(self.burst)));
        let said = [
            (POLICY, format!("\"requests\";q={burst};w={window}")),
            (LIMIT, format!("\"requests\";r={left};t={reset}")),
        ];
        for (name, value) in said {
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
    }
}

/// Refuses who asks too often.
pub async fn limit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some((limit, key)) = state.edge.limit.as_ref().zip(key(&request)) else { return next.run(request).await };
    match limit.clients.check(&key) {
        Ok(left) => {
            let mut response = next.run(request).await;
            limit.describe(response.headers_mut(), left);
            response
        }
        Err(too_many) => {
            let mut response = refuse(too_many);
            limit.describe(response.headers_mut(), 0);
            response
        }
    }
}

/// The problem of somebody who has to wait: 429 with `Retry-After`.
#[must_use]
pub fn refuse(too_many: TooMany) -> Response {
    let mut response = Problem(Refusal::from(too_many)).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(too_many.retry_after_seconds));
    response
}

fn key(request: &Request) -> Option<IpAddr> {
    if matches!(request.uri().path(), "/livez" | "/readyz" | "/metrics") {
        return None;
    }
    client(request.extensions()).map(|client| neighbourhood(client.address))
}
