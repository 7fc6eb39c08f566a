//! Lists of executions: the latest of a task, on its page, and those of a project.

use super::address::{self, Address, href};
use super::badge;
use super::chart;
use super::html;
use super::parts::{chip, empty, moment, next_page, run_form};
use crate::api::Fragment;
use crate::components::layout::{ProjectHead, looks_only};
use crate::error::AppError;
use crate::view;
use crate::words;
use backend::Backend;
use backend::executions::ExecutionQuery;
use domain::execution::{DayCounts, Execution};
use domain::page::Page;
use domain::project::Project;
use domain::task::Task;
use leptos::prelude::*;
use uuid::Uuid;

/// So many of the latest stand on the page of a task.
const LATEST: u32 = 20;

/// The filters: the value in the URL and its words.
const FILTERS: [(&str, &str); 6] = [
    ("", "All"),
    ("PENDING,RUNNING,RETRY_WAIT", "In flight"),
    ("SUCCESS", "OK"),
    ("FAILED", "Failed"),
    ("CANCELLED", "Cancelled"),
    ("SKIPPED", "Skipped"),
];

/// The latest executions of a task and its last 30 days; with the reason why nothing can be changed, if so.
pub async fn of_task(backend: &Backend, task: &Task, is_looking: bool) -> Result<String, AppError> {
    let project = task.project_id;
    let query = ExecutionQuery { task_id: Some(task.uuid), limit: Some(LATEST), ..Default::default() };
    let page = backend::executions::list(backend, project, &query).await?;
    let zone = task.schedule_config.zone();
    let days = backend::executions::stats(backend, project, Some(task.uuid), Some(chart::DAYS), Some(zone)).await?;
    let note = if is_looking { html(looks_only()) } else { String::new() };
    Ok(note + &html(latest(task, &page, &days)))
}

pub(super) fn latest(task: &Task, page: &Page<Execution>, days: &[DayCounts]) -> AnyView {
    let base = format!("/projects/{}/executions", task.project_id);
    let all = href(&base, &[("task", Some(&task.uuid.to_string()))]);
    let list = match page.data.as_slice() {
        [] => empty("No run yet", "Every run is listed here with its outcome, from the moment at which it starts."),
        executions => table(executions, None),
    };
    view! {
        <section class="part" aria-labelledby="executions">
            <div class="head">
                <h2 id="executions">"Executions"</h2>
                <span class="space"></span>
                {run_form(task, "Run now")}
                <a class="btn" href=all>"All executions"</a>
            </div>
            {list}
        </section>
        <section class="card pad part" aria-labelledby="days">
            <h2 id="days">"Last 30 days " <span class="zone">{task.schedule_config.zone().to_owned()}</span></h2>
            {chart::chart(days)}
        </section>
    }
}

/// The executions of a project, as the filters in the query say.
pub async fn of_project(backend: &Backend, project: Uuid, address: &Address<'_>) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let task = match address.get("task") {
        Some(id) => Some(backend::tasks::get(backend, project.id, address::id(&id)?).await?),
        None => None,
    };
    let query = ExecutionQuery {
        task_id: task.as_ref().map(|task| task.uuid),
        status: address.get("status"),
        date: address.get("date"),
        cursor: address.get("cursor"),
        ..Default::default()
    };
    let page = backend::executions::list(backend, project.id, &query).await?;
    let mut ids: Vec<Uuid> = page.data.iter().map(|execution| execution.task_uuid).collect();
    ids.sort_unstable();
    ids.dedup();
    let tasks = backend::tasks::get_many(backend, project.id, &ids).await?;
    let title = format!("Executions of {}", task.as_ref().map_or(&project.name, |task| &task.name));
    Ok(Fragment::new(&title, &html(whole(project, task.as_ref(), &query, &page, &tasks))))
}

pub(super) fn whole(
    project: Project,
    task: Option<&Task>,
    query: &ExecutionQuery,
    page: &Page<Execution>,
    tasks: &[Task],
) -> AnyView {
    let base = format!("/projects/{}/executions", project.id);
    let is_filtered = query.status.is_some() || query.date.is_some() || query.cursor.is_some();
    let list = match page.data.as_slice() {
        [] if is_filtered => empty("No execution matches", "Another outcome, or another day, may have some."),
        [] => empty("No run yet", "Every run of a task is listed here, from the moment at which it starts."),
        executions => table(executions, Some(tasks)),
    };
    let next = page.next_cursor.as_deref().map(|cursor| link(&base, query, query.status.as_deref(), Some(cursor)));
    view! {
        <ProjectHead id=project.id name=project.name tab="Executions" />
        {task.map(|task| only(task, &base))}
        {filters(&base, query)}
        {list}
        {next_page(next, "Next page")}
    }
}

