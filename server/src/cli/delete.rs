//! `sexton tasks delete`.

use super::Outcome;
use super::connection::{Connection, Session};
use super::failure::{Failure, Problem};
use super::follow::{Subject, Watcher};
use super::lookup::task_named;
use super::screen::complain;
use super::words::{count, moment, plain, stands, why};
use clap::Args;
use domain::deletion::{Deletion, DeletionState};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// So many executions in flight are named; JSON has them all.
const NAMED: usize = 10;

/// `tasks delete`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:
  sexton tasks delete 'Nightly backup' --wait
  sexton tasks delete 0193a2f8-5f6e-7cc1-a0a4-0f6d2f4e8b11 0193a2f8-6f00-7d2b-9d51-77a0c0f3b4aa")]
pub struct Delete {
    /// Tasks, each by its uuid or its name.
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<String>,
    /// Follow it to its end, and fail if it does not end with the task gone.
    #[arg(long)]
    wait: bool,
    /// Refuse a uuid that names no task, instead of taking it for one that is gone already.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What became of one task; the members are those of the API.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    status: String,
    task_uuid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion: Option<Deletion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<Box<Problem>>,
}

impl Delete {
    /// Finds out which tasks are meant, before any is deleted; then deletes each.
    pub async fn run(self) -> Outcome {
        let mut session = Session::open(&self.connection).await?;
        let mut tasks: Vec<(Uuid, String)> = Vec::new();
        for text in &self.tasks {
            let task = match text.trim().parse::<Uuid>() {
                Ok(id) => (id, text.trim().to_owned()),
                Err(_) => task_named(&session, text).await.map(|task| (task.uuid, task.name))?,
            };
            if !tasks.iter().any(|(id, _)| *id == task.0) {
                tasks.push(task);
            }
        }
        let (mut answers, mut failure) = (Vec::new(), None);
        for (id, called) in &tasks {
            match self.delete(&mut session, *id, called).await {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let waits = self.wait && failure.is_none();
        let waited = if waits { wait(&mut session, &mut answers).await } else { Ok(()) };
        if session.screen.is_json() {
            session.screen.json(&serde_json::json!({ "results": answers }))?;
        }
        match failure {
            Some(failure) => Err(failure),
            None => waited.map(|()| answers.iter().all(|answer| went_well(answer, self.wait))),
        }
    }

    async fn delete(&self, session: &mut Session, id: Uuid, called: &str) -> Result<Answer, Failure> {
        let path = session.path(&format!("tasks/{id}"));
        match session.client.delete::<Answer>(&path, self.strict).await {
            Ok(answer) => {
                if !session.screen.is_json() {
                    for line in said(&answer, called) {
                        session.screen.line(&line)?;
                    }
                }
                Ok(answer)
            }
            // The others may be deleted all the same, unless nobody answers.
            Err(Failure::Refused(problem)) => {
                complain(&format!("{}: {problem}", plain(called)));
                let (message, evidence, deletion) = (None, None, None);
                let status = "REJECTED".to_owned();
                Ok(Answer { status, task_uuid: id, message, evidence, deletion, problem: Some(problem) })
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Follows what was accepted, and puts the ends in place of the beginnings.
async fn wait(session: &mut Session, answers: &mut [Answer]) -> Result<(), Failure> {
    let is_open = |deletion: &&Deletion| !deletion.state.is_final();
    let open = answers.iter().filter_map(|answer| answer.deletion.as_ref()).filter(is_open);
    let open: Vec<Uuid> = open.map(|deletion| deletion.id).collect();
    let shows = !session.screen.is_json();
    let ended = Watcher::new(Subject::These, open, shows).follow(session).await?;
    for deletion in ended {
        if deletion.state == DeletionState::Failed {
            complain(&format!("{}: not deleted: {}", plain(&deletion.task_name), why(&deletion)));
        } else if deletion.state == DeletionState::Undone {
            complain(&format!("{}: not deleted: somebody has undone it", plain(&deletion.task_name)));
        }
        let its = |answer: &&mut Answer| answer.deletion.as_ref().is_some_and(|one| one.id == deletion.id);
        if let Some(answer) = answers.iter_mut().find(its) {
            answer.deletion = Some(deletion);
        }
    }
    Ok(())
}

/// Accepted is enough, unless the end was waited for.
fn went_well(answer: &Answer, waited: bool) -> bool {
    let is_gone = answer.deletion.as_ref().is_none_or(|deletion| deletion.state == DeletionState::Succeeded);
    answer.problem.is_none() && (is_gone || !waited)
}

/// What the 202 says, in lines.
fn said(answer: &Answer, called: &str) -> Vec<String> {
    let called = plain(called);
    let Some(deletion) = &answer.deletion else {
        return vec![format!("{called}: there is no such task in this project, and no record of one")];
    };
    let name = plain(&deletion.task_name);
    if answer.status == "ALREADY_DELETED" {
        let at = deletion.completed_at.map(|at| format!(" at {} UTC", moment(at))).unwrap_or_default();
        return vec![format!("{name}: already deleted{at}: {}", stands(deletion))];
    }
    let mut lines = vec![format!("{name}: deletion accepted as {}; no run starts any more", deletion.id)];
    match deletion.in_flight.len() {
        0 => lines.push("  nothing is in flight".to_owned()),
        many => {
            let ids = deletion.in_flight.iter().take(NAMED).map(Uuid::to_string).collect::<Vec<_>>().join(", ");
            let more = if many > NAMED { ", …" } else { "" };
            lines.push(format!("  {} had started before: {ids}{more}", count(many as i64, "execution")));
        }
    }
    lines.push(match deletion.undo_until.filter(|_| deletion.can_undo) {
        Some(until) => {
            format!("  until {} UTC it can be undone: sexton tasks undo {}", moment(until), answer.task_uuid)
        }
        None => "  it cannot be undone any more".to_owned(),
    });
    lines
}
