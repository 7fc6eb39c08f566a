//! The page of one execution: what it is, what was sent, what was answered, and its log.

use super::address::{Address, href};
use super::badge;
use super::html;
use super::parts::{chip, moment, moment_or_dash, next_page, run_form};
use crate::api::Fragment;
use crate::components::layout::Crumbs;
use crate::error::AppError;
use crate::view;
use crate::words;
use backend::Backend;
use backend::executions::LogQuery;
use domain::execution::{CallResponse, Execution, ExecutionStatus, LogLevel, LogLine, MAX_LOG_LINES, Trigger};
use domain::page::Page;
use domain::project::Project;
use domain::task::Task;
use leptos::prelude::*;
use uuid::Uuid;

/// Lines of the log on one page.
const LINES: u32 = 200;

/// The filters of the log: the value in the URL and its words.
const LEVELS: [(&str, &str); 3] = [("", "All"), ("warn,error", "Warnings and errors"), ("error", "Errors")];

/// The page.
pub async fn page(backend: &Backend, project: Uuid, id: Uuid, address: &Address<'_>) -> Result<Fragment, AppError> {
    let project = backend::projects::get(backend, project).await?;
    let execution = backend::executions::get(backend, project.id, id).await?;
    let task = backend::tasks::get(backend, project.id, execution.task_uuid).await?;
    let after = address.parsed("after", "must be the id of a line")?;
    let query = LogQuery { level: address.get("level"), after, limit: Some(LINES) };
    let log = backend::executions::logs(backend, project.id, id, &query).await?;
    let html = html(whole(&project, &task, &execution, &query, log));
    Ok(Fragment::new(&format!("Execution of {}", task.name), &html))
}

pub(super) fn whole(
    project: &Project,
    task: &Task,
    execution: &Execution,
    query: &LogQuery,
    log: Page<LogLine>,
) -> AnyView {
    let error = execution.error.clone().map(|error| view! { <p class="alert">{error}</p> });
    view! {
        <Crumbs project_id=project.id project=project.name.clone() here="Execution".to_owned() />
        <div class="head">
            <h1>{format!("Execution of {}", task.name)}</h1>
            {badge::badge(execution.status)}
            <span class="space"></span>
            {badge::cancel(execution, "btn")}
            {execution.status.is_final().then(|| run_form(task, "Run again"))}
        </div>
        {error}
        <div class="columns">
            <section class="card pad" aria-labelledby="facts">
                <h2 id="facts">"What happened"</h2>
                {facts(task, execution)}
            </section>
            <section class="card pad" aria-labelledby="request">
                <h2 id="request">"Request"</h2>
                {request(project, execution)}
                <h2 id="answer">"Answer"</h2>
                {answer(execution)}
            </section>
        </div>
        {log_section(execution, query, log)}
    }
}

fn facts(task: &Task, execution: &Execution) -> AnyView {
    let link = format!("/projects/{}/tasks/{}", task.project_id, task.uuid);
    let by = match (execution.trigger, execution.requested_by.clone()) {
        (Trigger::Scheduled, _) => "Its schedule".to_owned(),
        (Trigger::Manual, None) => "By hand".to_owned(),
        (Trigger::Manual, Some(name)) => format!("By hand, by {name}"),
    };
    let took = execution.duration_ms.map_or_else(|| "—".to_owned(), words::took);
    let attempts = task.max_attempts.max(execution.attempt);
    let attempt =
        execution.started_at.map_or_else(|| "—".to_owned(), |_| format!("{} of {attempts}", execution.attempt));
    let retry = execution.retry_at.filter(|_| !execution.status.is_final());
    let retry = retry.map(|at| view! { <dt>"Next attempt"</dt><dd>{moment(at)}</dd> });
    let missed = (execution.missed > 0).then(|| {
        view! { <dt>"Stands for"</dt><dd>"this due time " {badge::missed_words(execution.missed)}</dd> }
    });
    let cancel = execution.cancel_requested_at.map(|at| view! { <dt>"Cancel asked for"</dt><dd>{moment(at)}</dd> });
    view! {
        <dl class="pairs">
            <dt>"Task"</dt>
            <dd><a class="link" href=link id="task">{task.name.clone()}</a></dd>
            <dt>"Started by"</dt>
            <dd>{by}</dd>
            <dt>"Due"</dt>
            <dd>{moment(execution.scheduled_at)}</dd>
            <dt>"Started"</dt>
            <dd>{moment_or_dash(execution.started_at)}</dd>
            <dt>"Ended"</dt>
            <dd>{moment_or_dash(execution.finished_at)}</dd>
            <dt>"Took"</dt>
            <dd>{took}</dd>
            <dt>"Attempt"</dt>
            <dd>{attempt}</dd>
            {retry}
            {missed}
            {cancel}
            <dt>"Node"</dt>
            <dd>{execution.node.clone().unwrap_or_else(|| "—".to_owned())}</dd>
        </dl>
    }
}

