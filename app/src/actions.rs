//! The actions that every page offers beside a task: undo, retry, enable and disable. How they end is told in a toast.

use crate::api::{RetryDeletion, SetStatus, UndoDeletion};
use crate::components::toast::Toasts;
use crate::error::AppError;
use leptos::prelude::*;

/// Provides the actions to all pages.
pub fn provide() {
    let toasts = expect_context::<Toasts>();
    let (undo, retry, status) =
        (ServerAction::<UndoDeletion>::new(), ServerAction::<RetryDeletion>::new(), ServerAction::<SetStatus>::new());
    Effect::new(move |_| match undo.value().get() {
        Some(Ok(task)) => {
            toasts.show("Deletion undone", format!("“{}” is back; it runs at its next time.", task.name), None)
        }
        Some(Err(error)) => refused(toasts, "Not undone", error),
        None => {}
    });
    Effect::new(move |_| match retry.value().get() {
        Some(Ok(deletion)) => {
            toasts.show("Deletion retried", format!("“{}” gets a fresh cycle of attempts.", deletion.task_name), None)
        }
        Some(Err(error)) => refused(toasts, "Not retried", error),
        None => {}
    });
    Effect::new(move |_| {
        if let Some(Err(error)) = status.value().get() {
            refused(toasts, "Not changed", error);
        }
    });
    provide_context(undo);
    provide_context(retry);
    provide_context(status);
}

fn refused(toasts: Toasts, title: &str, error: AppError) {
    toasts.show(title, error.0.detail, None);
}
