//! One row of the task list. Its fields follow its signal; the row itself never moves.

use super::delete_dialog::DeleteDialogs;
use super::status_badge::TaskStatusCell;
use super::time::Moment;
use crate::api::SetStatus;
use crate::browser;
use crate::words;
use domain::execution::ExecutionStatus;
use domain::status::TaskStatus;
use domain::task::Task;
use leptos::form::ActionForm;
use leptos::prelude::*;

/// One task.
#[component]
pub fn TaskRow(task: ArcRwSignal<Task>, dialogs: DeleteDialogs) -> impl IntoView {
    let (head, status, schedule, next, last, menu) =
        (task.clone(), task.clone(), task.clone(), task.clone(), task.clone(), task.clone());
    let id = task.with_untracked(|task| task.uuid);
    let dim = move || task.with(|task| task.status.is_being_deleted());
    view! {
        <tr data-testid="task-row" data-task=id.to_string() class:dim=dim>
            <td>{move || view! { <Name task=head.get() /> }}</td>
            <td data-label="Status">{move || view! { <TaskStatusCell task=status.get() /> }}</td>
            <td data-label="Schedule">{move || view! { <ScheduleCell task=schedule.get() /> }}</td>
            <td data-label="Next run">{move || next.with(next_run)}</td>
            <td data-label="Last run">{move || last.with(last_run)}</td>
            <td class="actions">{move || view! { <Menu task=menu.get() dialogs /> }}</td>
        </tr>
    }
}

#[component]
fn Name(task: Task) -> impl IntoView {
    view! {
        <a class="name" id=format!("task-{}", task.uuid) href=format!("/projects/{}/tasks/{}", task.project_id, task.uuid)>
            {task.name}
        </a>
        <div class="sub">{task.description}</div>
    }
}

/// The schedule in words, with the expression beneath.
#[component]
pub fn ScheduleCell(task: Task) -> impl IntoView {
    let words =
        if task.status.is_being_deleted() { "No further runs".to_owned() } else { task.schedule_description.clone() };
    view! {
        {words}
        <div class="mono">{task.schedule_config.expression()}</div>
    }
}

fn next_run(task: &Task) -> AnyView {
    match (task.next_run_at, task.deletion.as_ref().and_then(|deletion| deletion.next_retry_at)) {
        (Some(at), _) => view! { <Moment at /> }.into_any(),
        (None, Some(at)) if task.status == TaskStatus::DeleteFailed => {
            view! { <span class="sub">"next try " <Moment at /></span> }.into_any()
        }
        _ => view! { <span class="sub">"—"</span> }.into_any(),
    }
}

fn last_run(task: &Task) -> AnyView {
    let Some(last) = &task.last_execution else { return view! { <span class="sub">"Never"</span> }.into_any() };
    let words = match last.status {
        ExecutionStatus::Success => "OK",
        ExecutionStatus::Failed => "Failed",
        ExecutionStatus::Cancelled => "Cancelled",
        ExecutionStatus::Skipped => "Skipped",
        ExecutionStatus::Pending | ExecutionStatus::Running => "In flight",
        ExecutionStatus::RetryWait => "Waits to retry",
    };
    let duration = last.duration_ms.map(|ms| format!(" · {}", words::duration(chrono::TimeDelta::milliseconds(ms))));
    view! {
        <Moment at=last.scheduled_at />
        <div class="sub">{words} {duration}</div>
    }
    .into_any()
}

#[component]
fn Menu(task: Task, dialogs: DeleteDialogs) -> impl IntoView {
    let (project_id, id) = (task.project_id, task.uuid);
    let base = format!("/projects/{project_id}/tasks/{id}");
    if task.status.is_being_deleted() {
        return ().into_any();
    }
    view! {
        <details class="menu" name="task-menu">
            <summary aria-label=format!("Actions for {}", task.name)>"⋯"</summary>
            <div class="menu-items" on:click=move |event| browser::close_menu(&event)>
                <a href=format!("{base}/edit")>"Edit"</a>
                <StatusForm task />
                <a href=format!("{base}/delete") class="danger-link" on:click=move |event| dialogs.open(&event, project_id, id)>
                    "Delete task…"
                </a>
            </div>
        </details>
    }
    .into_any()
}

/// The button that enables or disables a task.
#[component]
pub fn StatusForm(task: Task, #[prop(optional)] class: &'static str) -> impl IntoView {
    let action = expect_context::<ServerAction<SetStatus>>();
    let (status, words) = if task.status == TaskStatus::Disabled {
        (TaskStatus::Active, "Enable")
    } else {
        (TaskStatus::Disabled, "Disable")
    };
    view! {
        <ActionForm action attr:class="inline">
            <input type="hidden" name="project_id" value=task.project_id.to_string() />
            <input type="hidden" name="task_id" value=task.uuid.to_string() />
            <input type="hidden" name="status" value=status.as_str() />
            <button type="submit" class=class>
                {words}
            </button>
        </ActionForm>
    }
}
