//! A moment: absolute UTC from the server; as the viewer has chosen, with the viewer's own clock in a tooltip, once the page has
//! come alive.

use crate::reactive::{effect, memo};
use crate::view;
use crate::{browser, words};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// The viewer's clock, ticking every second; none on the server and until the page has come alive, so that both render
/// the same.
#[derive(Clone, Copy)]
pub struct Clock {
    now: RwSignal<Option<DateTime<Utc>>>,
    alive: Memo<bool>,
}

impl Clock {
    /// Starts the clock of all pages.
    pub fn start() -> Self {
        let now = RwSignal::new(None);
        effect(move || {
            now.set(browser::now());
            browser::every_second(move || {
                let _ = now.try_set(browser::now());
            });
        });
        Self { now, alive: memo(move || now.with(Option::is_some)) }
    }

    /// Now, if the page has come alive; tracks it.
    pub fn now(self) -> Option<DateTime<Utc>> {
        self.now.get()
    }
}

/// A moment.
#[component]
pub fn Moment(at: DateTime<Utc>) -> impl IntoView {
    let clock = expect_context::<Clock>();
    let text = move || clock.now().map_or_else(|| words::absolute(at), |now| browser::said(at, now));
    let title = move || if clock.alive.get() { browser::local(at) } else { words::absolute(at) };
    view! {
        <time datetime=at.to_rfc3339() title=title>
            {text}
        </time>
    }
}
