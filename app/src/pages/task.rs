//! One task: its schedule and next runs, its state, what can be done with it.

use super::route::{self, RefusalBanner};
use crate::api::{TaskView, get_task};
use crate::components::delete_dialog::{self, DeleteDialog, DeleteDialogs};
use crate::components::fragment::FragmentView;
use crate::components::layout::Crumbs;
use crate::components::loaded::loaded;
use crate::components::status_badge::TaskStatusCell;
use crate::components::task_row::{LastRun, StatusForm, schedule_words};
use crate::components::time::Moment;
use crate::components::toast::Toasts;
use crate::error::AppError;
use crate::live::{Followed, Live};
use crate::reactive::memo;
use crate::view;
use crate::{browser, words};
use domain::schedule::{ClockNote, NextRun};
use domain::task::Task;
use leptos::prelude::*;
use leptos_meta::Title;
use uuid::Uuid;

/// The page of a task.
#[component]
pub fn TaskPage() -> impl IntoView {
    let (project, task) = (route::id("project"), route::id("task"));
    loaded(
        move || (project(), task()),
        |(project, task)| async move { get_task(project?, task?).await },
        |view| view! { <Fresh view /> },
    )
}

/// The page, kept true while it is open.
#[component]
fn Fresh(view: TaskView) -> impl IntoView {
    let (project_id, task_id) = (view.project.id, view.task.uuid);
    let current = RwSignal::new(view);
    let gone = RwSignal::new(None::<AppError>);
    let (live, toasts) = (expect_context::<Live>(), expect_context::<Toasts>());
    live.follow(Followed::Project(project_id));
    live.keep_fresh(
        move || get_task(project_id, task_id),
        move |fresh| match fresh {
            Ok(view) if current.try_with_untracked(|old| *old != view).unwrap_or(false) => current.set(view),
            Err(error) if error.is_missing() => drop(gone.try_set(Some(error))),
            Ok(_) | Err(_) => {}
        },
    );
    let dialogs = DeleteDialogs::new();
    let done = move |outcome| {
        browser::focus("main");
        delete_dialog::tell(toasts, outcome);
        live.nudge();
    };
    view! {
        {move || match gone.get() {
            None => view! { <Content view=current dialogs /> },
            Some(error) => view! { <Gone project_id error /> },
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

/// What a plain form did, after its redirect.
#[component]
fn Notice() -> impl IntoView {
    let notice = route::query("notice");
    move || {
        (notice().as_deref() == Some("undone")).then(
            || view! { <p class="banner"><b>"Deletion undone"</b> "The task is back; it runs at its next time."</p> },
        )
    }
}

#[component]
fn Content(view: RwSignal<TaskView>, dialogs: DeleteDialogs) -> impl IntoView {
    let name = memo(move || view.with(|view| view.task.name.clone()));
    let description = memo(move || view.with(|view| view.task.description.clone()));
    let project = view.with_untracked(|view| view.project.clone());
    let runs = memo(move || view.with(|view| view.runs.clone()));
    let crumb = project.name.clone();
    let task = memo(move || view.with(|view| view.task.clone()));
    view! {
        <Title text=name />
        {move || view! { <Crumbs project_id=project.id project=crumb.clone() here=name.get() /> }}
        <div class="head">
            <h1>{name}</h1>
            <span class="space"></span>
            <Actions task dialogs />
        </div>
        <RefusalBanner />
        <Notice />
        <p class="sub">{description}</p>
        <div class="columns">
            <section class="card pad">
                {move || view! { <Facts task=task.get() endpoint=project.execution_endpoint.clone() /> }}
            </section>
            <NextRuns view />
        </div>
        <FragmentView html=runs />
    }
}

#[component]
fn Facts(task: Task, endpoint: String) -> impl IntoView {
    let metadata = serde_json::to_string_pretty(&task.metadata).unwrap_or_default();
    let metadata = (metadata != "{}").then(|| {
        view! {
            <dt>"Metadata"</dt>
            <dd>
                <pre tabindex="0" aria-label="Metadata">{metadata}</pre>
            </dd>
        }
    });
    view! {
        <dl class="pairs">
            <dt>"Status"</dt>
            <dd>
                <TaskStatusCell
                    status=task.status
                    since=task.status_changed_at
                    deletion=task.deletion.clone()
                    finished=task.is_finished
                />
            </dd>
            <dt>"Schedule"</dt>
            <dd>{schedule_words(&task)} <div class="mono">{task.schedule_config.expression()}</div></dd>
            <dt>"Last run"</dt>
            <dd>
                <LastRun last=task.last_execution />
            </dd>
            <dt>"Calls"</dt>
            <dd>{endpoint} <div class="sub">{format!("{} s at most", task.timeout_seconds)}</div></dd>
            <dt>"When a run is still going on"</dt>
            <dd>{words::of(&words::OVERLAP, task.overlap_policy.as_str())}</dd>
            <dt>"When runs were missed"</dt>
            <dd>{words::of(&words::MISSED, task.missed_run_policy.as_str())}</dd>
            {metadata}
            <dt>"Created"</dt>
            <dd>
                <Moment at=task.created_at />
            </dd>
            <dt>"Id"</dt>
            <dd class="mono">{task.uuid.to_string()}</dd>
        </dl>
    }
}

#[component]
fn NextRuns(view: RwSignal<TaskView>) -> impl IntoView {
    let zone = memo(move || view.with(|view| view.task.schedule_config.zone().to_owned()));
    let runs = memo(move || {
        view.with(|view| if view.task.next_run_at.is_some() { view.preview.next_runs.clone() } else { Vec::new() })
    });
    let list = move || match runs.get() {
        runs if runs.is_empty() => view! { <p class="sub">"It does not run."</p> },
        runs => {
            let runs = runs.into_iter().map(|run| view! { <Run run /> }).collect_view();
            view! { <ol class="runs">{runs}</ol> }
        }
    };
    view! {
        <section class="card pad">
            <h2>"Next runs " <span class="zone">{zone}</span></h2>
            {list}
        </section>
    }
}

#[component]
fn Actions(task: Memo<Task>, dialogs: DeleteDialogs) -> impl IntoView {
    let (project_id, id) = task.with_untracked(|task| (task.project_id, task.uuid));
    let status = memo(move || task.with(|task| task.status));
    let there = memo(move || !status.get().is_being_deleted());
    let base = format!("/projects/{project_id}/tasks/{id}");
    let actions = move || {
        view! {
            <div class="acts">
            <StatusForm project_id id status class="btn" />
            <a class="btn" href=format!("{base}/edit")>
                "Edit"
            </a>
            <a class="btn quiet-danger" href=format!("{base}/delete") on:click=move |event| dialogs.open(&event, project_id, id)>
                "Delete task…"
            </a>
            </div>
        }
    };
    move || there.get().then(&actions)
}

/// One run to come: on the clock of the task's zone, with changes of that clock marked.
#[component]
pub fn Run(run: NextRun) -> impl IntoView {
    let note = run.note.map(|note| match note {
        ClockNote::DstGap => "the clock jumps forward",
        ClockNote::DstOverlap => "this hour happens twice",
    });
    view! {
        <li>
            <span>{words::wall_clock(&run.local)} {note.map(|note| view! { <span class="sub">" · " {note}</span> })}</span>
            <span class="sub">
                <Moment at=run.at />
            </span>
        </li>
    }
}
