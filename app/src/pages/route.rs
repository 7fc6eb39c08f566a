//! What a page reads from its URL.

use crate::api::read_fields;
use crate::components::field::FormErrors;
use crate::error::AppError;
use crate::view;
use domain::error::{ProblemKind, Refusal};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map, use_query_map};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A UUID in the path; a malformed one is a page that does not exist.
pub fn id(name: &'static str) -> impl Fn() -> Result<Uuid, AppError> + Copy + Send + Sync {
    let params = use_params_map();
    move || {
        let text = params.with(|params| params.get(name));
        let missing =
            || Refusal::new(ProblemKind::RouteNotFound, "There is no such page: its address has no valid id.");
        text.and_then(|text| text.parse().ok()).ok_or_else(|| missing().into())
    }
}

/// A parameter of the query; an empty one counts as none.
pub fn query(name: &'static str) -> impl Fn() -> Option<String> + Copy + Send + Sync {
    let params = use_query_map();
    move || params.with(|params| params.get(name)).filter(|text| !text.is_empty())
}

/// The address of a page of which only the server knows what it shows.
pub fn address() -> impl Fn() -> String + Copy + Send + Sync {
    let (params, search) = (use_params_map(), use_location().search);
    // The path as the route has it, not the location: that is another's as soon as this page is left.
    move || format!("/{}?{}", params.with(|params| params.get("view")).unwrap_or_default(), search.get())
}

/// What was typed into a form that came back without JavaScript.
pub fn typed<T: DeserializeOwned>() -> Option<T> {
    let params = use_query_map().get_untracked();
    params.get("error")?;
    read_fields(params.into_iter().map(|(key, value)| (key.into_owned(), value)).collect())
}

/// What was wrong with it.
pub fn refusal() -> Option<AppError> {
    let text = use_location().query.get_untracked().get("error")?;
    serde_json::from_str(&text).ok().map(AppError)
}

/// Lets the fields of a form show why it was refused: by the answer to it, or before this page was made.
pub fn show_refusals<T: 'static>(answer: impl Fn() -> Option<Result<T, AppError>> + Send + Sync + 'static) {
    let before = refusal();
    let error = move || match answer() {
        Some(result) => result.err(),
        None => before.clone(),
    };
    provide_context(FormErrors(Signal::derive(error)));
}

/// The banner that says what a plain form was refused with.
#[component]
pub fn RefusalBanner() -> impl IntoView {
    refusal().map(|error| {
        view! {
            <p class="alert" role="alert">
                <b>{error.0.kind.title()}</b>
                " "
                {error.detail().to_owned()}
            </p>
        }
    })
}
