//! The files of the site: embedded in a release, read from `target/site` while developing.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leptos::config::{Env, LeptosOptions};
use rust_embed::RustEmbed;
use std::net::SocketAddr;

#[derive(RustEmbed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

/// What Leptos needs to know to name the files in a page. Their names carry a hash of their contents.
#[must_use]
pub fn leptos_options(listen: SocketAddr) -> LeptosOptions {
    let name = Site::get("pkg/output-name.txt").and_then(|file| String::from_utf8(file.data.into_owned()).ok());
    let name = name.as_deref().map_or("sexton", str::trim).to_owned();
    LeptosOptions::builder().output_name(name).site_pkg_dir("pkg").site_addr(listen).env(Env::PROD).build()
}

/// `/pkg/{file}`: what a page loads, for ever, because a change changes the name.
pub async fn package(Path(file): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("pkg/{file}"), &headers, "public, max-age=31536000, immutable")
}

/// A file at the root, such as the icon.
pub async fn root_file(file: &'static str, headers: HeaderMap) -> Response {
    serve(file, &headers, "public, max-age=86400")
}

fn serve(path: &str, headers: &HeaderMap, caching: &'static str) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |encoding: &str| accepted.split(',').any(|part| part.trim().split(';').next() == Some(encoding));
    let found = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(encoding, _)| accepts(encoding))
        .find_map(|(encoding, suffix)| Some((Some(encoding), Site::get(&format!("{path}{suffix}"))?)))
        .or_else(|| Some((None, Site::get(path)?)));
    let Some((encoding, file)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let mut response = file.data.into_owned().into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
