//! Deleting a project, as its page asks for it: whoever deletes one that has tasks types its name.

use super::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use uuid::Uuid;

#[cfg(feature = "ssr")]
use super::plain::{backend, may, redirect_form};
#[cfg(feature = "ssr")]
use domain::access::Permission;

/// Deletes a project; `version` is the one that was seen. Answers where it is watched.
#[server(protocol = Wire, prefix = "/fn", endpoint = "delete_project")]
pub async fn delete_project(
    project_id: Uuid,
    #[server(default)] version: String,
    #[server(default)] name: String,
) -> Result<Option<String>, AppError> {
    use backend::projects::{self, delete, deletions};
    use backend::tasks::etag::Precondition;
    use domain::error::{ProblemKind, Refusal};
    let result = async {
        let (actor, backend) = (may(Permission::Manage, project_id).await?, backend()?);
        let seen = version.parse().map_or(Precondition::None, |version| Precondition::OneOf(vec![version]));
        let project = projects::get(&backend, project_id).await?;
        let has_tasks = deletions::preview(&backend, project_id).await?.tasks > 0;
        let consent = domain::project::check_consent(&project.name, has_tasks, &name);
        consent.map_err(|error| Refusal::fields(ProblemKind::ValidationFailed, vec![error]))?;
        delete::request(&backend, &actor, project_id, &seen).await?;
        Ok(Some("/projects".to_owned()))
    };
    let result: Result<Option<String>, AppError> = result.await;
    redirect_form(&result, &(), &format!("/projects/{project_id}/delete"), |_| "/projects".to_owned());
    result
}
