//! `sexton deletions list` and `sexton deletions watch`.

use super::Outcome;
use super::connection::{Connection, Session};
use super::follow::{Subject, Watcher};
use super::list::{self, Pages};
use super::screen::remark;
use super::table::{Cell, Tone};
use super::tasks::spelled;
use super::words::{moment, stands};
use clap::Args;
use domain::deletion::{Deletion, DeletionState};
use uuid::Uuid;

/// `deletions list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only deletions in these states: scheduled, running, retrying, succeeded, failed, undone.
    #[arg(long, value_delimiter = ',', value_parser = spelled::<DeletionState>)]
    state: Vec<DeletionState>,
    #[command(flatten)]
    pages: Pages,
    #[command(flatten)]
    connection: Connection,
}

impl List {
    /// Shows them.
    pub async fn run(self) -> Outcome {
        let session = Session::open(&self.connection).await?;
        let states: Vec<&str> = self.state.iter().map(|state| state.as_str()).collect();
        let filters = [("state", states.join(","))];
        let heads = ["ID", "TASK", "STATE", "REQUESTED (UTC)", "WHAT"];
        list::show(session, "deletions", &filters, &self.pages, heads, row).await
    }
}

fn row(deletion: &Deletion) -> [Cell; 5] {
    let tone = match deletion.state {
        DeletionState::Scheduled | DeletionState::Running | DeletionState::Retrying => Tone::Busy,
        DeletionState::Succeeded => Tone::Good,
        DeletionState::Failed => Tone::Bad,
        DeletionState::Undone => Tone::Faint,
    };
    [
        deletion.id.to_string().into(),
        deletion.task_name.as_str().into(),
        Cell::toned(deletion.state.as_str(), tone),
        moment(deletion.requested_at).into(),
        stands(deletion).into(),
    ]
}

/// `deletions watch`.
#[derive(Debug, Args)]
#[command(after_help = "It ends when they have: with 1 if one of them failed. With --json each change is a line.

EXAMPLES:
  sexton deletions watch                 # all that are open, and those that come meanwhile
  sexton deletions watch 0193a2f8-…      # one, or several")]
pub struct Watch {
    /// Deletions; without any, all that are open, until none is.
    #[arg(value_name = "ID")]
    deletions: Vec<Uuid>,
    #[command(flatten)]
    connection: Connection,
}

impl Watch {
    /// Follows them.
    pub async fn run(self) -> Outcome {
        let mut session = Session::open(&self.connection).await?;
        let subject = if self.deletions.is_empty() { Subject::AllOpen } else { Subject::These };
        let ended = Watcher::new(subject, self.deletions, true).follow(&mut session).await?;
        if ended.is_empty() && !session.screen.is_gone() {
            remark("no deletion is open");
        }
        Ok(ended.iter().all(|deletion| deletion.state != DeletionState::Failed))
    }
}
