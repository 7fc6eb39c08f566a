//! Toasts: what just happened, in a region that is always there, so that screen readers announce it.

use super::sender::sender;
use super::status_badge::UndoForm;
use crate::api::get_deletion;
use crate::browser;
use crate::error::AppError;
use crate::live::Live;
use crate::view;
use domain::deletion::{Deletion, DeletionState};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// How long a toast stays unless it is hovered, focused, or the tab is hidden.
const SECONDS: u32 = 8;
/// So many are shown at a time; the oldest gives way.
const MOST: usize = 3;
/// Pulses within this time are one look at the records.
const GATHER: Duration = Duration::from_millis(300);
/// After a look that failed.
const AGAIN: Duration = Duration::from_secs(2);

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

/// A deletion that was requested here and whose end has not been shown.
#[derive(Clone, Copy)]
struct Asked {
    project: Uuid,
    task: Uuid,
    deletion: Uuid,
    /// Which request this is: a look that an earlier one started says nothing about it.
    request: u64,
}

/// The toasts that are shown, and the deletions that were requested here. Their ends are read from their records, from the
/// answer to the request on: no order of answers, events and pages can hide one.
#[derive(Clone, Copy)]
pub struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    last_id: StoredValue<u64>,
    asked: StoredValue<HashMap<Uuid, Asked>>,
    /// A look is about to start.
    is_due: StoredValue<bool>,
}

impl Toasts {
    /// No toast.
    pub fn new() -> Self {
        let asked = StoredValue::new(HashMap::new());
        Self { shown: RwSignal::new(Vec::new()), last_id: StoredValue::new(0), asked, is_due: StoredValue::new(false) }
    }

    /// Looks at the records of what was requested here on every pulse, whichever page is open.
    pub fn follow(self, live: Live) {
        live.each_pulse(move || self.look_after(GATHER));
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

    /// Shows how a deletion ends that was requested here, unless it has ended.
    fn watch(self, deletion: &Deletion) {
        let (task, project, id, request) = (deletion.task_uuid, deletion.project_id, deletion.id, self.next_id());
        let is_over = deletion.state.is_final();
        self.asked.update_value(|asked| {
            if is_over {
                asked.remove(&task);
            } else {
                asked.insert(task, Asked { project, task, deletion: id, request });
            }
        });
        // The deletion may have ended before the answer to the request came: then no event follows.
        self.look_after(GATHER);
    }

    /// Reads the records of what was requested here, soon and once for all that ask for it meanwhile.
    fn look_after(self, wait: Duration) {
        let is_idle = self.asked.try_with_value(HashMap::is_empty).unwrap_or(true);
        if is_idle || self.is_due.try_update_value(|due| std::mem::replace(due, true)).unwrap_or(true) {
            return;
        }
        browser::after(wait, move || {
            let _ = self.is_due.try_set_value(false);
            let asked = self.asked.try_with_value(|asked| asked.values().copied().collect::<Vec<_>>());
            for asked in asked.unwrap_or_default() {
                spawn_local(async move { self.read(asked, get_deletion(asked.project, asked.deletion).await) });
            }
        });
    }

    /// Shows how a deletion ended, once. What cannot be read now is read again; what cannot be read any more is let go.
    fn read(self, asked: Asked, found: Result<Deletion, AppError>) {
        match found {
            Ok(deletion) if deletion.state.is_final() || deletion.state == DeletionState::Failed => {
                if self.answered(asked) {
                    self.ended(deletion);
                }
            }
            Err(error) if error.is_passing() => self.look_after(AGAIN),
            Err(error) if error.is_missing() => drop(self.answered(asked)),
            Ok(_) | Err(_) => {}
        }
    }

    fn ended(self, deletion: Deletion) {
        let name = &deletion.task_name;
        match deletion.state {
            DeletionState::Succeeded => {
                let text = format!("“{name}” deleted");
                self.about("Task deleted", text, Box::new(Deletion { can_undo: false, ..deletion }));
            }
            DeletionState::Failed => {
                let reason = deletion.last_error.as_ref().map(domain::deletion::LastError::headline);
                let text = format!("“{name}”: {}", reason.unwrap_or_default());
                self.about("Delete failed", text, Box::new(deletion));
            }
            DeletionState::Scheduled | DeletionState::Running | DeletionState::Retrying | DeletionState::Undone => {}
        }
    }

    fn push(self, title: String, text: String, deletion: Option<Box<Deletion>>) {
        let id = self.next_id();
        let task = deletion.as_ref().map(|deletion| deletion.task_uuid);
        self.shown.update(|shown| {
            shown.retain(|toast| task.is_none() || toast.task() != task);
            shown.drain(..shown.len().saturating_sub(MOST - 1));
            shown.push(Toast { id, title, text, deletion });
        });
    }

    /// True once for the newest request about a task: its end is shown once.
    fn answered(self, read: Asked) -> bool {
        let is_it = |asked: &Asked| asked.request == read.request;
        let take = |asked: &mut HashMap<Uuid, Asked>| {
            let is_newest = asked.get(&read.task).is_some_and(is_it);
            is_newest && asked.remove(&read.task).is_some()
        };
        self.asked.try_update_value(take).unwrap_or(false)
    }

    fn next_id(self) -> u64 {
        let id = self.last_id.get_value() + 1;
        self.last_id.set_value(id);
        id
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
