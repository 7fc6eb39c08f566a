//! A part of a page that the server renders and the browser shows as it is: its pages cost the download nothing. Links in
//! it are links and forms are forms; those that post are sent by `components::sender`.

use super::time::Clock;
use crate::browser;
use crate::reactive::effect;
use crate::view;
use leptos::prelude::*;

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
    view! { <div id=PLACE inner_html=html.get_untracked()></div> }
}
