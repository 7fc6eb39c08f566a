//! What the server knows of who looks at a page, for its frame.

use crate::api::Asking;
use domain::display::Display;
use http::header::COOKIE;
use http::request::Parts;
use leptos::prelude::use_context;

/// How their browser shows pages.
pub fn display() -> Display {
    use_context::<Parts>().map(|parts| Display::of_cookies(cookies(&parts))).unwrap_or_default()
}

fn cookies(parts: &Parts) -> impl Iterator<Item = &str> {
    parts.headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok())
}

/// Whether they administer the instance.
pub fn operates() -> bool {
    use_context::<Asking>().is_some_and(|Asking(who)| who.is_ok_and(|(caller, _)| caller.operator().is_ok()))
}
