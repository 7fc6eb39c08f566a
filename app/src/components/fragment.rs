//! A part of a page that the server renders and the browser shows as it is: its pages cost the download nothing. Links in
//! it are links and forms are forms; once the page has come alive those that post are sent from here.

use super::time::Clock;
use super::toast::Toasts;
use crate::api;
use crate::browser;
use crate::live::Live;
use crate::reactive::effect;
use crate::view;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;

/// Where it stands on the page: there is one at most.
const PLACE: &str = "rendered";

/// Shows what was rendered, and changes the document when that does.
#[component]
pub fn FragmentView(html: Memo<String>) -> impl IntoView {
    let clock = expect_context::<Clock>();
    let shown = StoredValue::new(html.get_untracked());
    effect(move || {
        // Every second, for the times; and so that what the viewer typed into is caught up with.
        if clock.now().is_some() {
            let fresh = html.get();
            if shown.with_value(|old| *old != fresh) && browser::replace(PLACE, &fresh) {
                shown.set_value(fresh);
            }
            browser::tell_times(PLACE);
        }
    });
    view! { <div id=PLACE inner_html=html.get_untracked() on:submit=sender()></div> }
}

/// Sends a form that posts, one at a time, and goes where its answer says.
fn sender() -> impl Fn(SubmitEvent) {
    let (navigate, toasts) = (StoredValue::new(use_navigate()), expect_context::<Toasts>());
    let (live, waits) = (expect_context::<Live>(), StoredValue::new(false));
    move |event| {
        let Some((path, body)) = browser::posted(&event) else { return };
        event.prevent_default();
        if waits.get_value() {
            return;
        }
        waits.set_value(true);
        spawn_local(async move {
            let answer = api::post(&path, body).await;
            let _ = waits.try_set_value(false);
            match answer {
                Ok(Some(path)) => drop(navigate.try_with_value(|go| go(&path, Default::default()))),
                Ok(None) => live.nudge(),
                Err(error) => toasts.show(error.0.kind.title(), error.detail().to_owned()),
            }
        });
    }
}
