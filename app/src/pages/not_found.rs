//! The page for paths that do not exist.

use crate::components::layout::Trouble;
use crate::view;
use domain::error::{ProblemKind, Refusal};
use leptos::prelude::*;

/// Not found.
#[component]
pub fn NotFound() -> impl IntoView {
    let refusal = Refusal::new(ProblemKind::RouteNotFound, "There is nothing at this address.");
    view! { <Trouble error=refusal.into() /> }
}
