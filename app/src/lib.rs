//! What people see: pages, components, and server functions of a few lines.
//!
//! Every page reads, and every mutation works, before the WASM has loaded and without JavaScript: pages are rendered
//! whole on the server, mutations are forms. No rule lives here; `domain` is asked.

#![allow(clippy::needless_pass_by_value, reason = "components own their properties")]

pub mod api;
mod at;
mod browser;
mod components;
#[cfg(feature = "ssr")]
pub mod documents;
pub mod error;
#[cfg(feature = "ssr")]
mod fragments;
mod live;
mod pages;
mod reactive;
mod shell;
mod view;
#[cfg(feature = "ssr")]
mod viewer;
mod words;

#[cfg(feature = "ssr")]
pub use fragments::reference;
pub use shell::{App, shell};
pub(crate) use view::view;

/// Brings the page that the server rendered to life.
#[cfg(feature = "hydrate")]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
}
