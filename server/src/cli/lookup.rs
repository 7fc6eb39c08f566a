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
use domain::text::composed;
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
    let (mut cursor, named) = (None, composed(wanted).to_lowercase());
    loop {
        let page: Page<Project> = client.page(PROJECTS, &[], cursor.as_deref(), Limit::MAX).await?;
        // Names are unique regardless of case.
        let found = page.data.iter().find(|project| composed(&project.name).to_lowercase() == named);
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
    let name = composed(name.trim());
    if name.is_empty() {
        return Err(Failure::Usage("the name of a task is empty".to_owned()));
    }
    let (mut found, mut seen, mut cursor) = (Vec::new(), 0, None);
    loop {
        let filters = [("search", name.clone())];
        let page: Page<Task> =
            session.client.page(&session.path("tasks"), &filters, cursor.as_deref(), Limit::MAX).await?;
        seen += page.data.len();
        found.extend(page.data.into_iter().filter(|task| composed(&task.name) == name));
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

/// The one task with this name. One that is being deleted steps back behind one that is not.
pub async fn task_named(session: &Session, name: &str) -> Result<Task, Failure> {
    let mut found = tasks_named(session, name).await?;
    if found.iter().any(|task| !task.status.is_being_deleted()) {
        found.retain(|task| !task.status.is_being_deleted());
    }
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
        let words = plain(&task.schedule_description);
        let next = task.next_run_at.map(|at| format!(", next run {} UTC", moment(at))).unwrap_or_default();
        format!("\n  {}  {}, {words}, created {created} UTC{next}", task.uuid, task.status)
    };
    let rows: String = tasks.iter().take(SHOWN).map(row).collect();
    let more = if tasks.len() > SHOWN { "\n  …" } else { "" };
    Failure::Impossible(format!("“{name}” names {} tasks; say which by its uuid:{rows}{more}", tasks.len()))
}
