//! `sexton tasks undo`.

use super::Outcome;
use super::connection::{Connection, Session};
use super::failure::Failure;
use super::lookup::{ambiguous, tasks_named};
use super::screen::complain;
use super::tasks::when;
use super::words::plain;
use clap::Args;
use domain::deletion::Deletion;
use domain::task::Task;
use serde_json::{Value, json};
use uuid::Uuid;

/// How many tasks of the same name are listed.
const SHOWN: usize = 20;

/// `tasks undo`.
#[derive(Debug, Args)]
#[command(
    after_help = "The task has its status of before again, and runs at its next time; what it missed is not made up for.

EXAMPLES:
  sexton tasks undo 'Nightly backup'
  sexton tasks undo 0193a2f8-5f6e-7cc1-a0a4-0f6d2f4e8b11"
)]
pub struct Undo {
    /// Tasks, each by its uuid or its name, or deletions by their ids.
    #[arg(required = true, value_name = "TASK OR DELETION")]
    subjects: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Undo {
    /// Undoes each; one that is refused does not hold up the others.
    pub async fn run(self) -> Outcome {
        let mut session = Session::open(&self.connection).await?;
        let (mut results, mut is_well, mut lost) = (Vec::new(), true, None);
        for subject in &self.subjects {
            match undo(&mut session, subject.trim()).await {
                Ok(result) => results.push(result),
                Err(failure @ (Failure::Refused(_) | Failure::Impossible(_))) => {
                    let problem = if let Failure::Refused(problem) = &failure { Some(problem) } else { None };
                    complain(&format!("{}: {failure}", plain(subject)));
                    results.push(json!({ "status": "REJECTED", "subject": subject, "problem": problem, "reason": failure.to_string() }));
                    is_well = false;
                }
                Err(failure) => {
                    lost = Some(failure);
                    break;
                }
            }
        }
        if session.screen.is_json() {
            session.screen.json(&json!({ "results": results }))?;
        }
        lost.map_or(Ok(is_well), Err)
    }
}

async fn undo(session: &mut Session, subject: &str) -> Result<Value, Failure> {
    let deletion = match subject.parse() {
        Ok(id) => deletion_of(session, id).await?,
        Err(_) => deletion_of_name(session, subject).await?,
    };
    let path = session.path(&format!("deletions/{deletion}/undo"));
    let task: Task = session.client.post(&path, None::<&Value>).await?;
    let mut others = tasks_named(session, &task.name).await?;
    others.retain(|other| other.uuid != task.uuid && !other.status.is_being_deleted());
    if !session.screen.is_json() {
        session.screen.line(&format!("{}: undone; the task is {} again", plain(&task.name), task.status))?;
        session.screen.line(&format!("  {}", when(&task)))?;
        for line in namesakes(&task, &others) {
            session.screen.line(&line)?;
        }
    }
    let others: Vec<Uuid> = others.iter().map(|other| other.uuid).collect();
    Ok(json!({ "status": "UNDONE", "subject": subject, "task": task, "same_name": others }))
}

/// Says that other tasks have the name of the one that is back.
fn namesakes(task: &Task, others: &[Task]) -> Vec<String> {
    if others.is_empty() {
        return Vec::new();
    }
    let it = format!("  there are {} tasks with this name now; this one is {}", others.len() + 1, task.uuid);
    let other = |other: &Task| format!("  the other: {}, {}, {}", other.uuid, other.status, when(other));
    std::iter::once(it).chain(others.iter().take(SHOWN).map(other)).collect()
}

/// The deletion with this id, or that of the task with this id, be it gone.
async fn deletion_of(session: &Session, id: Uuid) -> Result<Uuid, Failure> {
    match session.client.get::<Deletion>(&session.path(&format!("deletions/{id}"))).await {
        Ok(deletion) => return Ok(deletion.id),
        Err(failure) if !failure.is("DELETION_NOT_FOUND") => return Err(failure),
        Err(_) => {}
    }
    match session.client.get::<Task>(&session.path(&format!("tasks/{id}"))).await {
        Ok(task) => open_deletion(&task),
        // Why it is too late, the server says.
        Err(Failure::Refused(problem)) => problem.record().ok_or(Failure::Refused(problem)),
        Err(failure) => Err(failure),
    }
}

async fn deletion_of_name(session: &Session, name: &str) -> Result<Uuid, Failure> {
    let mut tasks = tasks_named(session, name).await?;
    if tasks.iter().any(|task| task.deletion.is_some()) {
        tasks.retain(|task| task.deletion.is_some());
    }
    match tasks.as_slice() {
        [] => Err(Failure::Impossible("no task of the project has this name (any more)".to_owned())),
        [task] => open_deletion(task),
        _ => Err(ambiguous(name, &tasks)),
    }
}

fn open_deletion(task: &Task) -> Result<Uuid, Failure> {
    let none = || Failure::Impossible(format!("“{}” is not being deleted: it is {}", plain(&task.name), task.status));
    task.deletion.as_ref().map(|deletion| deletion.id).ok_or_else(none)
}
