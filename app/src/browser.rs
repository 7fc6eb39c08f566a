//! The browser, in one place: what needs JavaScript's world has a form for the server that does nothing.

#[cfg(feature = "hydrate")]
mod real {
    use chrono::{DateTime, Utc};
    use domain::display::Times;
    use leptos::html::Dialog;
    use leptos::prelude::{GetUntracked, NodeRef, StoredValue, document, window, window_event_listener};
    use std::time::Duration;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::wasm_bindgen::JsCast;
    use web_sys::{
        Element, FormData, HtmlElement, HtmlFormElement, RequestInit, Response, SubmitEvent, UrlSearchParams,
    };

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
        let data = FormData::new_with_form(&form.get_untracked()?).ok()?;
        let mut fields = Vec::new();
        for entry in data.entries() {
            let pair = js_sys::Array::from(&entry.ok()?);
            let (name, value) = (pair.get(0).as_string()?, pair.get(1).as_string()?);
            if let Some(name) = name.strip_prefix("form[").and_then(|name| name.strip_suffix(']')) {
                fields.push((name.to_owned(), value));
            }
        }
        crate::api::read_fields(fields)
    }

    /// What stands in a form that is being sent, as the browser would send it.
    pub fn encoded(event: &SubmitEvent) -> Option<String> {
        let form = event.target()?.dyn_into::<HtmlFormElement>().ok()?;
        let data = FormData::new_with_form(&form).ok()?;
        UrlSearchParams::new_with_str_sequence_sequence(&data).ok().map(|fields| fields.to_string().into())
    }

    /// Where a form that is being sent posts to, and what stands in it; none for one that only asks, or that its own
    /// listener sends.
    pub fn posted(event: &SubmitEvent) -> Option<(String, String)> {
        if event.default_prevented() {
            return None;
        }
        let form = event.target()?.dyn_into::<Element>().ok()?;
        let action = form.get_attribute("action").filter(|action| action.starts_with("/fn/"))?;
        Some((action, encoded(event)?))
    }

    /// Puts a rendered part in the place of what it was before; focus stays on what has the same id or leads to the same
    /// place, and what was opened by a summary with an id stays open. False while the viewer types into it or presses
    /// something in it: then it stays as it is.
    pub fn replace(id: &str, html: &str) -> bool {
        let Some(place) = document().get_element_by_id(id) else { return false };
        let find = |selector: &str| place.query_selector(selector).ok().flatten();
        let focused = document().active_element().filter(|element| place.contains(Some(element)));
        let is_typing = |element: &Element| matches!(element.tag_name().as_str(), "INPUT" | "SELECT");
        if focused.as_ref().is_some_and(is_typing) || find(":active").is_some() {
            return false;
        }
        let focused = focused.map(|element| {
            let name = if element.id().is_empty() { "href" } else { "id" };
            format!("[{name}='{}']", element.get_attribute(name).unwrap_or_default())
        });
        let opened = elements(&format!("#{id} [open] > [id]")).iter().map(Element::id).collect::<Vec<_>>();
        place.set_inner_html(html);
        for summary in opened {
            if let Some(details) = find(&format!("#{summary}")).and_then(|summary| summary.parent_element()) {
                let _ = details.set_attribute("open", "");
            }
        }
        if let Some(selector) = focused {
            focus_on(find(&selector));
        }
        true
    }

    fn elements(selector: &str) -> Vec<Element> {
        let Ok(found) = document().query_selector_all(selector) else { return Vec::new() };
        (0..found.length()).filter_map(|index| found.item(index)?.dyn_into().ok()).collect()
    }

    /// Says the times in a rendered part as [`crate::components::time::Moment`] does; and how much of one is left.
    pub fn tell_times(id: &str) {
        let Some(now) = now() else { return };
        for element in elements(&format!("#{id} time")) {
            let written = element.get_attribute("datetime").unwrap_or_default();
            let (Ok(at), text) = (written.parse::<DateTime<Utc>>(), element.text_content()) else { continue };
            let say = if element.class_name() == "left" { crate::words::left } else { said };
            let words = say(at, now);
            if text.as_ref() != Some(&words) {
                element.set_text_content(Some(&words));
                let _ = element.set_attribute("title", &local(at));
            }
        }
    }

    /// Loads this page anew from the server.
    pub fn reload() {
        let _ = window().location().reload();
    }

    /// Closes the menus that something was chosen in, that the viewer clicks beside, or leaves with Escape; focus stays
    /// where the menu was.
    pub fn watch_menus() {
        let _ = window_event_listener(leptos::ev::click, |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
            let in_summary = target.as_ref().and_then(|target| target.closest(".menu summary").ok()).flatten();
            if in_summary.is_none() {
                close_menus(target.and_then(|target| target.closest(".menu").ok()).flatten().as_ref());
            }
        });
        let _ = window_event_listener(leptos::ev::keydown, |event| {
            let within = document().active_element().and_then(|element| element.closest(".menu").ok()).flatten();
            if event.key() == "Escape" {
                close_menus(within.as_ref());
            }
        });
    }

    /// Closes all menus; the summary of the one that was used gets the focus.
    fn close_menus(used: Option<&Element>) {
        while let Ok(Some(menu)) = document().query_selector(".menu[open]") {
            let _ = menu.remove_attribute("open");
            let summary = menu.query_selector("summary").ok().flatten();
            if used == Some(&menu)
                && let Some(summary) = summary.and_then(|summary| summary.dyn_into::<HtmlElement>().ok())
            {
                let _ = summary.focus();
            }
        }
    }

    /// Moves focus to the element with this id; to the page's content if there is none.
    pub fn focus(id: &str) {
        focus_on(document().get_element_by_id(id));
    }

    fn focus_on(element: Option<Element>) {
        let element = element.or_else(|| document().get_element_by_id("main"));
        if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
            let _ = element.focus();
        }
    }

    /// A moment in words, as the viewer has chosen.
    pub fn said(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let chosen = document().document_element().and_then(|html| html.get_attribute("data-times"));
        if chosen.is_some_and(|times| times == Times::Absolute.as_str()) {
            local(at)
        } else {
            crate::words::relative(at, now)
        }
    }

    /// A moment on the clock of the viewer, as the viewer writes it.
    pub fn local(at: DateTime<Utc>) -> String {
        let date = js_sys::Date::new(&(at.timestamp_millis() as f64).into());
        date.to_locale_string("default", &js_sys::Object::new()).into()
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

    /// The status that the server returns for an address, and its `Retry-After` in seconds. Asks with HEAD, so that an
    /// endless answer is not read. None when the server cannot be reached.
    pub async fn head(url: &str) -> Option<(u16, Option<u32>)> {
        let init = RequestInit::new();
        init.set_method("HEAD");
        let answer = JsFuture::from(window().fetch_with_str_and_init(url, &init)).await.ok()?;
        let answer = answer.dyn_into::<Response>().ok()?;
        let seconds = answer.headers().get("retry-after").ok().flatten();
        Some((answer.status(), seconds.and_then(|seconds| seconds.parse().ok())))
    }

    /// True while the tab is not looked at.
    pub fn is_hidden() -> bool {
        document().visibility_state() == web_sys::VisibilityState::Hidden
    }
}

#[cfg(not(feature = "hydrate"))]
mod real {
    use chrono::{DateTime, Utc};
    use leptos::ev::SubmitEvent;
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
    pub fn encoded(_: &SubmitEvent) -> Option<String> {
        None
    }
    pub fn posted(_: &SubmitEvent) -> Option<(String, String)> {
        None
    }
    pub fn replace(_: &str, _: &str) -> bool {
        false
    }
    pub fn tell_times(_: &str) {}
    pub fn reload() {}
    pub fn watch_menus() {}
    pub fn focus(_: &str) {}
    pub fn said(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
        crate::words::relative(at, now)
    }
    pub fn local(_: DateTime<Utc>) -> String {
        String::new()
    }
    pub fn every_second(_: impl FnMut() + 'static) {}
    pub fn after(_: Duration, _: impl FnOnce() + 'static) {}
    pub fn is_hidden() -> bool {
        false
    }
}

pub use real::*;
