//! Pages that the server renders whole. Which there are is known to the server alone: a new one needs nothing here, and an
//! address of which it knows nothing is answered by the page that says so.

use super::route::{self, RefusalBanner};
use crate::api::{Fragment, get_fragment};
use crate::components::fragment::FragmentView;
use crate::components::layout::Trouble;
use crate::components::loaded::loaded;
use crate::error::AppError;
use crate::live::{Followed, Live};
use crate::reactive::memo;
use crate::view;
use leptos::prelude::*;
use leptos_meta::Title;

/// The page at this address.
#[component]
pub fn FragmentPage() -> impl IntoView {
    let address = route::address();
    loaded(address, get_fragment, move |fragment| view! { <Fresh at=untrack(address) fragment /> })
}

/// The page, kept true while it is open.
#[component]
fn Fresh(at: String, fragment: Fragment) -> impl IntoView {
    let title = fragment.title().to_owned();
    let current = RwSignal::new(fragment);
    let gone = RwSignal::new(None::<AppError>);
    let live = expect_context::<Live>();
    live.follow(Followed::at(&at));
    live.keep_fresh(
        move || get_fragment(at.clone()),
        move |fresh| match fresh {
            Ok(fresh) => drop(current.try_set(fresh)),
            Err(error) if error.is_missing() => drop(gone.try_set(Some(error))),
            Err(_) => {}
        },
    );
    let html = memo(move || current.with(|fragment| fragment.html().to_owned()));
    view! {
        <Title text=title />
        <RefusalBanner />
        {move || match gone.get() {
            None => view! { <FragmentView html /> },
            Some(error) => view! { <Trouble error /> },
        }}
    }
}
