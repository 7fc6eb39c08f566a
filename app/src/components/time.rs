//! A moment: absolute UTC from the server; relative, with the absolute in a tooltip, once the page has come alive.

use crate::{browser, words};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// The viewer's clock, ticking every second; none on the server and until the page has come alive, so that both render
/// the same.
#[derive(Clone, Copy)]
pub struct Clock(RwSignal<Option<DateTime<Utc>>>);

impl Clock {
    /// The clock of this page: one for all moments on it.
    pub fn of_page() -> Self {
        use_context().unwrap_or_else(|| {
            let clock = Self(RwSignal::new(None));
            Effect::new(move |_| {
                clock.0.set(browser::now());
                browser::every_second(move || {
                    let _ = clock.0.try_set(browser::now());
                });
            });
            provide_context(clock);
            clock
        })
    }

    /// Now, if the page has come alive; tracks it.
    pub fn now(self) -> Option<DateTime<Utc>> {
        self.0.get()
    }
}

/// A moment.
#[component]
pub fn Moment(at: DateTime<Utc>) -> impl IntoView {
    let clock = Clock::of_page();
    let absolute = words::absolute(at);
    let text = {
        let absolute = absolute.clone();
        move || clock.now().map_or_else(|| absolute.clone(), |now| words::relative(at, now))
    };
    view! {
        <time datetime=at.to_rfc3339() title=absolute>
            {text}
        </time>
    }
}
