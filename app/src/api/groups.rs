//! What is done with task groups. Their pages come as the server renders them.

use super::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "ssr")]
use super::plain::{backend, may, redirect_form};
#[cfg(feature = "ssr")]
use domain::access::Permission;

/// A group as a form has it; empty texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupForm {
    pub project_id: Uuid,
    /// Empty for a new one.
    #[serde(default)]
    pub id: String,
    /// The version that was being edited.
    #[serde(default)]
    pub version: String,
    pub name: String,
    #[serde(default)]
    pub start_time: String,
    #[serde(default)]
    pub end_time: String,
    #[serde(default)]
    pub timezone: String,
}

/// Creates or changes a group.
#[server(protocol = Wire, prefix = "/fn", endpoint = "save_group")]
pub async fn save_group(form: GroupForm) -> Result<Option<String>, AppError> {
    use backend::groups::{Change, change, create};
    use backend::tasks::etag::Precondition;
    use domain::group::TaskGroupDraft;
    let list = format!("/projects/{}/groups", form.project_id);
    let result = async {
        let actor = may(Permission::Write, form.project_id).await?;
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let draft = TaskGroupDraft {
            name: form.name.clone(),
            start_time: given(&form.start_time),
            end_time: given(&form.end_time),
            timezone: given(&form.timezone),
        };
        let seen = form.version.parse().map_or(Precondition::None, |version| Precondition::OneOf(vec![version]));
        match super::forms::edited("id", &form.id)? {
            Some(id) => change(&backend()?, &actor, form.project_id, id, &seen, Change::Replace(draft)).await?,
            None => create(&backend()?, &actor, form.project_id, draft).await?,
        };
        Ok(Some(list.clone()))
    };
    let result: Result<Option<String>, AppError> = result.await;
    let page = form.id.parse::<Uuid>().map_or_else(|_| "new".to_owned(), |id| id.to_string());
    redirect_form(&result, &form, &format!("{list}/{page}"), |_| list.clone());
    result
}

/// Starts a group by hand.
#[server(protocol = Wire, prefix = "/fn", endpoint = "start_group")]
pub async fn start_group(project_id: Uuid, id: Uuid) -> Result<Option<String>, AppError> {
    steer(project_id, id, domain::task::RunState::Running).await
}

/// Stops a group by hand.
#[server(protocol = Wire, prefix = "/fn", endpoint = "stop_group")]
pub async fn stop_group(project_id: Uuid, id: Uuid) -> Result<Option<String>, AppError> {
    steer(project_id, id, domain::task::RunState::NotRunning).await
}

#[cfg(feature = "ssr")]
async fn steer(project_id: Uuid, id: Uuid, state: domain::task::RunState) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Write, project_id).await?;
        backend::groups::steer(&backend()?, &actor, project_id, id, state).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    let list = format!("/projects/{project_id}/groups");
    redirect_form(&result, &(), &list, |_| list.clone());
    result
}

/// Deletes a group; `mode` says what becomes of its tasks.
#[server(protocol = Wire, prefix = "/fn", endpoint = "delete_group")]
pub async fn delete_group(project_id: Uuid, id: Uuid, mode: String) -> Result<Option<String>, AppError> {
    use domain::error::{FieldError, ProblemKind, Refusal};
    use domain::group::GroupDeletion;
    let list = format!("/projects/{project_id}/groups");
    let result = async {
        let actor = may(Permission::Delete, project_id).await?;
        let refused = |message| Refusal::fields(ProblemKind::InvalidRequest, vec![FieldError::new("mode", message)]);
        let mode: GroupDeletion = mode.parse().map_err(refused)?;
        backend::groups::delete::delete(&backend()?, &actor, project_id, id, &Default::default(), mode).await?;
        let is_cascade = mode == GroupDeletion::Cascade;
        Ok(Some(if is_cascade { format!("/projects/{project_id}/deletions") } else { list.clone() }))
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), &format!("{list}/{id}/delete"), |path| path.clone().unwrap_or_default());
    result
}
