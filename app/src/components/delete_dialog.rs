//! Deleting: the same content on the delete page and, once the page has come alive, in a dialog.

use super::deletion_parts::PreviewList;
use super::toast::Toasts;
use crate::api::{DeleteOutcome, DeleteTask, preview_deletion};
use crate::browser;
use crate::error::AppError;
use domain::deletion::DeletionPreview;
use leptos::ev::MouseEvent;
use leptos::form::ActionForm;
use leptos::html::Dialog;
use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;

/// History of more runs than this asks for the name.
const NAME_ASKED_ABOVE: i64 = 1_000;

/// Opens the dialog of a page.
#[derive(Clone, Copy)]
pub struct DeleteDialogs {
    preview: RwSignal<Option<DeletionPreview>>,
    dialog: NodeRef<Dialog>,
}

impl DeleteDialogs {
    /// What a click on a "Delete task…" link does: reads the preview and opens the dialog instead of following the link.
    /// Where that fails the link is followed, and the page says why.
    pub fn open(self, event: &MouseEvent, project_id: Uuid, task_id: Uuid) {
        event.prevent_default();
        spawn_local(async move {
            match preview_deletion(project_id, task_id).await {
                Ok(preview) => {
                    let _ = self.preview.try_set(Some(preview));
                    browser::open(self.dialog);
                }
                Err(_) => browser::go(&format!("/projects/{project_id}/tasks/{task_id}/delete")),
            }
        });
    }
}

/// Provides [`DeleteDialogs`] to the page, and the dialog itself. `done` is told how a request ended.
#[component]
pub fn DeleteDialog(
    dialogs: DeleteDialogs,
    project_id: Uuid,
    done: impl Fn(DeleteOutcome) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let finish = move |outcome| {
        browser::close(dialogs.dialog);
        done(outcome);
    };
    let content = move || {
        dialogs.preview.get().map(|preview| {
            let cancel = view! {
                <button type="button" class="btn" autofocus on:click=move |_| browser::close(dialogs.dialog)>
                    "Cancel"
                </button>
            };
            view! { <DeleteForm project_id preview done=finish cancel=cancel.into_any() /> }
        })
    };
    view! {
        <dialog node_ref=dialogs.dialog class="dialog" aria-labelledby="delete-title">
            {content}
        </dialog>
    }
}

impl DeleteDialogs {
    /// A dialog that is closed.
    pub fn new() -> Self {
        Self { preview: RwSignal::new(None), dialog: NodeRef::new() }
    }
}

/// What goes, and the button that says so.
#[component]
pub fn DeleteForm(
    project_id: Uuid,
    preview: DeletionPreview,
    done: impl Fn(DeleteOutcome) + Copy + Send + Sync + 'static,
    cancel: AnyView,
) -> impl IntoView {
    let action = ServerAction::<DeleteTask>::new();
    let value = action.value();
    Effect::new(move |_| {
        if let Some(Ok(outcome)) = value.get() {
            done(outcome);
        }
    });
    let refused = move || {
        value
            .get()
            .and_then(Result::err)
            .map(|error: AppError| view! { <p class="alert" role="alert">{error.0.detail}</p> })
    };
    let confirm = (preview.executions > NAME_ASKED_ABOVE).then(|| view! { <ConfirmName name=preview.name.clone() /> });
    let pending = action.pending();
    let label = move || if pending.get() { "Scheduling deletion…" } else { "Delete task" };
    view! {
        <h2 id="delete-title">"Delete “" {preview.name.clone()} "”"</h2>
        <p>
            "It stops now: no run starts after you confirm. The rest is removed in the background, even if a server restarts."
        </p>
        <PreviewList preview=preview.clone() />
        <ActionForm action>
            <input type="hidden" name="project_id" value=project_id.to_string() />
            <input type="hidden" name="task_id" value=preview.task_uuid.to_string() />
            <input type="hidden" name="seen" value=preview.version.to_string() />
            {confirm}
            {refused}
            <div class="foot">
                {cancel}
                <button type="submit" class="btn danger" disabled=move || pending.get()>
                    {label}
                </button>
            </div>
        </ActionForm>
    }
}

#[component]
fn ConfirmName(name: String) -> impl IntoView {
    let pattern: String =
        name.chars().flat_map(|c| if c.is_alphanumeric() || c == ' ' { vec![c] } else { vec!['\\', c] }).collect();
    view! {
        <div class="field">
            <label for="confirm">"Type the task's name to confirm: it has a long history"</label>
            <input id="confirm" required pattern=pattern autocomplete="off" title="The name, letter for letter" />
        </div>
    }
}

/// The toast that says how a request to delete ended.
pub fn tell(toasts: Toasts, outcome: DeleteOutcome) {
    match outcome {
        DeleteOutcome::Scheduled(deletion) => toasts.deletion_scheduled(deletion),
        DeleteOutcome::AlreadyDeleted(receipt) => {
            let text = format!("“{}” is gone; its receipt is kept.", receipt.task_name);
            toasts.show("Task already deleted", text, Some(receipt));
        }
        DeleteOutcome::Unknown => {
            toasts.show("No such task in this project", "Nothing was deleted.".to_owned(), None);
        }
    }
}
