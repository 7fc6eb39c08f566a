//! One row of the task list. Its fields follow its signal, each by itself: what does not change is not rendered anew, so
//! that focus and an open menu stay where they are. The row itself never moves.

use super::delete_dialog::DeleteDialogs;
use super::status_badge::TaskStatusCell;
use super::time::Moment;
use crate::api::SetStatus;
use crate::reactive::memo;
use crate::view;
use crate::words;
use domain::execution::{ExecutionStatus, ExecutionSummary};
use domain::status::TaskStatus;
use domain::task::{RunState, Task};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use uuid::Uuid;

/// A part of a task that changes by itself.
fn part<T>(task: &ArcRwSignal<Task>, read: impl Fn(&Task) -> T + Send + Sync + 'static) -> Memo<T>
where
    T: PartialEq + Send + Sync + 'static,
{
    let task = task.clone();
    memo(move || task.with(&read))
}

/// One task.
#[component]
pub fn TaskRow(
    task: ArcRwSignal<Task>,
    groups: RwSignal<Vec<(Uuid, String)>>,
    dialogs: DeleteDialogs,
) -> impl IntoView {
    let (id, project_id) = task.with_untracked(|task| (task.uuid, task.project_id));
    let href = format!("/projects/{project_id}/tasks/{id}");
    let name = part(&task, |task| task.name.clone());
    let description = part(&task, |task| task.description.clone());
    let status = part(&task, |task| (task.status, task.status_changed_at, task.deletion.clone(), task.is_finished));
    let schedule = part(&task, schedule_words);
    let expression = part(&task, |task| task.schedule_config.expression());
    let next = part(&task, |task| task.next_run_at);
    let group = part(&task, |task| (task.task_group_id, task.state));
    // The group's name, and that it lets nothing run now.
    let group = move || {
        let (id, state) = group.get();
        let name =
            groups.with(|groups| groups.iter().find(|(this, _)| Some(*this) == id).map(|(_, name)| name.clone()));
        name.map(|name| if state == RunState::NotRunning { format!("{name} · outside its window") } else { name })
    };
    let last = part(&task, |task| task.last_execution.clone());
    let settled = part(&task, |task| task.status);
    let dim = move || settled.get().is_being_deleted();
    view! {
        <tr data-testid="task-row" data-task=id.to_string() class:dim=dim>
            <td>
                <a class="name" id=format!("task-{id}") href=href>
                    {name}
                </a>
                <div class="sub about">{description}</div>
                <div class="sub" data-testid="task-group">{group}</div>
            </td>
            <td data-label="Status">
                {move || {
                    let (status, since, deletion, finished) = status.get();
                    view! { <TaskStatusCell status since deletion finished /> }
                }}
            </td>
            <td data-label="Schedule">
                {schedule} <div class="mono">{expression}</div>
            </td>
            <td data-label="Next run">{move || next_run(next.get())}</td>
            <td data-label="Last run">{move || view! { <LastRun last=last.get() /> }}</td>
            <td class="actions">
                <Menu project_id id name status=settled dialogs />
            </td>
        </tr>
    }
}

/// The schedule in words.
#[must_use]
pub fn schedule_words(task: &Task) -> String {
    if task.status.is_being_deleted() { "No further runs".to_owned() } else { task.schedule_description.clone() }
}

fn next_run(at: Option<chrono::DateTime<chrono::Utc>>) -> AnyView {
    match at {
        Some(at) => view! { <Moment at /> },
        None => view! { <span class="sub">"—"</span> },
    }
}

/// How the last run ended.
#[component]
pub fn LastRun(last: Option<ExecutionSummary>) -> impl IntoView {
    let Some(last) = last else { return view! { <span class="sub">"Never"</span> } };
    let words = match last.status {
        ExecutionStatus::Success => "OK",
        ExecutionStatus::Failed => "Failed",
        ExecutionStatus::Cancelled => "Cancelled",
        ExecutionStatus::Skipped => "Skipped",
        ExecutionStatus::Pending | ExecutionStatus::Running => "In flight",
        ExecutionStatus::RetryWait => "Waits to retry",
    };
    let duration = last.duration_ms.map(|ms| format!(" · {}", words::took(ms)));
    view! {
        <Moment at=last.scheduled_at />
        <div class="sub">{words} {duration}</div>
    }
}

#[component]
fn Menu(
    project_id: Uuid,
    id: Uuid,
    name: Memo<String>,
    status: Memo<TaskStatus>,
    dialogs: DeleteDialogs,
) -> impl IntoView {
    let base = format!("/projects/{project_id}/tasks/{id}");
    let there = memo(move || !status.get().is_being_deleted());
    let menu = move || {
        view! {
            <details class="menu" name="task-menu">
                <summary aria-label=move || format!("Actions for {}", name.get())>"⋯"</summary>
                <div class="menu-items">
                    <a href=format!("{base}/edit")>"Edit"</a>
                    <StatusForm project_id id status />
                    <a
                        href=format!("{base}/delete")
                        class="danger-link"
                        on:click=move |event| dialogs.open(&event, project_id, id)
                    >
                        "Delete task…"
                    </a>
                </div>
            </details>
        }
    };
    move || there.get().then(&menu)
}

/// The button that enables or disables a task.
#[component]
pub fn StatusForm(
    project_id: Uuid,
    id: Uuid,
    status: Memo<TaskStatus>,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let disabled = move || status.get() == TaskStatus::Disabled;
    let wanted = move || if disabled() { TaskStatus::Active.as_str() } else { TaskStatus::Disabled.as_str() };
    view! {
        <form method="post" action=SetStatus::PATH class="inline">
            <input type="hidden" name="project_id" value=project_id.to_string() />
            <input type="hidden" name="task_id" value=id.to_string() />
            <input type="hidden" name="status" value=wanted />
            <button type="submit" class=class>
                {move || if disabled() { "Enable" } else { "Disable" }}
            </button>
        </form>
    }
}
