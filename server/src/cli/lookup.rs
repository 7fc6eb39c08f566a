//! What people call things: projects and tasks by name or id.
//!
//! Invariant: a name that fits several is refused with the list; nothing is guessed.

use super::client::Client;
use super::connection::Session;
use super::failure::Failure;
use super::words::{moment, plain};
use domain::page::{Limit, Page};
use domain::project::Project;
use domain::task::Task;
use uuid::Uuid;

const PROJECTS: &str = "/api/v1/projects";

/// More tasks with a part of their name in common are not looked through.
const MOST_LIKE_IT: usize = 10_000;

/// How many of those that fit are shown.
const SHOWN: usize = 20;

/// The project that is meant; where nothing is said, the only one.
pub async fn project(client: &Client, wanted: Option<&str>) -> Result<Uuid, Failure> {
    let Some(wanted) = wanted.map(str::trim).filter(|wanted| !wanted.is_empty()) else {
        return only_project(client).await;
    };
    if let Ok(id) = wanted.parse() {
        return Ok(id);
    }
    let mut cursor = None;
    loop {
        let page: Page<Project> = client.page(PROJECTS, &[], cursor.as_deref(), Limit::MAX).await?;
        // Names are unique regardless of case.
        let found = page.data.iter().find(|project| project.name.to_lowercase() == wanted.to_lowercase());
        match (found, page.next_cursor) {
            (Some(project), _) => return Ok(project.id),
            (None, None) => return Err(Failure::Impossible(format!("there is no project “{wanted}”"))),
            (None, next) => cursor = next,
        }
    }
}

async fn only_project(client: &Client) -> Result<Uuid, Failure> {
    let page: Page<Project> = client.page(PROJECTS, &[], None, SHOWN as u32).await?;
    match page.data.as_slice() {
        [] => Err(Failure::Impossible("there is no project yet".to_owned())),
        [project] => Ok(project.id),
        several => {
            let names: String = several.iter().map(|project| format!("\n  {}", plain(&project.name))).collect();
            let more = if page.next_cursor.is_some() { "\n  …" } else { "" };
            Err(Failure::Usage(format!("say which project, with --project or SEXTON_PROJECT:{names}{more}")))
        }
    }
}

/// The tasks with exactly this name, newest first.
pub async fn tasks_named(session: &Session, name: &str) -> Result<Vec<Task>, Failure> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Failure::Usage("the name of a task is empty".to_owned()));
    }
    let (mut found, mut seen, mut cursor) = (Vec::new(), 0, None);
    loop {
        let filters = [("search", name.to_owned())];
        let page: Page<Task> =
            session.client.page(&session.path("tasks"), &filters, cursor.as_deref(), Limit::MAX).await?;
        seen += page.data.len();
        found.extend(page.data.into_iter().filter(|task| task.name == name));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(found);
        }
        if seen >= MOST_LIKE_IT {
            let text = format!("more than {MOST_LIKE_IT} tasks have “{name}” in their names; give the uuid");
            return Err(Failure::Impossible(text));
        }
    }
}

/// The one task with this name.
pub async fn task_named(session: &Session, name: &str) -> Result<Task, Failure> {
    let mut found = tasks_named(session, name).await?;
    match found.len() {
        0 => Err(Failure::Impossible(format!("no task of the project is named “{name}”"))),
        1 => Ok(found.remove(0)),
        _ => Err(ambiguous(name, &found)),
    }
}

/// Several fit: says which.
pub fn ambiguous(name: &str, tasks: &[Task]) -> Failure {
    let row = |task: &Task| {
        let created = moment(task.created_at);
        format!("\n  {}  {}, {}, created {created} UTC", task.uuid, task.status, plain(&task.schedule_description))
    };
    let rows: String = tasks.iter().take(SHOWN).map(row).collect();
    let more = if tasks.len() > SHOWN { "\n  …" } else { "" };
    Failure::Impossible(format!("“{name}” names {} tasks; say which by its uuid:{rows}{more}", tasks.len()))
}
