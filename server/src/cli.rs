//! `sexton tasks`, `sexton deletions` and `sexton import`: what people do with a server, over its REST API.
//!
//! Invariant: what was asked for goes to standard output, all else to standard error; nothing is sent but by `cli/client`. The
//! exit code says what became of it: 0 done, 1 refused, 2 called wrongly, 3 the server cannot be reached.

mod client;
mod connection;
mod crontab;
mod delete;
mod deletions;
mod failure;
mod follow;
mod found;
mod hints;
mod import;
mod list;
mod lookup;
mod screen;
mod sources;
mod table;
mod tasks;
mod undo;
mod words;

use clap::Subcommand;
use failure::Failure;
use std::process::ExitCode;

/// The commands for people.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List, create and delete tasks of a server, and undo deletions.
    #[command(subcommand)]
    Tasks(Tasks),
    /// List and watch deletions of a server.
    #[command(subcommand)]
    Deletions(Deletions),
    /// Bring the jobs of another scheduler to a server.
    #[command(subcommand)]
    Import(Import),
}

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List tasks, newest first; those that are being deleted, too.
    List(tasks::List),
    /// Create a task.
    Create(Box<tasks::Create>),
    /// Delete tasks: from the answer on, no run of them starts but those that it lists.
    Delete(delete::Delete),
    /// Undo deletions, while nothing has been removed yet.
    Undo(undo::Undo),
}

/// What can be done with deletions.
#[derive(Debug, Subcommand)]
pub enum Deletions {
    /// List deletions, newest first.
    List(deletions::List),
    /// Follow deletions until they have ended, step by step.
    Watch(deletions::Watch),
}

/// What can be imported.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Make a task of each line of a crontab; what cannot be one is listed with the reason.
    Crontab(import::Crontab),
    /// Make a task of each CronJob of a Kubernetes manifest (YAML or JSON).
    #[command(visible_alias = "kubernetes")]
    K8s(import::Kubernetes),
    /// Make a task of each job of a configuration of Ofelia.
    Ofelia(import::Ofelia),
    /// Make a task of each OnCalendar= of systemd timers.
    Systemd(import::Systemd),
}

/// What was done: true when all of it was; else what was refused has been said.
type Outcome = Result<bool, Failure>;

/// Does it, and says what went wrong.
pub async fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Tasks(Tasks::List(list)) => list.run().await,
        Command::Tasks(Tasks::Create(create)) => create.run().await,
        Command::Tasks(Tasks::Delete(delete)) => delete.run().await,
        Command::Tasks(Tasks::Undo(undo)) => undo.run().await,
        Command::Deletions(Deletions::List(list)) => list.run().await,
        Command::Deletions(Deletions::Watch(watch)) => watch.run().await,
        Command::Import(import) => import.run().await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            screen::complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}