/// Says that the executions of one task are shown, and leads to those of all.
fn only(task: &Task, base: &str) -> AnyView {
    view! {
        <p class="banner">
            "Executions of"
            <a class="link" href=format!("/projects/{}/tasks/{}", task.project_id, task.uuid)>{task.name.clone()}</a>
            <span class="space"></span>
            <a class="btn sm" href=base.to_owned()>"Show all tasks"</a>
        </p>
    }
}

/// Outcomes as links, the day as a plain form: the choice stands in the URL.
fn filters(base: &str, query: &ExecutionQuery) -> AnyView {
    let status = query.status.clone().unwrap_or_default();
    let chips = FILTERS.map(|(value, words)| chip(link(base, query, Some(value), None), words, status == value));
    let task = query.task_id.map(|id| view! { <input type="hidden" name="task" value=id.to_string() /> });
    let kept = query.status.clone().map(|status| view! { <input type="hidden" name="status" value=status /> });
    view! {
        <form class="bar" method="get" action=base.to_owned()>
            {task}
            {kept}
            <nav class="chips" aria-label="Outcome">{chips.into_iter().collect_view()}</nav>
            <span class="space"></span>
            <label for="date">"Day (UTC)"</label>
            <input class="date" type="date" id="date" name="date" value=query.date.clone().unwrap_or_default() />
            <button type="submit" class="btn" id="show-day">"Show"</button>
        </form>
    }
}

fn link(base: &str, query: &ExecutionQuery, status: Option<&str>, cursor: Option<&str>) -> String {
    let task = query.task_id.map(|id| id.to_string());
    let date = query.date.as_deref();
    href(base, &[("task", task.as_deref()), ("status", status), ("date", date), ("cursor", cursor)])
}

/// The rows; with `tasks` each names its task.
fn table(executions: &[Execution], tasks: Option<&[Task]>) -> AnyView {
    let longest = executions.iter().filter_map(|execution| execution.duration_ms).max().unwrap_or_default().max(1);
    let row = |execution: &Execution| row(execution, tasks, longest);
    view! {
        <div class="card table executions">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Due"</th>
                        <th scope="col">"Outcome"</th>
                        <th scope="col">"Attempt"</th>
                        <th scope="col">"Took"</th>
                    </tr>
                </thead>
                <tbody>{executions.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(execution: &Execution, tasks: Option<&[Task]>, longest: i64) -> AnyView {
    let at = format!("/projects/{}/executions/{}", execution.project_id, execution.id);
    let task = tasks.map(|tasks| {
        let name = tasks.iter().find(|task| task.uuid == execution.task_uuid).map(|task| task.name.clone());
        let at = format!("/projects/{}/tasks/{}", execution.project_id, execution.task_uuid);
        view! { <a class="link sub" href=at>{name.unwrap_or_else(|| "A task that is gone".to_owned())}</a> }
    });
    let attempt = match execution.started_at {
        Some(_) => execution.attempt.to_string(),
        None => "—".to_owned(),
    };
    view! {
        <tr data-testid="execution-row" data-execution=execution.id.to_string()>
            <td>
                <a class="name" href=at id=format!("execution-{}", execution.id)>{moment(execution.scheduled_at)}</a>
                {task}
            </td>
            <td data-label="Outcome">{badge::outcome(execution)}</td>
            <td data-label="Attempt">{attempt}</td>
            <td data-label="Took">{took(execution, longest)}</td>
        </tr>
    }
}

/// How long it took, in words and as a bar beside the longest of the list.
fn took(execution: &Execution, longest: i64) -> AnyView {
    let Some(milliseconds) = execution.duration_ms else {
        return match execution.started_at.filter(|_| !execution.status.is_final()) {
            Some(at) => view! { <span class="sub">"began " {moment(at)}</span> },
            None => "—".into_any(),
        };
    };
    let width = (milliseconds * 100 / longest).clamp(1, 100);
    view! {
        {words::took(milliseconds)}
        <svg class="span" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect width="100" height="4" class="rest" />
            <rect width=width.to_string() height="4" data-status=execution.status.as_str() />
        </svg>
    }
}
