//! Toasts: what just happened, in a region that is always there, so that screen readers announce it.

use super::sender::sender;
use super::status_badge::UndoForm;
use crate::browser;
use crate::view;
use domain::deletion::Deletion;
use domain::task::Task;
use leptos::prelude::*;
use leptos_router::components::A;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// How long a toast stays unless it is hovered, focused, or the tab is hidden.
const SECONDS: u32 = 8;
/// So many are shown at a time; the oldest gives way.
const MOST: usize = 3;

/// One toast.
#[derive(Clone, Debug, PartialEq)]
struct Toast {
    id: u64,
    /// The headline.
    title: String,
    /// The sentence beneath.
    text: String,
    /// The deletion that it is about: gives View, and Undo while it can be.
    deletion: Option<Box<Deletion>>,
}

/// The toasts that are shown, and the deletions that were asked for here: how those end is told here.
#[derive(Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    last_id: StoredValue<u64>,
    asked: StoredValue<HashMap<Uuid, Box<Deletion>>>,
}

impl Toasts {
    /// No toast.
    pub fn new() -> Self {
        let asked = StoredValue::new(HashMap::new());
        Self { shown: RwSignal::new(Vec::new()), last_id: StoredValue::new(0), asked }
    }

    /// Shows a toast.
    pub fn show(self, title: &'static str, text: String) {
        self.push(title.to_owned(), text, None);
    }

    /// Shows a toast with a way to the record of a deletion; it takes the place of an earlier one about the same task.
    pub fn about(self, title: &'static str, text: String, deletion: Box<Deletion>) {
        self.push(title.to_owned(), text, Some(deletion));
    }

    /// A deletion was accepted.
    pub fn scheduled(self, deletion: Box<Deletion>) {
        let text = format!("“{}” will be removed in the background.", deletion.task_name);
        self.watch(&deletion);
        self.about("Deletion scheduled", text, deletion);
    }

    /// What a server function says that it did: a headline, a sentence, and the deletion that it is about, a line each.
    pub fn told(self, said: &str) {
        let mut lines = said.splitn(3, '\n');
        let mut line = || lines.next().unwrap_or_default();
        let (title, text, about) = (line().to_owned(), line().to_owned(), line());
        let deletion = serde_json::from_slice::<Box<Deletion>>(about.as_bytes()).ok();
        if let Some(deletion) = &deletion {
            self.watch(deletion);
        }
        self.push(title, text, deletion);
    }

    /// How a deletion ends that was asked for here is told here, unless it has ended.
    fn watch(self, deletion: &Deletion) {
        let (task, copy) = (deletion.task_uuid, Box::new(deletion.clone()));
        self.answered(task);
        if !deletion.state.is_final() {
            self.asked.update_value(|asked| drop(asked.insert(task, copy)));
        }
    }

    /// A task is gone: told to the one who asked for it.
    pub fn gone(self, task: Uuid) {
        if let Some(deletion) = self.answered(task) {
            let text = format!("“{}” deleted", deletion.task_name);
            let deletion = Box::new(Deletion { can_undo: false, ..*deletion });
            self.about("Task deleted", text, deletion);
        }
    }

    /// A deletion has failed: told to the one who asked for it.
    pub fn failed(self, task: &Task) {
        if let Some(deletion) = task.deletion.clone().filter(|_| self.answered(task.uuid).is_some()) {
            let reason = deletion.last_error.as_ref().map(domain::deletion::LastError::headline).unwrap_or_default();
            self.about("Delete failed", format!("“{}”: {reason}", task.name), Box::new(deletion));
        }
    }

    fn push(self, title: String, text: String, deletion: Option<Box<Deletion>>) {
        let id = self.last_id.get_value() + 1;
        self.last_id.set_value(id);
        let task = deletion.as_ref().map(|deletion| deletion.task_uuid);
        self.shown.update(|shown| {
            shown.retain(|toast| task.is_none() || toast.task() != task);
            shown.drain(..shown.len().saturating_sub(MOST - 1));
            shown.push(Toast { id, title, text, deletion });
        });
    }

    /// The deletion of a task that was asked for here; whatever it ends in, that is told once.
    fn answered(self, task: Uuid) -> Option<Box<Deletion>> {
        self.asked.try_update_value(|asked| asked.remove(&task)).flatten()
    }

    fn close(self, id: u64) {
        let _ = self.shown.try_update(|shown| shown.retain(|toast| toast.id != id));
    }
}

impl Toast {
    fn task(&self) -> Option<Uuid> {
        self.deletion.as_ref().map(|deletion| deletion.task_uuid)
    }
}

/// The region of the toasts, part of every page.
#[component]
pub fn ToastRegion() -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    view! {
        <div class="toasts" role="status" aria-live="polite" on:submit=sender()>
            <For each=move || toasts.shown.get() key=|toast| toast.id let(toast)>
                <ToastView toast toasts />
            </For>
        </div>
    }
}

/// One second less, unless the toast is held; the end removes it.
fn count_down(toasts: Toasts, id: u64, held: RwSignal<bool>, left: u32) {
    browser::after(Duration::from_secs(1), move || {
        let Some(held_now) = held.try_get_untracked() else { return };
        if held_now || browser::is_hidden() {
            count_down(toasts, id, held, left);
        } else if left > 1 {
            count_down(toasts, id, held, left - 1);
        } else {
            toasts.close(id);
        }
    });
}

#[component]
fn ToastView(toast: Toast, toasts: Toasts) -> impl IntoView {
    let held = RwSignal::new(false);
    count_down(toasts, toast.id, held, SECONDS);
    let actions = toast.deletion.map(|deletion| view! { <Actions deletion=*deletion /> });
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

#[component]
fn Actions(deletion: Deletion) -> impl IntoView {
    let record = format!("/projects/{}/deletions/{}", deletion.project_id, deletion.id);
    view! {
        {deletion.can_undo.then(|| view! { <UndoForm deletion /> })}
        <A href=record attr:class="btn sm">
            "View"
        </A>
    }
}
