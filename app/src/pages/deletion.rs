//! The record of one deletion: how far it is, and the receipt once the task is gone.

use super::route;
use crate::api::{get_deletion, get_project};
use crate::components::deletion_parts::DeletionBadge;
use crate::components::layout::{Crumbs, Loading, Trouble};
use crate::components::status_badge::{RetryForm, UndoForm};
use crate::components::time::Moment;
use crate::live::Live;
use crate::words;
use domain::deletion::{Deletion, DeletionState, StepState};
use domain::project::Project;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

/// The page of a deletion.
#[component]
pub fn DeletionPage() -> impl IntoView {
    let (project, deletion) = (route::id("project"), route::id("deletion"));
    let view = Resource::new(
        move || (project(), deletion()),
        |(project, deletion)| async move {
            let project = project?;
            Ok((get_project(project).await?, get_deletion(project, deletion?).await?))
        },
    );
    let content = move || {
        Suspend::new(async move {
            match view.await {
                Ok((project, deletion)) => view! { <Content project deletion /> }.into_any(),
                Err(error) => view! { <Trouble error /> }.into_any(),
            }
        })
    };
    view! { <Suspense fallback=Loading>{content}</Suspense> }
}

#[component]
fn Content(project: Project, deletion: Deletion) -> impl IntoView {
    let (project_id, id) = (project.id, deletion.id);
    let title = format!("Deletion of {}", deletion.task_name);
    let current = RwSignal::new(deletion);
    let live = expect_context::<Live>();
    live.follow(project_id);
    live.on_pulse(move || {
        spawn_local(async move {
            if let Ok(fresh) = get_deletion(project_id, id).await
                && current.try_with_untracked(|old| *old != fresh).unwrap_or(false)
            {
                current.set(fresh);
            }
        });
    });
    view! {
        <Title text=title.clone() />
        <Crumbs project_id project=project.name here=title.clone() />
        <div class="head">
            <h1>{title}</h1>
        </div>
        {move || view! { <Record deletion=current.get() /> }}
    }
}

#[component]
fn Record(deletion: Deletion) -> impl IntoView {
    let undo = deletion.can_undo.then(|| view! { <UndoForm deletion=deletion.clone() label=|| None /> });
    let retry = (deletion.state == DeletionState::Failed).then(|| view! { <RetryForm deletion=deletion.clone() /> });
    let error = deletion.last_error.clone().map(|error| {
        view! {
            <dt>"Last error"</dt>
            <dd>{error.headline()} <div class="mono break">{error.message}</div></dd>
        }
    });
    let receipt = deletion.receipt.clone().map(|receipt| {
        let removed = [
            words::count(receipt.tasks, "task"),
            words::count(receipt.executions, "run"),
            words::count(receipt.execution_logs, "log line"),
        ];
        view! {
            <dt>"Removed"</dt>
            <dd data-testid="receipt">{removed.join(", ")} <div class="sub">"by node " {receipt.node}</div></dd>
        }
    });
    let ended = deletion.completed_at.map(|at| view! { <dt>"Ended"</dt><dd><Moment at /></dd> });
    let next = deletion.next_retry_at.map(|at| view! { <dt>"Next try"</dt><dd><Moment at /></dd> });
    view! {
        <section class="card pad">
            <dl class="pairs">
                <dt>"State"</dt>
                <dd>
                    <DeletionBadge state=deletion.state />
                    " "
                    {undo}
                    {retry}
                </dd>
                <dt>"Requested"</dt>
                <dd>
                    <Moment at=deletion.requested_at />
                    " by "
                    {deletion.requested_by.clone()}
                </dd>
                <dt>"Fenced"</dt>
                <dd>"in the same moment: no run has started since, except those in flight ("{deletion.in_flight.len()}")"</dd>
                <dt>"Steps"</dt>
                <dd>
                    <Steps deletion=deletion.clone() />
                </dd>
                <dt>"Attempts"</dt>
                <dd>{deletion.attempt} " of " {deletion.max_attempts}</dd>
                {next}
                {error}
                {receipt}
                {ended}
                <dt>"Task id"</dt>
                <dd class="mono break">{deletion.task_uuid.to_string()}</dd>
                {deletion.request_id.clone().map(|id| view! { <dt>"Request id"</dt><dd class="mono break">{id}</dd> })}
            </dl>
        </section>
    }
}

#[component]
fn Steps(deletion: Deletion) -> impl IntoView {
    let step = |step: domain::deletion::StepProgress| {
        let (class, words) = match step.state {
            StepState::Done => ("done", "done"),
            StepState::Running => ("now", "running"),
            StepState::Pending => ("", "to come"),
        };
        let rows = step.total.filter(|total| *total > 1).map(|total| format!(", {} of {total}", step.done));
        view! {
            <li class=class>
                <b>{step.name.as_str().replace('_', " ")}</b>
                " "
                {words}
                {rows}
            </li>
        }
    };
    view! { <ol class="steps">{deletion.steps.into_iter().map(step).collect_view()}</ol> }
}
