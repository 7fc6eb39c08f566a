//! One task: its schedule and next runs, its state, what can be done with it.

use super::route::{self, RefusalBanner};
use crate::api::{TaskView, get_task};
use crate::components::delete_dialog::{self, DeleteDialog, DeleteDialogs};
use crate::components::layout::{Crumbs, Loading, Trouble};
use crate::components::status_badge::TaskStatusCell;
use crate::components::task_row::{ScheduleCell, StatusForm};
use crate::components::time::Moment;
use crate::components::toast::Toasts;
use crate::error::AppError;
use crate::live::Live;
use domain::schedule::{ClockNote, NextRun};
use domain::task::Task;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use uuid::Uuid;

/// The page of a task.
#[component]
pub fn TaskPage() -> impl IntoView {
    let (project, task) = (route::id("project"), route::id("task"));
    let view =
        Resource::new(move || (project(), task()), |(project, task)| async move { get_task(project?, task?).await });
    let content = move || {
        Suspend::new(async move {
            match view.await {
                Ok(view) => view! { <Fresh view /> }.into_any(),
                Err(error) => view! { <Trouble error /> }.into_any(),
            }
        })
    };
    view! { <Suspense fallback=Loading>{content}</Suspense> }
}

/// The page, kept true while it is open.
#[component]
fn Fresh(view: TaskView) -> impl IntoView {
    let (project_id, task_id) = (view.project.id, view.task.uuid);
    let current = RwSignal::new(Ok::<_, AppError>(view));
    let live = expect_context::<Live>();
    live.follow(project_id);
    let refresh = move || {
        spawn_local(async move {
            match get_task(project_id, task_id).await {
                Err(error) if !error.is_missing() => {}
                fresh => {
                    if current.try_with_untracked(|old| *old != fresh).unwrap_or(false) {
                        current.set(fresh);
                    }
                }
            }
        });
    };
    live.on_pulse(refresh);
    let dialogs = DeleteDialogs::new();
    let toasts = expect_context::<Toasts>();
    let done = move |outcome| {
        delete_dialog::tell(toasts, outcome);
        refresh();
    };
    view! {
        {move || match current.get() {
            Ok(view) => view! { <Content view dialogs /> }.into_any(),
            Err(error) => view! { <Gone project_id error /> }.into_any(),
        }}
        <DeleteDialog dialogs project_id done />
    }
}

/// The task went while its page was open.
#[component]
fn Gone(project_id: Uuid, error: AppError) -> impl IntoView {
    let record = error.0.see.as_deref().map(|see| see.trim_start_matches("/api/v1").to_owned());
    view! {
        <section class="empty" role="status">
            <h1>"Task deleted"</h1>
            <p>{error.0.detail}</p>
            <p>
                {record.map(|href| view! { <a class="btn" href=href>"View the receipt"</a> })} " "
                <a class="btn" href=format!("/projects/{project_id}")>
                    "Back to the tasks"
                </a>
            </p>
        </section>
    }
}

#[component]
fn Content(view: TaskView, dialogs: DeleteDialogs) -> impl IntoView {
    let TaskView { project, task, preview } = view;
    let runs = preview.next_runs.into_iter().map(|run| view! { <Run run /> }).collect_view();
    let metadata = serde_json::to_string_pretty(&task.metadata).unwrap_or_default();
    let last = match &task.last_execution {
        Some(last) => view! { <Moment at=last.scheduled_at /> }.into_any(),
        None => "Never".into_any(),
    };
    view! {
        <Title text=task.name.clone() />
        <Crumbs project_id=project.id project=project.name here=task.name.clone() />
        <div class="head">
            <h1>{task.name.clone()}</h1>
            <span class="space"></span>
            <Actions task=task.clone() dialogs />
        </div>
        <RefusalBanner />
        <p class="sub">{task.description.clone()}</p>
        <div class="columns">
            <section class="card pad">
                <dl class="pairs">
                    <dt>"Status"</dt>
                    <dd>
                        <TaskStatusCell task=task.clone() />
                    </dd>
                    <dt>"Schedule"</dt>
                    <dd>
                        <ScheduleCell task=task.clone() />
                    </dd>
                    <dt>"Last run"</dt>
                    <dd>{last}</dd>
                    <dt>"Timeout"</dt>
                    <dd>{task.timeout_seconds} " s"</dd>
                    <dt>"Overlap, missed runs"</dt>
                    <dd>{task.overlap_policy.as_str()} ", " {task.missed_run_policy.as_str()}</dd>
                    <dt>"Calls"</dt>
                    <dd class="break">{project.execution_endpoint}</dd>
                    <dt>"Created"</dt>
                    <dd>
                        <Moment at=task.created_at />
                    </dd>
                    <dt>"Id"</dt>
                    <dd class="mono break">{task.uuid.to_string()}</dd>
                </dl>
            </section>
            <section class="card pad">
                <h2>"Next runs"</h2>
                <ol class="runs">{runs}</ol>
                <h2>"Metadata"</h2>
                <pre tabindex="0" aria-label="Metadata">{metadata}</pre>
            </section>
        </div>
    }
}

#[component]
fn Actions(task: Task, dialogs: DeleteDialogs) -> impl IntoView {
    let (project_id, id) = (task.project_id, task.uuid);
    let base = format!("/projects/{project_id}/tasks/{id}");
    (!task.status.is_being_deleted()).then(|| {
        view! {
            <StatusForm task class="btn" />
            <a class="btn" href=format!("{base}/edit")>
                "Edit"
            </a>
            <a class="btn danger" href=format!("{base}/delete") on:click=move |event| dialogs.open(&event, project_id, id)>
                "Delete task…"
            </a>
        }
    })
}

/// One run to come: on the clock of the task's zone, with changes of that clock marked.
#[component]
pub fn Run(run: NextRun) -> impl IntoView {
    let local = run.local.replacen('T', " ", 1);
    let note = run.note.map(|note| match note {
        ClockNote::DstGap => "the clock jumps forward",
        ClockNote::DstOverlap => "this hour happens twice",
    });
    view! {
        <li>
            <span class="mono">{local}</span>
            " "
            <span class="sub">
                <Moment at=run.at />
            </span>
            {note.map(|note| view! { <span class="sub">" · " {note}</span> })}
        </li>
    }
}
