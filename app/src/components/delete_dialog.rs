//! Deleting: the same content on the delete page and, once the page has come alive, in a dialog.

use super::deletion_parts::PreviewList;
use super::form::{ActionForm, form_action};
use super::toast::Toasts;
use crate::api::{DeleteOutcome, DeleteTask, delete_task, preview_deletion};
use crate::browser;
use crate::reactive::effect;
use crate::view;
use domain::deletion::DeletionPreview;
use domain::error::ProblemKind;
use leptos::ev::MouseEvent;
use leptos::html::Dialog;
use leptos::prelude::*;
use leptos::task::{spawn_local, tick};
use uuid::Uuid;

/// History of more runs than this asks for the name.
const NAME_ASKED_ABOVE: i64 = 1_000;

const PROMISE: &str = "It stops now: no run starts after you confirm. The rest is removed in the background, even if a \
                       server restarts.";

/// Opens the dialog of a page.
#[derive(Clone, Copy)]
pub struct DeleteDialogs {
    preview: RwSignal<Option<DeletionPreview>>,
    dialog: NodeRef<Dialog>,
    toasts: Toasts,
}

impl DeleteDialogs {
    /// What a click on a "Delete task…" link does: reads the preview and opens the dialog instead of following the link.
    /// Where that fails a toast says why.
    pub fn open(self, event: &MouseEvent, project_id: Uuid, task_id: Uuid) {
        event.prevent_default();
        let toasts = self.toasts;
        spawn_local(async move {
            match preview_deletion(project_id, task_id).await {
                Ok(preview) => {
                    let _ = self.preview.try_set(Some(preview));
                    // Once the content is there: the browser looks for `autofocus` when the dialog opens.
                    tick().await;
                    browser::open(self.dialog);
                }
                Err(error) => toasts.show(error.0.kind.title(), error.detail().to_owned()),
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
            view! {
                <h2 id="delete-title">{format!("Delete “{}”", preview.name)}</h2>
                <DeleteForm project_id preview done=finish cancel />
            }
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
        Self { preview: RwSignal::new(None), dialog: NodeRef::new(), toasts: expect_context() }
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
    let action = form_action::<DeleteTask>();
    let (value, pending, task_id) = (action.value(), action.pending(), preview.task_uuid);
    let (name, confirm) = (preview.name.clone(), preview.executions > NAME_ASKED_ABOVE);
    let current = RwSignal::new(preview);
    effect(move || match value.get() {
        Some(Ok(outcome)) => done(outcome),
        Some(Err(error)) if error.0.kind == ProblemKind::EtagMismatch => {
            spawn_local(look_again(project_id, task_id, current, done));
        }
        Some(Err(_)) | None => {}
    });
    let refused = move || value.get().and_then(Result::err).filter(|_| !pending.get());
    let label = move || match refused() {
        _ if pending.get() => "Scheduling deletion…",
        Some(error) if error.is_passing() => "Try again",
        _ => "Delete task",
    };
    view! {
        <p>{PROMISE}</p>
        {move || view! { <PreviewList preview=current.get() /> }}
        <ActionForm action>
            <input type="hidden" name="project_id" value=project_id.to_string() />
            <input type="hidden" name="task_id" value=task_id.to_string() />
            <input type="hidden" name="seen" value=move || current.with(|preview| preview.version.to_string()) />
            {confirm.then(|| view! { <ConfirmName name /> })}
            {move || refused().map(|error| view! { <p class="alert" role="alert">{error.detail().to_owned()}</p> })}
            <div class="foot">
                {cancel}
                <button type="submit" class="btn danger" disabled=move || pending.get()>
                    {label}
                </button>
            </div>
        </ActionForm>
    }
}

/// The task changed while it was being looked at: shows what it is now. If it is gone, asking to delete it says how.
async fn look_again(project_id: Uuid, task_id: Uuid, current: RwSignal<DeletionPreview>, done: impl Fn(DeleteOutcome)) {
    match preview_deletion(project_id, task_id).await {
        Ok(preview) => drop(current.try_set(preview)),
        Err(error) if error.is_missing() => {
            if let Ok(outcome) = delete_task(project_id, task_id, None).await {
                done(outcome);
            }
        }
        Err(_) => {}
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
        DeleteOutcome::Scheduled(deletion) => toasts.scheduled(deletion),
        DeleteOutcome::AlreadyDeleted(receipt) => {
            let text = format!("“{}” is gone; its receipt is kept.", receipt.task_name);
            toasts.about("Task already deleted", text, receipt);
        }
        DeleteOutcome::Unknown => toasts.show("No such task in this project", "Nothing was deleted.".to_owned()),
    }
}
