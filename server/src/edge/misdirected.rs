//! The answer to a browser that came by a name which is none of ours: first contact with a new instance, most often. It says
//! which setting is missing and what to set it to; nothing behind it is asked.

use super::host::PublicUrl;
use crate::rest::problem::Problem;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use domain::error::{ProblemKind, Refusal};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Whoever asks cannot fill the log: it says so once a minute.
const LOGGED_EVERY_SECONDS: u64 = 60;

/// Refuses it: a page for a person, a problem for a program.
pub fn refuse(request: &Request, public: Option<&PublicUrl>) -> Response {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let is_https = text(HeaderName::from_static("x-forwarded-proto")).is_some_and(|scheme| scheme.starts_with("https"));
    let scheme = if is_https { "https" } else { "http" };
    let value = host.map_or_else(|| "https://sexton.example.com".to_owned(), |host| format!("{scheme}://{host}"));
    let set = public.map_or_else(|| "is not set".to_owned(), |public| format!("is {}", public.origin()));
    log(&value, &set);
    let wants_page = matches!(*request.method(), Method::GET | Method::HEAD)
        && text(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    if wants_page {
        return (StatusCode::FORBIDDEN, Html(page(&value, &set))).into_response();
    }
    let detail = format!(
        "This server does not answer browsers by this name. SEXTON_PUBLIC_URL {set}; if people reach it here, set \
         SEXTON_PUBLIC_URL={value} and restart it."
    );
    Problem(Refusal::new(ProblemKind::Forbidden, detail)).into_response()
}

fn log(value: &str, set: &str) {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    static LOGGED: AtomicU64 = AtomicU64::new(0);
    let now = BEGAN.get_or_init(Instant::now).elapsed().as_secs() + LOGGED_EVERY_SECONDS;
    let is_due = |before: u64| (now >= before + LOGGED_EVERY_SECONDS).then_some(now);
    if LOGGED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_due).is_ok() {
        tracing::warn!(
            "a browser was refused because it came by another name: SEXTON_PUBLIC_URL {set}; if people reach this server \
             by that name, set SEXTON_PUBLIC_URL={value}"
        );
    }
}

fn page(value: &str, set: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let (value, set) = (escaped(value), escaped(set));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sexton: unknown host name</title></head>\n\
         <body><main><h1>This is not a name of this server</h1>\n\
         <p>Sexton answers browsers only by names that it knows, so that no other page can use it through a name of its \
         own. <code>SEXTON_PUBLIC_URL</code> {set}.</p>\n\
         <p>If you run this server and this is how people reach it, set</p>\n\
         <pre>SEXTON_PUBLIC_URL={value}</pre>\n<p>and restart it.</p></main></body></html>\n"
    )
}