/// What is sent: the same id at every attempt.
fn request(project: &Project, execution: &Execution) -> AnyView {
    view! {
        <dl class="pairs">
            <dt>"Endpoint"</dt>
            <dd class="mono">"POST " {project.execution_endpoint.clone()}</dd>
            <dt>"webhook-id"</dt>
            <dd class="mono">{execution.id.to_string()}</dd>
        </dl>
    }
}

fn answer(execution: &Execution) -> AnyView {
    let Some(response) = &execution.response else {
        let words = match execution.status {
            ExecutionStatus::Skipped => "Nothing was sent.",
            status if status.is_final() => "There was none.",
            _ => "There is none yet.",
        };
        return view! { <p class="sub">{words}</p> };
    };
    let CallResponse { status, content_type, is_truncated, first_byte_ms, total_ms, .. } = response;
    let waits = execution.status == ExecutionStatus::Running && execution.node.is_none();
    let waits = waits.then(|| view! { <p class="sub">"The endpoint has it; how it ends is said by a callback."</p> });
    let body = match response.body.as_str() {
        "" => view! { <p class="sub">"Its body is empty."</p> },
        body => {
            view! { <pre class="body" tabindex="0" id="body" aria-label="Body of the answer">{body.to_owned()}</pre> }
        }
    };
    let more = is_truncated.then(|| view! { <p class="sub">"Only the first 64 kB are kept."</p> });
    view! {
        {waits}
        <dl class="pairs">
            <dt>"Status"</dt>
            <dd>{status.to_string()}</dd>
            <dt>"Content type"</dt>
            <dd>{content_type.clone().unwrap_or_else(|| "—".to_owned())}</dd>
            <dt>"First byte after"</dt>
            <dd>{words::took(*first_byte_ms)}</dd>
            <dt>"All after"</dt>
            <dd>{words::took(*total_ms)}</dd>
        </dl>
        {body}
        {more}
    }
}

fn log_section(execution: &Execution, query: &LogQuery, log: Page<LogLine>) -> AnyView {
    let base = format!("/projects/{}/executions/{}", execution.project_id, execution.id);
    let level = query.level.as_deref();
    let chip = |(value, words): (&'static str, &'static str)| {
        chip(href(&base, &[("level", Some(value))]), words, level.unwrap_or_default() == value)
    };
    let next = log.next_cursor.filter(|_| !log.data.is_empty()).and(log.data.last().map(|line| line.id.to_string()));
    let next = next.map(|after| href(&base, &[("level", level), ("after", Some(&after))]));
    let lines = match log.data.is_empty() {
        true => view! { <p class="sub">"No line."</p> },
        false => view! { <ol class="log">{log.data.into_iter().map(line).collect_view()}</ol> },
    };
    let logged = i64::from(execution.log_lines);
    let dropped = (execution.log_lines > MAX_LOG_LINES).then(|| {
        view! { <p class="sub">{format!("Only the first {} are kept.", words::count(MAX_LOG_LINES.into(), "line"))}</p> }
    });
    view! {
        <section class="card pad part" aria-labelledby="log">
            <div class="head">
                <h2 id="log">"Log " <span class="zone">{words::count(logged, "line")}</span></h2>
                <span class="space"></span>
                <nav class="chips" aria-label="Level">{LEVELS.map(chip).into_iter().collect_view()}</nav>
            </div>
            {lines}
            {dropped}
            {next_page(next, "Later lines")}
        </section>
    }
}

fn line(line: LogLine) -> AnyView {
    let tone = match line.level {
        LogLevel::Info => "level",
        LogLevel::Warn => "level amber",
        LogLevel::Error => "level red",
    };
    view! {
        <li data-level=line.level.as_str()>
            <span class="when">{moment(line.created_at)}</span>
            <span class=tone>{line.level.as_str()}</span>
            <span class="said">{line.message}</span>
        </li>
    }
}
