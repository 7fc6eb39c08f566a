//! The record of one deletion: how far it is, and the receipt once the task is gone.

use super::html;
use super::parts::{moment, retry_form, undo_form};
use super::timeline::timeline;
use crate::api::Fragment;
use crate::components::deletion_parts::DeletionBadge;
use crate::components::layout::Crumbs;
use crate::error::AppError;
use crate::view;
use backend::Backend;
use chrono::{DateTime, Utc};
use domain::deletion::{Deletion, DeletionState, Step, StepProgress, StepState};
use domain::project::Project;
use leptos::prelude::*;
use uuid::Uuid;

/// The page.
pub async fn page(backend: &Backend, project: Uuid, id: Uuid) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let deletion = backend::deletions::get(backend, project.id, id).await?;
    // A node's clock is enough for words; what is done about a silence, the database's decides.
    let html = html(whole(&project, &deletion, Utc::now()));
    Ok(Fragment::new(&title(&deletion), &html))
}

fn title(deletion: &Deletion) -> String {
    format!("Deletion of {}", deletion.task_name)
}

pub(super) fn whole(project: &Project, deletion: &Deletion, now: DateTime<Utc>) -> AnyView {
    let is_gone = deletion.state == DeletionState::Succeeded;
    let task = format!("/projects/{}/tasks/{}", project.id, deletion.task_uuid);
    view! {
        <Crumbs project_id=project.id project=project.name.clone() here=title(deletion) />
        <div class="head">
            <h1>{title(deletion)}</h1>
            <span class="space"></span>
            {(!is_gone).then(|| view! { <a class="btn" href=task>"Show the task"</a> })}
        </div>
        // Who asked for it here is told.
        <div class="columns">
            <section class="card pad" aria-labelledby="course">
                <div class="head">
                    <h2 id="course">"What happened"</h2>
                    <DeletionBadge state=deletion.state />
                    <span class="space"></span>
                    {deletion.can_undo.then(|| undo_form(deletion))}
                    {(deletion.state == DeletionState::Failed).then(|| retry_form(deletion))}
                </div>
                {silence(deletion, now)}
                {timeline(deletion)}
            </section>
            <section class="card pad" aria-labelledby="steps">
                <h2 id="steps">"Steps"</h2>
                <ol class="steps">{deletion.steps.iter().map(step).collect_view()}</ol>
                {ids(deletion)}
            </section>
        </div>
    }
}

/// Says so when a deletion that is being worked at shows no sign of life: stuck, where others are only slow.
fn silence(deletion: &Deletion, now: DateTime<Utc>) -> Option<AnyView> {
    let since = deletion.heartbeat_at.filter(|_| deletion.is_silent(now))?;
    Some(view! { <p class="alert">"No sign of life since " {moment(since)} ": it will be handed to another node."</p> })
}

fn step(step: &StepProgress) -> AnyView {
    let name = match step.name {
        Step::Fence => "Stop the schedule",
        Step::Drain => "Let running calls end",
        Step::PurgeHistory => "Remove the history",
        Step::DeleteRow => "Remove the task",
    };
    let (class, state) = match step.state {
        StepState::Done => ("good", "done"),
        StepState::Running => ("now", "running"),
        StepState::Pending => ("", "to come"),
    };
    let rows = match step.total {
        Some(total) => (total > 1).then(|| format!(", {} of {total}", step.done)),
        None => (step.done > 0).then(|| format!(", {} so far", step.done)),
    };
    view! {
        <li class=class>
            <b>{name}</b>
            " "
            {state}
            {rows}
        </li>
    }
}

fn ids(deletion: &Deletion) -> AnyView {
    let request = deletion.request_id.clone();
    let request = request.map(|id| view! { <dt>"Request"</dt><dd class="mono">{id}</dd> });
    let run = |id: &Uuid| view! { <div class="mono">{id.to_string()}</div> };
    let in_flight = (!deletion.in_flight.is_empty()).then(|| {
        view! {
            <dt>"In flight then"</dt>
            <dd>{deletion.in_flight.iter().map(run).collect_view()}</dd>
        }
    });
    view! {
        <dl class="pairs ids">
            <dt>"Task"</dt>
            <dd class="mono">{deletion.task_uuid.to_string()}</dd>
            <dt>"Record"</dt>
            <dd class="mono">{deletion.id.to_string()}</dd>
            {request}
            {in_flight}
        </dl>
    }
}
