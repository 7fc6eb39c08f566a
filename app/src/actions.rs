//! The actions that pages offer beside a task: undo, retry of one or all, enable and disable. How they end is told in a toast.

use crate::api::{RetryDeletion, RetryFailed, SetStatus, UndoDeletion};
use crate::components::form::form_action;
use crate::components::toast::Toasts;
use crate::error::AppError;
use crate::live::Live;
use crate::reactive::effect;
use crate::words;
use leptos::prelude::*;

/// Provides the actions to all pages.
pub fn provide() {
    let toasts = expect_context::<Toasts>();
    let (undo, retry, status) =
        (form_action::<UndoDeletion>(), form_action::<RetryDeletion>(), form_action::<SetStatus>());
    let retry_all = form_action::<RetryFailed>();
    let live = expect_context::<Live>();
    effect(move || match undo.value().get() {
        Some(Ok(task)) => {
            toasts.undone(&task);
            live.nudge();
        }
        Some(Err(error)) => refused(toasts, "Not undone", &error),
        None => {}
    });
    effect(move || match retry.value().get() {
        Some(Ok(deletion)) => {
            toasts.retried(deletion);
            live.nudge();
        }
        Some(Err(error)) => refused(toasts, "Not retried", &error),
        None => {}
    });
    effect(move || match retry_all.value().get() {
        Some(Ok(retried)) => {
            let deletions = words::count(retried.cast_signed(), "deletion");
            toasts.show("Retried", format!("{deletions} with a fresh cycle of attempts."));
            live.nudge();
        }
        Some(Err(error)) => refused(toasts, "Not retried", &error),
        None => {}
    });
    effect(move || match status.value().get() {
        Some(Ok(_)) => live.nudge(),
        Some(Err(error)) => refused(toasts, "Not changed", &error),
        None => {}
    });
    provide_context(undo);
    provide_context(retry);
    provide_context(retry_all);
    provide_context(status);
}

fn refused(toasts: Toasts, title: &'static str, error: &AppError) {
    toasts.show(title, error.detail().to_owned());
}
