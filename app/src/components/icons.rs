//! Icons: inline SVG in the colour of the text; decoration only, so screen readers skip them.

use crate::view;
use leptos::prelude::*;

#[component]
fn Icon(view_box: &'static str, #[prop(optional)] filled: bool, path: &'static str) -> impl IntoView {
    let (fill, stroke) = if filled { ("currentColor", "none") } else { ("none", "currentColor") };
    view! {
        <svg class="icon" viewBox=view_box fill=fill stroke=stroke stroke-width="1.4" aria-hidden="true">
            <path d=path />
        </svg>
    }
}

/// The bell of the sexton: the product's sign.
#[component]
pub fn Bell() -> impl IntoView {
    let path = "M10 1.5a1 1 0 0 1 1 1v.6a5.5 5.5 0 0 1 4.5 5.4c0 3.2.7 4.6 1.6 5.5.5.5.2 1.5-.6 1.5H3.5c-.8 0-1.1-1-.6-1.5.9-.9 1.6-2.3 1.6-5.5A5.5 5.5 0 0 1 9 3.1v-.6a1 1 0 0 1 1-1Zm-2 15.2h4a2 2 0 0 1-4 0Z";
    view! { <Icon view_box="0 0 20 20" filled=true path /> }
}

/// Active.
#[component]
pub fn Circle() -> impl IntoView {
    view! { <Icon view_box="0 0 12 12" filled=true path="M6 2a4 4 0 1 1 0 8a4 4 0 0 1 0-8Z" /> }
}

/// Disabled.
#[component]
pub fn Bars() -> impl IntoView {
    view! { <Icon view_box="0 0 12 12" filled=true path="M3.2 2.5h2v7h-2zM6.8 2.5h2v7h-2z" /> }
}

/// Pending delete.
#[component]
pub fn Hourglass() -> impl IntoView {
    let path = "M3 1.5h6M3 10.5h6M3.6 1.5c0 2.6 4.8 2.6 4.8 4.5S3.6 7.9 3.6 10.5M8.4 1.5C8.4 4.1 3.6 4.1 3.6 6s4.8 1.9 4.8 4.5";
    view! { <Icon view_box="0 0 12 12" path /> }
}

/// Delete failed.
#[component]
pub fn Octagon() -> impl IntoView {
    view! { <Icon view_box="0 0 12 12" path="M4 1.2h4L10.8 4v4L8 10.8H4L1.2 8V4zM6 3.6v3M6 8.4v.1" /> }
}
