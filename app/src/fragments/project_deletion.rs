//! The deletion of a project: what it stops and removes, and the consent; afterwards, how far it is.

use super::html;
use super::parts::moment;
use crate::api::{DeleteProject, Fragment};
use crate::components::layout::Crumbs;
use crate::components::status_badge::StatusBadge;
use crate::error::AppError;
use crate::view;
use crate::words;
use backend::Backend;
use backend::projects::{self, deletions};
use domain::project::{Project, ProjectDeletion, ProjectDeletionPreview};
use domain::status::TaskStatus;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// The page.
pub async fn page(backend: &Backend, project: Uuid) -> Result<Fragment, AppError> {
    let project = projects::get(backend, project).await?;
    if let Some(deletion) = deletions::of_project(backend, project.id).await? {
        let title = format!("{} is being deleted", project.name);
        return Ok(Fragment::new(&title, &html(progress(&project, &deletion))));
    }
    let preview = deletions::preview(backend, project.id).await?;
    Ok(Fragment::new(&format!("Delete {}", project.name), &html(consent(&project, &preview))))
}

pub(super) fn consent(project: &Project, preview: &ProjectDeletionPreview) -> AnyView {
    let fact = |words: &'static str, count: i64| view! { <dt>{words}</dt><dd>{words::capped(count)}</dd> };
    let facts = [
        fact("Tasks that stop now", preview.active),
        fact("Tasks that go", preview.tasks),
        fact("Runs that go, with their logs", preview.executions),
        fact("Runs in flight, which may end", preview.in_flight),
        fact("Runs that wait, which are cancelled", preview.waiting),
        fact("Groups that go", preview.task_groups),
        fact("API keys that go", preview.api_keys),
    ];
    let name = (preview.tasks > 0).then(|| {
        view! {
            <div class="field">
                <label for="name">"Type the name of the project"</label>
                <input id="name" name="name" autocomplete="off" required aria-describedby="name-hint" />
                <p class="hint" id="name-hint">{project.name.clone()}</p>
            </div>
        }
    });
    view! {
        <Crumbs project_id=project.id project=project.name.clone() here="Delete".to_owned() />
        <section class="card dialog still">
            <h1>{format!("Delete “{}”", project.name)}</h1>
            <p>"None of its tasks starts a run from now on. They are removed one by one, and the project after the last. This cannot be undone."</p>
            <dl class="facts">{facts.into_iter().collect_view()}</dl>
            <form method="post" action=DeleteProject::PATH>
                <input type="hidden" name="project_id" value=project.id.to_string() />
                <input type="hidden" name="version" value=project.version.to_string() />
                {name}
                <div class="foot">
                    <a class="btn" href=format!("/projects/{}/settings", project.id)>"Cancel"</a>
                    <button type="submit" class="btn danger" id="delete-project">"Delete project"</button>
                </div>
            </form>
        </section>
    }
}

pub(super) fn progress(project: &Project, deletion: &ProjectDeletion) -> AnyView {
    let board = format!("/projects/{}/deletions", project.id);
    let failed = (deletion.tasks_failed > 0).then(|| {
        view! {
            <p class="alert" role="alert">
                <b>{words::capped(deletion.tasks_failed)}</b>
                " of its tasks could not be deleted, and keep it: "
                <a href=format!("{board}?state=FAILED")>"see why, and retry"</a>
            </p>
        }
    });
    let error = deletion.last_error.clone().map(|error| {
        let next = deletion.next_retry_at.map(|at| view! { <span>"Next try " {moment(at)}</span> });
        view! { <p class="alert" role="alert">{error} " " {next}</p> }
    });
    let in_flight = words::count(deletion.in_flight.len() as i64, "run");
    view! {
        <Crumbs project_id=project.id project=project.name.clone() here="Delete".to_owned() />
        <section class="card dialog still">
            <h1>{project.name.clone()}</h1>
            <p><StatusBadge status=TaskStatus::PendingDelete /></p>
            {failed}
            {error}
            <dl class="facts">
                <dt>"Requested"</dt><dd>{moment(deletion.requested_at)} " by " {deletion.requested_by.clone()}</dd>
                <dt>"Tasks left"</dt><dd>{words::capped(deletion.tasks_left)} " of " {deletion.tasks}</dd>
                <dt>"In flight when it was accepted"</dt><dd>{in_flight}</dd>
            </dl>
            <div class="foot">
                <a class="btn" href=board>"Deletions of its tasks"</a>
                <a class="btn" href="/projects">"All projects"</a>
            </div>
        </section>
    }
}
