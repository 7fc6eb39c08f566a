//! Headers that protect an answer in a browser. What a handler has set stays: a page brings the policy of its content with
//! its nonce (`app/shell.rs`), a file of the site its caching.

use crate::AppState;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// An answer that is no page loads nothing and is shown in no frame.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Headers of every answer. `no-referrer` would break forms without JavaScript, which are sent back to the referrer; and what
/// is not said to be the same for everybody is kept by no cache.
const FIXED: [(HeaderName, &str); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CONTENT_SECURITY_POLICY, NOTHING),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), publickey-credentials-get=(), usb=()",
    ),
];

/// A year of TLS only. Names below this one are not ours to decide.
const TLS_ONLY: &str = "max-age=31536000";

/// Adds the headers that are missing.
pub async fn protect(State(state): State<AppState>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if state.edge.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    response
}
