//! One job heard, and all that is due and small is torn down with it.

use crate::support::{ADA, World, message};
use backend::Policies;
use backend::jobs::{DeleteJobHandler, Handled};
use backend::tasks::steer;
use backend::tasks::worker::Teardown;
use domain::deletion::{Deletion, DeletionState};
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

async fn requested(world: &World, count: usize, runs: i32) -> Vec<Deletion> {
    let mut deletions = Vec::new();
    for n in 0..count {
        let task = world.task(&format!("{n}")).await;
        world.history(&task, runs, 2).await;
        deletions.push(world.request(&task).await);
    }
    deletions
}

async fn state(world: &World, deletion: &Deletion) -> DeletionState {
    world.deletion(deletion.id).await.state
}

#[sqlx::test(migrations = false)]
async fn one_job_tears_down_all_that_is_due_and_small_each_with_its_receipt(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let deletions = requested(&world, 12, 3).await;
    let worker = Teardown::new(world.backend.clone());
    assert_eq!(worker.handle(message(&deletions[4])).await, Ok(Handled::Done));
    for deletion in &deletions {
        let receipt = world.deletion(deletion.id).await.receipt.unwrap();
        assert_eq!((receipt.tasks, receipt.executions, receipt.execution_logs), (1, 3, 6));
        assert_eq!(worker.handle(message(deletion)).await, Ok(Handled::Done), "a job that was fetched already");
    }
    for table in ["tasks", "executions", "execution_logs", "apalis.jobs"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.count("events WHERE kind = 'TaskDeleted'").await, 12);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn one_task_that_cannot_be_removed_holds_back_no_other(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let deletions = requested(&world, 6, 1).await;
    world.execute("CREATE TABLE extra (task_id uuid REFERENCES tasks)").await;
    world.execute("INSERT INTO extra SELECT id FROM tasks WHERE name = '2'").await;
    let worker = Teardown::new(world.backend.clone());
    for deletion in &deletions {
        assert_eq!(worker.handle(message(deletion)).await, Ok(Handled::Done));
    }
    for (n, deletion) in deletions.iter().enumerate() {
        let expected = if n == 2 { DeletionState::Failed } else { DeletionState::Succeeded };
        assert_eq!(state(&world, deletion).await, expected, "{n}");
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_waits_runs_or_is_large_is_left_to_its_own_job(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let (busy, large) = (world.task("busy").await, world.task("large").await);
    world.in_flight(&busy, "RUNNING").await;
    world.history(&large, 101, 1).await;
    let (busy, large) = (world.request(&busy).await, world.request(&large).await);
    world.execute("UPDATE projects SET undo_window_seconds = 3600").await;
    let waiting = world.request(&world.task("waiting").await).await;
    world.execute("UPDATE projects SET undo_window_seconds = 0").await;
    let small = world.request(&world.task("small").await).await;
    let worker = Teardown::new(world.backend.clone());
    assert_eq!(worker.handle(message(&small)).await, Ok(Handled::Done));
    assert_eq!(state(&world, &small).await, DeletionState::Succeeded);
    for left in [&busy, &large, &waiting] {
        assert_eq!(world.deletion(left.id).await, *left);
    }
    assert_eq!(worker.handle(message(&large)).await, Ok(Handled::Done));
    assert_eq!(state(&world, &large).await, DeletionState::Succeeded);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn nodes_that_sweep_while_some_are_undone_delete_each_of_the_others_once(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let nodes: Vec<_> = (0..3).map(|n| Teardown::new(world.node(&format!("node-{n}"), Policies::default()))).collect();
    let mut undone = 0;
    for round in 0..15 {
        let deletions = requested(&world, 6, 1).await;
        let sweeps = join_all(nodes.iter().zip(&deletions).map(|(node, deletion)| node.handle(message(deletion))));
        let undos = async {
            for _ in 0..round % 5 {
                world.count("projects").await;
            }
            let undo = |deletion: &Deletion| steer::undo(&world.backend, &ADA, world.project.id, deletion.id);
            join_all([undo(&deletions[0]), undo(&deletions[5])]).await
        };
        let (swept, undos) = futures::join!(sweeps, undos);
        assert!(swept.iter().all(Result::is_ok), "round {round}: {swept:?}");
        undone += undos.iter().filter(|answer| answer.is_ok()).count() as i64;
        for deletion in &deletions {
            nodes[0].handle(message(deletion)).await.unwrap();
        }
    }
    assert_eq!(world.count("tasks").await, undone);
    assert_eq!(world.count("deletions WHERE state = 'UNDONE'").await, undone);
    assert_eq!(world.count("deletions WHERE state = 'SUCCEEDED'").await, 90 - undone);
    assert_eq!(world.count("events WHERE kind = 'TaskDeleted'").await, 90 - undone);
    world.end().await;
}
