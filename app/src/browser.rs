//! The browser, in one place: what needs JavaScript's world has a form for the server that does nothing.

#[cfg(feature = "hydrate")]
mod real {
    use chrono::{DateTime, Utc};
    use leptos::html::Dialog;
    use leptos::prelude::{GetUntracked, NodeRef, StoredValue, document};
    use std::time::Duration;
    use web_sys::HtmlElement;
    use web_sys::wasm_bindgen::JsCast;

    /// Tells tests and styles that the page has come alive.
    pub fn mark_hydrated() {
        if let Some(body) = document().body() {
            let _ = body.set_attribute("data-hydrated", "true");
        }
    }

    /// The clock of this machine: for words such as "in 4 h", never for decisions.
    pub fn now() -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(js_sys::Date::now() as i64)
    }

    /// Opens a dialog above everything; the browser moves focus into it and back.
    pub fn open(dialog: NodeRef<Dialog>) {
        if let Some(dialog) = dialog.get_untracked()
            && !dialog.open()
        {
            let _ = dialog.show_modal();
        }
    }

    /// Closes a dialog.
    pub fn close(dialog: NodeRef<Dialog>) {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    }

    /// True when the focus is within the element that matches.
    pub fn has_focus_within(selector: &str) -> bool {
        document().active_element().and_then(|element| element.closest(selector).ok()).flatten().is_some()
    }

    /// What stands in a form whose fields are named `form[name]`.
    pub fn form_fields<T: serde::de::DeserializeOwned>(form: NodeRef<leptos::html::Form>) -> Option<T> {
        let data = web_sys::FormData::new_with_form(&form.get_untracked()?).ok()?;
        let mut fields = serde_json::Map::new();
        for entry in data.entries() {
            let pair = js_sys::Array::from(&entry.ok()?);
            let (name, value) = (pair.get(0).as_string()?, pair.get(1).as_string()?);
            if let Some(name) = name.strip_prefix("form[").and_then(|name| name.strip_suffix(']')) {
                fields.insert(name.to_owned(), serde_json::Value::String(value));
            }
        }
        serde_json::from_value(serde_json::Value::Object(fields)).ok()
    }

    /// Loads another page.
    pub fn go(path: &str) {
        let _ = leptos::prelude::window().location().set_href(path);
    }

    /// Closes the menu in which something was chosen.
    pub fn close_menu(event: &leptos::ev::MouseEvent) {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if let Some(menu) = target.and_then(|target| target.closest("details").ok()).flatten() {
            let _ = menu.remove_attribute("open");
        }
    }

    /// Moves focus to the element with this id.
    pub fn focus(id: &str) {
        if let Some(element) = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
            let _ = element.focus();
        }
    }

    /// Calls `tick` every second until the owner goes.
    pub fn every_second(tick: impl FnMut() + 'static) {
        let interval = gloo_timers::callback::Interval::new(1_000, tick);
        StoredValue::new_local(interval);
    }

    /// Calls `then` once, later.
    pub fn after(delay: Duration, then: impl FnOnce() + 'static) {
        gloo_timers::callback::Timeout::new(u32::try_from(delay.as_millis()).unwrap_or(u32::MAX), then).forget();
    }

    /// True while the tab is not looked at.
    pub fn is_hidden() -> bool {
        document().visibility_state() == web_sys::VisibilityState::Hidden
    }
}

#[cfg(not(feature = "hydrate"))]
mod real {
    use chrono::{DateTime, Utc};
    use leptos::html::Dialog;
    use leptos::prelude::NodeRef;
    use std::time::Duration;

    pub fn mark_hydrated() {}
    pub fn now() -> Option<DateTime<Utc>> {
        None
    }
    pub fn open(_: NodeRef<Dialog>) {}
    pub fn close(_: NodeRef<Dialog>) {}
    pub fn has_focus_within(_: &str) -> bool {
        false
    }
    pub fn form_fields<T>(_: NodeRef<leptos::html::Form>) -> Option<T> {
        None
    }
    pub fn go(_: &str) {}
    pub fn close_menu(_: &leptos::ev::MouseEvent) {}
    pub fn focus(_: &str) {}
    pub fn every_second(_: impl FnMut() + 'static) {}
    pub fn after(_: Duration, _: impl FnOnce() + 'static) {}
    pub fn is_hidden() -> bool {
        false
    }
}

pub use real::*;
