//! Server functions: who calls, then the use case, then the answer. Each has a fixed path under `/fn`.
//!
//! A mutation that comes as a plain form (no JavaScript) ends in a redirect, with the outcome in the query.

mod account;
mod deletions;
mod executions;
mod forms;
mod groups;
#[cfg(feature = "ssr")]
mod plain;
mod project_deletion;
mod settings;
mod views;
mod wire;

#[cfg(feature = "ssr")]
pub(crate) use account::{
    ChangePassword, DeleteKey, DeleteToken, EndSession, RemoveMember, SaveMember, SetAccount, SetCreator,
};
#[cfg(feature = "ssr")]
pub(crate) use deletions::RetryFailed;
pub use deletions::{RetryDeletion, UndoDeletion};
#[cfg(feature = "ssr")]
pub(crate) use executions::{CancelExecution, RunTask};
pub use executions::{Fragment, get_fragment};
pub use forms::{ProjectForm, TaskForm, read_fields};
pub use groups::GroupForm;
#[cfg(feature = "ssr")]
pub(crate) use groups::{DeleteGroup, SaveGroup, StartGroup, StopGroup};
#[cfg(feature = "ssr")]
pub(crate) use project_deletion::DeleteProject;
pub use settings::{AlertsForm, SettingsForm};
#[cfg(feature = "ssr")]
pub(crate) use settings::{ForgetSecret, RotateSecret, SaveAlerts, SaveSettings};
pub use views::{DeleteOutcome, TaskListView, TaskQuery, TaskView};
pub use wire::{Callable, Wire, post, submit};

use crate::error::AppError;
use domain::deletion::{Deletion, DeletionPreview};
use domain::project::Project;
use domain::schedule::SchedulePreview;
use domain::task::Task;
use leptos::prelude::*;
use uuid::Uuid;

#[cfg(feature = "ssr")]
use backend::access;
#[cfg(feature = "ssr")]
use domain::access::Permission;
#[cfg(feature = "ssr")]
pub use plain::Asking;
#[cfg(feature = "ssr")]
use plain::{authenticate, backend, creator, may, redirect_form};

#[server(protocol = Wire, prefix = "/fn", endpoint = "get_project")]
pub async fn get_project(id: Uuid) -> Result<Project, AppError> {
    may(Permission::Read, id).await?;
    Ok(backend::projects::get(&backend()?, id).await?)
}

