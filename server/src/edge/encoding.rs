//! Bodies of requests are read as they are: one that is compressed is refused, with what is accepted instead (RFC 9110,
//! sections 12.5.3 and 15.5.16), before anything tries to parse it.

use crate::rest::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::error::{ProblemKind, Refusal};

/// Refuses a request whose body is encoded.
pub async fn plain_only(request: Request, next: Next) -> Response {
    let Some(coding) = coding(request.headers()) else { return next.run(request).await };
    let detail = format!("The body has Content-Encoding: {coding}. Send it uncompressed, without that header.");
    let refusal = Problem(Refusal::new(ProblemKind::UnsupportedMediaType, detail));
    ([(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))], refusal).into_response()
}

/// The content coding of a body, unless there is none.
fn coding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let all: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let mut codings = all.iter().flat_map(|value| value.split(',')).map(str::trim);
    let is_plain = codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"));
    (!is_plain).then(|| all.join(", "))
}
