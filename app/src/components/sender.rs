//! Forms that need no program of their own, in what the server rendered and elsewhere: the browser sends them until the page
//! has come alive, and from then on one listener does. What they post to answers a path to look at next, or what was done,
//! for a toast, or neither.

use super::toast::Toasts;
use crate::api;
use crate::browser;
use crate::live::Live;
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;

/// The listener. What is on its way already is not sent again.
pub fn sender() -> impl Fn(SubmitEvent) {
    let (navigate, toasts) = (StoredValue::new(use_navigate()), expect_context::<Toasts>());
    let (live, on_its_way) = (expect_context::<Live>(), StoredValue::new(Vec::<(String, String)>::new()));
    move |event| {
        let Some(form) = browser::posted(&event) else { return };
        event.prevent_default();
        if on_its_way.with_value(|forms| forms.contains(&form)) {
            return;
        }
        on_its_way.update_value(|forms| forms.push(form.clone()));
        spawn_local(async move {
            let answer = api::post(&form.0, form.1.clone()).await;
            let _ = on_its_way.try_update_value(|forms| forms.retain(|other| *other != form));
            match answer {
                Ok(Some(path)) if path.starts_with('/') => {
                    let _ = navigate.try_with_value(|go| go(&path, Default::default()));
                }
                Ok(said) => {
                    if let Some(said) = said {
                        toasts.told(&said);
                    }
                    live.nudge();
                }
                Err(error) => toasts.show(error.0.kind.title(), error.detail().to_owned()),
            }
        });
    }
}
