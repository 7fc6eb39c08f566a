//! Toasts: what just happened, in a region that is always there, so that screen readers announce it.

use crate::api::UndoDeletion;
use crate::browser;
use domain::deletion::Deletion;
use leptos::prelude::*;
use leptos_router::components::A;
use std::time::Duration;

/// How long a toast stays unless it is hovered, focused, or the tab is hidden.
const SECONDS: u32 = 8;

/// One toast.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// The headline.
    pub title: String,
    /// The sentence beneath.
    pub text: String,
    /// The deletion that it is about: gives View, and Undo while it can be.
    pub deletion: Option<Box<Deletion>>,
}

/// The toast that is shown, if one is.
#[derive(Clone, Copy, Default)]
pub struct Toasts {
    current: RwSignal<Option<Toast>>,
}

impl Toasts {
    /// Shows a toast in the place of the one before.
    pub fn show(self, title: &str, text: String, deletion: Option<Box<Deletion>>) {
        self.current.set(Some(Toast { title: title.to_owned(), text, deletion }));
    }

    /// The toast of an accepted deletion.
    pub fn deletion_scheduled(self, deletion: Box<Deletion>) {
        let text = format!("“{}” will be removed in the background.", deletion.task_name);
        self.show("Deletion scheduled", text, Some(deletion));
    }
}

/// The region of the toasts, part of every page.
#[component]
pub fn ToastRegion() -> impl IntoView {
    let current = expect_context::<Toasts>().current;
    let held = RwSignal::new(false);
    Effect::new(move |_| {
        if let Some(toast) = current.get() {
            count_down(current, held, toast, SECONDS);
        }
    });
    view! {
        <div class="toasts" role="status" aria-live="polite">
            {move || current.get().map(|toast| view! { <ToastView toast held current /> })}
        </div>
    }
}

/// One second less, unless the toast is held; the end removes it if it is still the same.
fn count_down(current: RwSignal<Option<Toast>>, held: RwSignal<bool>, toast: Toast, left: u32) {
    browser::after(Duration::from_secs(1), move || {
        if current.try_get_untracked().flatten().as_ref() != Some(&toast) {
            return;
        }
        if held.get_untracked() || browser::is_hidden() {
            count_down(current, held, toast, left);
        } else if left > 1 {
            count_down(current, held, toast, left - 1);
        } else {
            current.set(None);
        }
    });
}

#[component]
fn ToastView(toast: Toast, held: RwSignal<bool>, current: RwSignal<Option<Toast>>) -> impl IntoView {
    let undo = expect_context::<ServerAction<UndoDeletion>>();
    let actions = toast.deletion.map(|deletion| {
        let (project_id, deletion_id) = (deletion.project_id, deletion.id);
        let href = format!("/projects/{project_id}/deletions/{deletion_id}");
        let undo = deletion.can_undo.then(|| {
            let click = move |_| {
                undo.dispatch(UndoDeletion { project_id, deletion_id });
                current.set(None);
            };
            view! {
                <button type="button" class="btn sm" on:click=click>
                    "Undo"
                </button>
            }
        });
        view! {
            {undo}
            <A href attr:class="btn sm">
                "View"
            </A>
        }
    });
    view! {
        <div
            class="toast"
            data-testid="toast"
            on:mouseenter=move |_| held.set(true)
            on:mouseleave=move |_| held.set(false)
            on:focusin=move |_| held.set(true)
            on:focusout=move |_| held.set(false)
        >
            <b>{toast.title}</b>
            <span>{toast.text}</span>
            <div class="act">{actions}</div>
        </div>
    }
}
