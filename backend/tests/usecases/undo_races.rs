//! Undo racing the worker, a thousand times: exactly one of the two wins, and the other one says so.

use crate::support::{ADA, World, kind, message};
use backend::jobs::{DeleteJobHandler, Handled};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::worker::Teardown;
use backend::tasks::{self, steer};
use backend::{Backend, Policies};
use chrono::Utc;
use domain::deletion::{Deletion, DeletionState};
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use domain::task::Task;
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Races by `perform`, in lanes side by side, and by `sweep`, in groups.
const LANES: usize = 5;
const ROUNDS: usize = 100;
const GROUPS: usize = 25;
const GROUP: usize = 20;
const RUNS: i64 = 2;

async fn requested(world: &World, name: &str) -> (Task, Deletion) {
    let task = world.task(name).await;
    world.history(&task, RUNS as i32, 1).await;
    let deletion = world.request(&task).await;
    (task, deletion)
}

/// Comes a few round trips later.
async fn late(world: &World, round_trips: usize) {
    for _ in 0..round_trips {
        world.count("projects").await;
    }
}

async fn undo(node: &Backend, deletion: &Deletion) -> backend::Result<Task> {
    steer::undo(node, &ADA, deletion.project_id, deletion.id).await
}

/// Looks at everything that is left after a race; true when the undo won it.
async fn undo_has_won(world: &World, task: &Task, deletion: &Deletion, undo: backend::Result<Task>) -> bool {
    let record = world.deletion(deletion.id).await;
    let left = world.count(&format!("executions WHERE task_id = '{}'", task.uuid)).await;
    let jobs = world.count(&format!("apalis.jobs WHERE idempotency_key = '{}'", deletion.id)).await;
    let end = world.events(task).await.pop().unwrap();
    assert_eq!(jobs, 0, "nobody has anything left to do");
    if let Ok(back) = undo {
        assert_eq!((back.status, back.version), (TaskStatus::Active, task.version + 2));
        assert_eq!(world.read(task).await, back, "it stays as it was given back");
        assert!(back.next_run_at.is_some_and(|next| next > Utc::now()), "with its schedule's row");
        assert_eq!((record.state, record.receipt, left), (DeletionState::Undone, None, RUNS));
        assert_eq!(end, "TaskDeletionUndone");
        return true;
    }
    assert_eq!(kind(undo), ProblemKind::PointOfNoReturn);
    assert_eq!(kind(tasks::get(&world.backend, world.project.id, task.uuid).await), ProblemKind::TaskDeleted);
    let receipt = record.receipt.unwrap();
    assert_eq!((receipt.tasks, receipt.executions, receipt.execution_logs), (1, RUNS, RUNS));
    assert_eq!((record.state, left, end.as_str()), (DeletionState::Succeeded, 0, "TaskDeleted"));
    false
}

/// One worker for one deletion: how late each of the two is changes from round to round.
async fn race_perform(world: &World, node: &Backend, round: usize) -> bool {
    let (task, deletion) = requested(world, "Nightly").await;
    let (undo_waits, worker_waits) = (round % 9, round / 9 % 3);
    let undo = async {
        late(world, undo_waits).await;
        undo(&world.backend, &deletion).await
    };
    let work = async {
        late(world, worker_waits).await;
        delete::perform(node, deletion.id).await
    };
    let (undo, outcome) = tokio::join!(undo, work);
    let outcome = outcome.unwrap();
    let is_undone = undo_has_won(world, &task, &deletion, undo).await;
    assert_eq!(outcome, if is_undone { Outcome::NotPending } else { Outcome::Deleted }, "round {round}");
    is_undone
}

/// Two workers that sweep, and an undo for each of a group; answers how many were undone.
async fn race_sweep(world: &World, workers: &[Teardown; 2], round: usize) -> usize {
    let requests = join_all((0..GROUP).map(|_| requested(world, "Nightly"))).await;
    let undos = join_all(requests.iter().enumerate().map(|(n, (_, deletion))| async move {
        late(world, n % 7).await;
        undo(&world.backend, deletion).await
    }));
    let work = join_all(workers.iter().enumerate().map(|(n, worker)| {
        let jobs = requests.iter().skip(n).step_by(workers.len());
        async move {
            late(world, round % 5 + n).await;
            for (_, deletion) in jobs {
                assert_eq!(worker.handle(message(deletion)).await, Ok(Handled::Done));
            }
        }
    }));
    let (undos, _) = tokio::join!(undos, work);
    let looks = requests.iter().zip(undos).map(|((task, deletion), undo)| undo_has_won(world, task, deletion, undo));
    join_all(looks).await.into_iter().filter(|is_undone| *is_undone).count()
}

/// The whole database agrees with `undone` of `all`, and so was each outcome seen.
async fn both_have_won(world: &World, undone: usize, all: usize) {
    let (undone, all) = (undone as i64, all as i64);
    assert!(undone > all / 50 && undone < all - all / 50, "both must have won: {undone} of {all} undone");
    assert_eq!((world.count("tasks").await, world.count("task_schedules").await), (undone, undone));
    assert_eq!(world.count("executions").await, undone * RUNS);
    assert_eq!(world.count("deletions WHERE state = 'UNDONE'").await, undone);
    assert_eq!(world.count("deletions WHERE state = 'SUCCEEDED'").await, all - undone);
    assert_eq!(world.count("events WHERE kind = 'TaskDeletionUndone'").await, undone);
    assert_eq!(world.count("events WHERE kind = 'TaskDeleted'").await, all - undone);
}

#[sqlx::test(migrations = false)]
async fn undo_racing_a_worker_500_times_leaves_one_winner_each(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let node = world.node("node-2", Policies::default());
    let (world_ref, node) = (&world, &node);
    let lanes = join_all((0..LANES).map(|lane| async move {
        let mut undone = 0;
        for round in 0..ROUNDS {
            undone += usize::from(race_perform(world_ref, node, lane + round).await);
        }
        undone
    }));
    let undone = lanes.await.into_iter().sum();
    both_have_won(&world, undone, LANES * ROUNDS).await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn undo_racing_a_sweep_500_times_leaves_one_winner_each(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let workers = ["node-2", "node-3"].map(|name| Teardown::new(world.node(name, Policies::default())));
    let mut undone = 0;
    for round in 0..GROUPS {
        undone += race_sweep(&world, &workers, round).await;
    }
    both_have_won(&world, undone, GROUPS * GROUP).await;
    world.end().await;
}
