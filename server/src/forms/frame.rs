//! What is around every document: the stylesheet, what the browser has chosen, and the headers.

use crate::AppState;
use app::documents::Files;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use domain::display::{Display, Theme};
use std::convert::Infallible;

/// What a document needs to know of the server and of the browser that asks.
pub struct Frame {
    stylesheet: String,
    theme: Theme,
}

impl Frame {
    /// For a document.
    pub fn files(&self) -> Files<'_> {
        Files { stylesheet: &self.stylesheet, theme: self.theme }
    }
}

impl FromRequestParts<AppState> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let Display { theme, .. } = Display::of_cookies(cookies);
        Ok(Self { stylesheet: format!("/{}/{}.css", state.leptos.site_pkg_dir, state.leptos.output_name), theme })
    }
}

/// Answers with a document.
pub fn page(status: StatusCode, html: String) -> Response {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Html(html)).into_response()
}
