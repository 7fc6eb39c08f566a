//! The record of one deletion: how far it is, and the receipt once the task is gone.

use super::route;
use crate::api::{get_deletion, get_project};
use crate::components::board::Silence;
use crate::components::deletion_parts::DeletionBadge;
use crate::components::layout::Crumbs;
use crate::components::loaded::loaded;
use crate::components::status_badge::{RetryForm, UndoForm};
use crate::components::timeline::Timeline;
use crate::components::toast::Toasts;
use crate::live::{Followed, Live};
use crate::reactive::memo;
use crate::view;
use domain::deletion::{Deletion, DeletionState, Step, StepProgress, StepState};
use domain::project::Project;
use leptos::prelude::*;
use leptos_meta::Title;

/// The page of a deletion.
#[component]
pub fn DeletionPage() -> impl IntoView {
    let (project, deletion) = (route::id("project"), route::id("deletion"));
    loaded(
        move || (project(), deletion()),
        |(project, deletion)| async move {
            let project = project?;
            Ok((get_project(project).await?, get_deletion(project, deletion?).await?))
        },
        |(project, deletion)| view! { <Content project deletion /> },
    )
}

#[component]
fn Content(project: Project, deletion: Deletion) -> impl IntoView {
    let (project_id, id) = (project.id, deletion.id);
    let title = format!("Deletion of {}", deletion.task_name);
    let current = RwSignal::new(deletion);
    let (live, toasts) = (expect_context::<Live>(), expect_context::<Toasts>());
    live.follow(Followed::Project(project_id));
    live.keep_fresh(
        move || get_deletion(project_id, id),
        move |fresh| {
            if let Ok(fresh) = fresh
                && current.try_with_untracked(|old| *old != fresh).unwrap_or(false)
            {
                if fresh.state == DeletionState::Succeeded {
                    toasts.gone(fresh.task_uuid);
                }
                current.set(fresh);
            }
        },
    );
    let task = memo(move || current.with(|deletion| (deletion.task_uuid, deletion.state)));
    let link = move || {
        let (task, state) = task.get();
        (state != DeletionState::Succeeded).then(|| {
            view! { <a class="btn" href=format!("/projects/{project_id}/tasks/{task}")>"Show the task"</a> }
        })
    };
    view! {
        <Title text=title.clone() />
        <Crumbs project_id project=project.name here=title.clone() />
        <div class="head">
            <h1>{title}</h1>
            <span class="space"></span>
            {link}
        </div>
        {move || view! { <Record deletion=current.get() /> }}
    }
}

#[component]
fn Record(deletion: Deletion) -> impl IntoView {
    let undo = deletion.can_undo.then(|| view! { <UndoForm deletion=deletion.clone() /> });
    let retry = (deletion.state == DeletionState::Failed).then(|| view! { <RetryForm deletion=deletion.clone() /> });
    let in_flight =
        deletion.in_flight.iter().map(|id| view! { <div class="mono">{id.to_string()}</div> }).collect_view();
    let in_flight = (!deletion.in_flight.is_empty()).then(|| view! { <dt>"In flight then"</dt><dd>{in_flight}</dd> });
    let request = deletion.request_id.clone();
    let request = request.map(|id| view! { <dt>"Request"</dt><dd class="mono">{id}</dd> });
    view! {
        <div class="columns">
            <section class="card pad" aria-labelledby="course">
                <div class="head">
                    <h2 id="course">"What happened"</h2>
                    <DeletionBadge state=deletion.state />
                    <span class="space"></span>
                    {undo}
                    {retry}
                </div>
                <Silence deletion=deletion.clone() />
                <Timeline deletion=deletion.clone() />
            </section>
            <section class="card pad" aria-labelledby="steps">
                <h2 id="steps">"Steps"</h2>
                <Steps deletion=deletion.clone() />
                <dl class="pairs ids">
                    <dt>"Task"</dt>
                    <dd class="mono">{deletion.task_uuid.to_string()}</dd>
                    <dt>"Record"</dt>
                    <dd class="mono">{deletion.id.to_string()}</dd>
                    {request}
                    {in_flight}
                </dl>
            </section>
        </div>
    }
}

#[component]
fn Steps(deletion: Deletion) -> impl IntoView {
    let step = |step: StepProgress| {
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
        let rows = step.total.filter(|total| *total > 1).map(|total| format!(", {} of {total}", step.done));
        view! {
            <li class=class>
                <b>{name}</b>
                " "
                {state}
                {rows}
            </li>
        }
    };
    view! { <ol class="steps">{deletion.steps.into_iter().map(step).collect_view()}</ol> }
}
