//! What a server function has around it: the caller, the use cases, and the redirect that answers a plain form.

use crate::error::AppError;
use backend::{Actor, Backend};
use domain::error::{ProblemKind, Refusal};
use http::header::ACCEPT;
use http::request::Parts;
use leptos::prelude::use_context;
use serde::Serialize;

/// Who calls; the first line of every server function.
pub(super) fn authenticate() -> Result<Actor, AppError> {
    use_context::<Actor>().ok_or_else(|| Refusal::new(ProblemKind::Forbidden, "Nobody is signed in.").into())
}

/// The way to the use cases.
pub(super) fn backend() -> Result<Backend, AppError> {
    use_context::<Backend>().ok_or_else(|| Refusal::new(ProblemKind::Internal, "The server is not set up.").into())
}

/// Answers a plain form with a redirect: to where `done` says, or back to `form_path` with what was typed and what was
/// wrong with it. A call by the program in the browser is left alone.
pub(super) fn redirect_form<T, F: Serialize>(
    result: &Result<T, AppError>,
    typed: &F,
    form_path: &str,
    done: impl FnOnce(&T) -> String,
) {
    if !is_plain_form() {
        return;
    }
    match result {
        Ok(value) => leptos_axum::redirect(&done(value)),
        Err(error) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            let typed = serde_json::to_value(typed).unwrap_or_default();
            for (key, value) in typed.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                query.append_pair(key, &text);
            }
            query.append_pair("error", &serde_json::to_string(&error.0).unwrap_or_default());
            leptos_axum::redirect(&format!("{form_path}?{}", query.finish()));
        }
    }
}

fn is_plain_form() -> bool {
    let accepts_html = |parts: Parts| {
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        accept.contains("text/html")
    };
    use_context::<Parts>().is_some_and(accepts_html)
}
