//! What is seen of executions and done with them. Parts of pages come as the server renders them.

use super::Wire;
use crate::error::AppError;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[cfg(feature = "ssr")]
use super::plain::{authenticate, backend, may, redirect_form};
#[cfg(feature = "ssr")]
use domain::access::Permission;

/// A part of a page, rendered, in which every text is escaped; its first line is the title of the page. One text: reading
/// it is in the program already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fragment(String);

impl Fragment {
    /// Of a title and what was rendered.
    #[cfg(feature = "ssr")]
    pub(crate) fn new(title: &str, html: &str) -> Self {
        Self(format!("{}\n{html}", title.replace('\n', " ")))
    }

    /// With something above it.
    #[cfg(feature = "ssr")]
    pub(crate) fn below(self, html: &str) -> Self {
        Self::new(self.title(), &format!("{html}{}", self.html()))
    }

    /// The title of its page.
    pub fn title(&self) -> &str {
        self.0.split('\n').next().unwrap_or_default()
    }

    /// What the page shows.
    pub fn html(&self) -> &str {
        self.0.split_once('\n').map_or("", |(_, html)| html)
    }
}

/// The part of a page that stands at this address: a path and a query.
#[server(protocol = Wire, prefix = "/fn", endpoint = "get_fragment")]
pub async fn get_fragment(at: String) -> Result<Fragment, AppError> {
    let (caller, actor) = authenticate()?;
    crate::fragments::render(&backend()?, &caller, &actor, &at).await
}

/// Starts a run by hand; answers where it is watched.
#[server(protocol = Wire, prefix = "/fn", endpoint = "run_task")]
pub async fn run_task(project_id: Uuid, task_id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Write, project_id).await?;
        let execution = backend::executions::trigger(&backend()?, &actor, project_id, task_id).await?;
        Ok(Some(format!("/projects/{project_id}/executions/{}", execution.id)))
    };
    let result: Result<Option<String>, AppError> = result.await;
    let task = format!("/projects/{project_id}/tasks/{task_id}");
    redirect_form(&result, &(), &task, |path| path.clone().unwrap_or_default());
    result
}

/// Ends an execution; what it was asked for on is where it is seen.
#[server(protocol = Wire, prefix = "/fn", endpoint = "cancel_execution")]
pub async fn cancel_execution(project_id: Uuid, id: Uuid) -> Result<Option<String>, AppError> {
    let result = async {
        let actor = may(Permission::Write, project_id).await?;
        backend::executions::cancel(&backend()?, &actor, project_id, id).await?;
        Ok(None)
    };
    let result: Result<Option<String>, AppError> = result.await;
    let execution = format!("/projects/{project_id}/executions/{id}");
    redirect_form(&result, &(), &execution, |_| execution.clone());
    result
}
