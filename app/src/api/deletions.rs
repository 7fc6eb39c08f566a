//! What is done with accepted deletions: undo, retry of one or of all that failed. A plain form ends in a redirect, as ever;
//! the program in the browser gets what was done in words, for a toast.

use super::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use uuid::Uuid;

#[cfg(feature = "ssr")]
use super::plain::{backend, may, operate, redirect_form};
#[cfg(feature = "ssr")]
use domain::access::Permission;
#[cfg(feature = "ssr")]
use domain::deletion::Deletion;

/// Gives a task back whose deletion has not begun to remove anything.
#[server(protocol = Wire, prefix = "/fn", endpoint = "undo_deletion")]
pub async fn undo_deletion(project_id: Uuid, deletion_id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Delete, project_id).await?;
        Ok(backend::tasks::steer::undo_and_show(&backend()?, &actor, project_id, deletion_id).await?)
    };
    let result: Result<_, AppError> = result.await;
    let list = format!("/projects/{project_id}");
    redirect_form(&result, &(), &list, |(task, _)| format!("{list}/tasks/{}?notice=undone", task.uuid));
    let (task, deletion) = result?;
    let text = format!("“{}” is back; it runs at its next time.", task.name);
    Ok(told("Deletion undone", &text, Some(deletion)))
}

/// Gives a failed deletion a fresh cycle of attempts.
#[server(protocol = Wire, prefix = "/fn", endpoint = "retry_deletion")]
pub async fn retry_deletion(project_id: Uuid, deletion_id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Delete, project_id).await?;
        Ok(backend::tasks::steer::retry(&backend()?, &actor, project_id, deletion_id).await?)
    };
    let result: Result<Deletion, AppError> = result.await;
    let list = format!("/projects/{project_id}");
    redirect_form(&result, &(), &list, |deletion| format!("{list}?deletion={}", deletion.id));
    let deletion = result?;
    let text = format!("“{}” gets a fresh cycle of attempts.", deletion.task_name);
    Ok(told("Deletion retried", &text, Some(deletion)))
}

/// Gives the failed deletions of a project, or of all, a fresh cycle of attempts.
#[server(protocol = Wire, prefix = "/fn", endpoint = "retry_failed")]
pub async fn retry_failed(project_id: Option<Uuid>) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = match project_id {
            Some(id) => may(Permission::Delete, id).await?,
            None => operate().await?,
        };
        Ok(backend::tasks::steer::retry_all(&backend()?, &actor, project_id).await?)
    };
    let result: Result<u64, AppError> = result.await;
    let board = project_id.map_or("/deletions".to_owned(), |id| format!("/projects/{id}/deletions"));
    redirect_form(&result, &(), &board, |_| board.clone());
    let deletions = crate::words::count(result?.cast_signed(), "deletion");
    Ok(told("Retried", &format!("{deletions} with a fresh cycle of attempts."), None))
}

/// What was done, as `Toasts::told` reads it: a headline, a sentence, and the deletion that it is about, a line each.
#[cfg(feature = "ssr")]
fn told(title: &str, text: &str, about: Option<Deletion>) -> Option<String> {
    let about = about.and_then(|deletion| serde_json::to_string(&deletion).ok()).unwrap_or_default();
    Some(format!("{title}\n{}\n{about}", text.replace('\n', " ")))
}
