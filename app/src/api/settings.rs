//! What is done on a project's settings page, which the server renders: details, signing secret, alerts.

use super::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "ssr")]
use super::plain::{backend, may, redirect_form};
#[cfg(feature = "ssr")]
use domain::access::Permission;

/// The details of a project as a form has them; empty texts are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SettingsForm {
    pub project_id: Uuid,
    /// The version that was being edited.
    pub version: String,
    pub name: String,
    pub description: String,
    pub execution_endpoint: String,
    pub undo_window_seconds: String,
    pub execution_days: String,
    /// A box that is ticked, or not there.
    pub cancel_on_delete: String,
}

/// The alert settings of a project as a form has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertsForm {
    pub project_id: Uuid,
    pub version: String,
    /// Separated by commas or spaces.
    pub emails: String,
    pub webhook_url: String,
    pub throttle_seconds: String,
    /// Boxes that are ticked, or not there, by the names of their kinds.
    pub failure: String,
    pub recovery: String,
    pub missed: String,
    pub delete_failed: String,
}

/// Changes the details of a project.
#[server(protocol = Wire, prefix = "/fn", endpoint = "save_settings")]
pub async fn save_settings(form: SettingsForm) -> Result<Option<String>, AppError> {
    use backend::projects::{Change, change};
    let result = async {
        let actor = may(Permission::Manage, form.project_id).await?;
        let draft = domain::project::ProjectDraft {
            name: form.name.clone(),
            description: form.description.clone(),
            execution_endpoint: form.execution_endpoint.clone(),
            undo_window_seconds: number("undo_window_seconds", &form.undo_window_seconds)?,
            execution_days: number("execution_days", &form.execution_days)?,
            cancel_on_delete: !form.cancel_on_delete.is_empty(),
        };
        change(&backend()?, &actor, form.project_id, &seen(&form.version), Change::Replace(draft)).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &form, form.project_id);
    result
}

/// Makes a new signing secret.
#[server(protocol = Wire, prefix = "/fn", endpoint = "rotate_secret")]
pub async fn rotate_secret(project_id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Manage, project_id).await?;
        backend::signing::rotate(&backend()?, &actor, project_id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &(), project_id);
    result
}

/// Ends the rotation of the signing secret.
#[server(protocol = Wire, prefix = "/fn", endpoint = "forget_secret")]
pub async fn forget_secret(project_id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Manage, project_id).await?;
        backend::signing::forget_previous(&backend()?, &actor, project_id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &(), project_id);
    result
}

/// Replaces the alert settings.
#[server(protocol = Wire, prefix = "/fn", endpoint = "save_alerts")]
pub async fn save_alerts(form: AlertsForm) -> Result<Option<String>, AppError> {
    use domain::alert::{AlertKind, AlertSettingsDraft};
    let result = async {
        let actor = may(Permission::Manage, form.project_id).await?;
        let ticked = [
            (AlertKind::Failure, &form.failure),
            (AlertKind::Recovery, &form.recovery),
            (AlertKind::Missed, &form.missed),
            (AlertKind::DeleteFailed, &form.delete_failed),
        ];
        let draft = AlertSettingsDraft {
            emails: form.emails.split([',', ' ', ';']).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            webhook_url: Some(form.webhook_url.trim().to_owned()).filter(|url| !url.is_empty()),
            kinds: ticked.into_iter().filter(|(_, box_)| !box_.is_empty()).map(|(kind, _)| kind).collect(),
            throttle_seconds: number("throttle_seconds", &form.throttle_seconds)?.unwrap_or(300),
        };
        backend::alerts::change(&backend()?, &actor, form.project_id, &seen(&form.version), draft).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    back(&result, &form, form.project_id);
    result
}

/// The version that the form was made from: somebody else's change in between is not overwritten.
#[cfg(feature = "ssr")]
fn seen(version: &str) -> backend::tasks::etag::Precondition {
    use backend::tasks::etag::Precondition;
    version.parse().map_or(Precondition::None, |version| Precondition::OneOf(vec![version]))
}

#[cfg(feature = "ssr")]
fn number(field: &str, text: &str) -> Result<Option<i32>, AppError> {
    use domain::error::{FieldError, ProblemKind, Refusal};
    let text = text.trim();
    let refused =
        |_| Refusal::fields(ProblemKind::ValidationFailed, vec![FieldError::new(field, "must be a whole number")]);
    if text.is_empty() { Ok(None) } else { Ok(Some(text.parse().map_err(refused)?)) }
}

#[cfg(feature = "ssr")]
fn back<F: Serialize>(result: &Result<Option<String>, AppError>, form: &F, project_id: Uuid) {
    let page = format!("/projects/{project_id}/settings");
    redirect_form(result, form, &page, |_| page.clone());
}