/// `shown` are the rows on the screen, separated by commas: they are answered too, as far as they still exist.
#[server(protocol = Wire, prefix = "/fn", endpoint = "list_tasks")]
pub async fn list_tasks(
    project_id: Uuid,
    #[server(default)] query: TaskQuery,
    #[server(default)] shown: String,
) -> Result<TaskListView, AppError> {
    may(Permission::Read, project_id).await?;
    let (backend, (caller, _)) = (backend()?, authenticate()?);
    let looks_only = !access::may(&backend, &caller, project_id, Permission::Write).await?;
    let project = backend::projects::get(&backend, project_id).await?;
    let TaskQuery { status, search, group, cursor } = query;
    // A form that was sent empty searches for nothing.
    let search = search.filter(|part| !part.trim().is_empty());
    let task_group_id = group.map(|id| id.parse().unwrap_or_default());
    let query = backend::tasks::ListQuery { status, task_group_id, search, cursor, limit: None };
    let mut page = backend::tasks::list(&backend, project_id, &query).await?;
    let listed = |id: &Uuid| page.data.iter().any(|task| task.uuid == *id);
    let others: Vec<Uuid> =
        shown.split(',').filter_map(|id| id.parse().ok()).filter(|id| !listed(id)).take(400).collect();
    page.data.extend(backend::tasks::get_many(&backend, project_id, &others).await?);
    // Lists do not show it, and what version 0.1.0 stored may be nested deeper than a browser reads.
    page.data.iter_mut().for_each(|task| task.metadata = serde_json::Value::Null);
    let counts = backend::projects::counts(&backend, project_id).await?;
    let mut groups: Vec<Uuid> = page.data.iter().filter_map(|task| task.task_group_id).chain(task_group_id).collect();
    groups.sort_unstable();
    groups.dedup();
    let groups = backend::groups::names(&backend, project_id, &groups).await?;
    Ok(TaskListView { project, counts, page, groups, looks_only })
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "get_task")]
pub async fn get_task(project_id: Uuid, task_id: Uuid) -> Result<TaskView, AppError> {
    may(Permission::Read, project_id).await?;
    let (backend, (caller, _)) = (backend()?, authenticate()?);
    let looks_only = !access::may(&backend, &caller, project_id, Permission::Write).await?;
    let project = backend::projects::get(&backend, project_id).await?;
    let mut task = backend::tasks::get(&backend, project_id, task_id).await?;
    if domain::json::is_too_deep(&task.metadata) {
        // Stored by version 0.1.0, and deeper than a browser reads: it is shown as text.
        task.metadata = task.metadata.to_string().into();
    }
    let preview = backend::tasks::schedule::next_runs(&backend, project_id, task_id, None, Some(10)).await?;
    let runs = crate::fragments::of_task(&backend, &task, looks_only).await?;
    Ok(TaskView { project, task, preview, runs })
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "preview_deletion")]
pub async fn preview_deletion(project_id: Uuid, task_id: Uuid) -> Result<DeletionPreview, AppError> {
    may(Permission::Read, project_id).await?;
    Ok(backend::deletions::preview(&backend()?, project_id, task_id).await?)
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "get_deletion")]
pub async fn get_deletion(project_id: Uuid, id: Uuid) -> Result<Deletion, AppError> {
    may(Permission::Read, project_id).await?;
    Ok(backend::deletions::get(&backend()?, project_id, id).await?)
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "preview_schedule")]
pub async fn preview_schedule(form: TaskForm) -> Result<SchedulePreview, AppError> {
    may(Permission::Read, form.project_id).await?;
    let (kind, config) = form.schedule()?;
    Ok(backend::tasks::schedule::preview(&backend()?, kind, &config, None, Some(10)).await?)
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "save_project")]
pub async fn save_project(form: ProjectForm) -> Result<Project, AppError> {
    let result = async {
        let actor = creator().await?;
        Ok(backend::projects::create(&backend()?, &actor, form.draft()?).await?)
    };
    let result: Result<Project, AppError> = result.await;
    redirect_form(&result, &form, "/projects/new", |project| format!("/projects/{}", project.id));
    result
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "save_task")]
pub async fn save_task(form: TaskForm) -> Result<Task, AppError> {
    use backend::tasks::{Change, change, create};
    let result = async {
        let actor = may(Permission::Write, form.project_id).await?;
        let (backend, draft) = (backend()?, form.draft()?);
        Ok(match form.uuid()? {
            None => create(&backend, &actor, form.project_id, draft).await?,
            Some(id) => {
                let change_ = Change::Replace(Box::new(draft));
                change(&backend, &actor, form.project_id, id, &form.seen(), change_).await?
            }
        })
    };
    let result: Result<Task, AppError> = result.await;
    redirect_form(&result, &form, &form.path(), |task| format!("/projects/{}/tasks/{}", task.project_id, task.uuid));
    result
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "set_status")]
pub async fn set_status(project_id: Uuid, task_id: Uuid, status: String) -> Result<Option<String>, AppError> {
    use backend::tasks::{Change, change};
    let result = async {
        let actor = may(Permission::Write, project_id).await?;
        change(&backend()?, &actor, project_id, task_id, &Default::default(), Change::Status(status)).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    let path = format!("/projects/{project_id}/tasks/{task_id}");
    redirect_form(&result, &(), &path, |_| path.clone());
    result
}

#[server(protocol = Wire, prefix = "/fn", endpoint = "delete_task")]
pub async fn delete_task(project_id: Uuid, task_id: Uuid, seen: Option<i64>) -> Result<DeleteOutcome, AppError> {
    use backend::tasks::delete::{Answer, request};
    use backend::tasks::etag::Precondition;
    let result = async {
        let actor = may(Permission::Delete, project_id).await?;
        let precondition = seen.map_or(Precondition::None, |version| Precondition::OneOf(vec![version]));
        Ok(match request(&backend()?, &actor, project_id, task_id, &precondition).await? {
            Answer::Scheduled { deletion, .. } => DeleteOutcome::Scheduled(deletion),
            Answer::AlreadyDeleted { receipt: Some(receipt) } => DeleteOutcome::AlreadyDeleted(receipt),
            Answer::AlreadyDeleted { receipt: None } => DeleteOutcome::Unknown,
        })
    };
    let result: Result<DeleteOutcome, AppError> = result.await;
    let list = format!("/projects/{project_id}");
    redirect_form(&result, &(), &format!("{list}/tasks/{task_id}/delete"), |outcome| match outcome {
        DeleteOutcome::Scheduled(deletion) | DeleteOutcome::AlreadyDeleted(deletion) => {
            format!("{list}?deletion={}", deletion.id)
        }
        DeleteOutcome::Unknown => format!("{list}?notice=unknown-task"),
    });
    result
}
