//! Attempts at a teardown that end well, however often and by however many they are made.

use crate::support::{ADA, World, message};
use backend::Policies;
use backend::jobs::{DeleteJobHandler, Handled};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::worker::Teardown;
use chrono::{TimeDelta, Utc};
use domain::deletion::{DeletionState, Step, StepState};
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;
use uuid::Uuid;

fn small_batches() -> Policies {
    Policies { purge_batch: 7, ..Policies::default() }
}

#[sqlx::test(migrations = false)]
async fn a_task_goes_with_its_history_and_the_receipt_counts_every_row(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::with(&options, Policies { purge_for: Duration::ZERO, ..small_batches() }).await;
    let (task, other) = (world.task("Nightly").await, world.task("Other").await);
    world.history(&task, 40, 3).await;
    world.history(&other, 5, 2).await;
    let deletion = world.request(&task).await;
    let mut attempts = 1;
    while let Outcome::NotYet(at) = delete::perform(&world.backend, deletion.id).await.unwrap() {
        assert!(at <= Utc::now(), "a long teardown hands itself back at once");
        assert_eq!(world.deletion(deletion.id).await.state, DeletionState::Running);
        attempts += 1;
    }
    assert!(attempts > 1, "a batch of 7 rows is not enough for 120 lines");
    let gone = world.deletion(deletion.id).await;
    let receipt = gone.receipt.unwrap();
    assert_eq!((receipt.tasks, receipt.executions, receipt.execution_logs), (1, 40, 120));
    assert_eq!(receipt.node, "node-1");
    assert_eq!((gone.state, gone.completed_at.is_some(), gone.can_undo), (DeletionState::Succeeded, true, false));
    assert!(gone.steps.iter().all(|step| step.state == StepState::Done));
    let history = gone.steps.iter().find(|step| step.name == Step::PurgeHistory).unwrap();
    assert_eq!((history.done, history.total), (40, Some(40)));
    assert_eq!((world.count("executions").await, world.count("execution_logs").await), (5, 10));
    assert_eq!(world.events(&task).await, ["TaskCreated", "TaskDeletionRequested", "TaskDeleted"]);
    assert_eq!(world.count("apalis.jobs").await, 0);
    world.read(&other).await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_job_of_a_deletion_that_is_over_or_unknown_is_done_and_does_nothing(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let (gone, undone) = (world.task("Gone").await, world.task("Undone").await);
    let gone = world.request(&gone).await;
    delete::perform(&world.backend, gone.id).await.unwrap();
    let undone = world.request(&undone).await;
    backend::tasks::steer::undo(&world.backend, &ADA, world.project.id, undone.id).await.unwrap();
    let before = world.count("events").await;
    let mut unknown = message(&gone);
    unknown.deletion_id = Uuid::now_v7();
    for message in [message(&gone), message(&undone), unknown.clone()] {
        assert_eq!(Teardown::new(world.backend.clone()).handle(message).await, Ok(Handled::Done));
    }
    assert_eq!(delete::perform(&world.backend, gone.id).await.unwrap(), Outcome::AlreadyGone);
    assert_eq!(delete::perform(&world.backend, undone.id).await.unwrap(), Outcome::NotPending);
    assert_eq!(delete::perform(&world.backend, unknown.deletion_id).await.unwrap(), Outcome::AlreadyGone);
    assert_eq!(world.count("events").await, before);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn duplicate_deliveries_at_the_same_time_end_in_one_task_deleted(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::with(&options, small_batches()).await;
    for round in 0..12 {
        let task = world.task(&format!("{round}")).await;
        world.history(&task, 20, 1).await;
        let deletion = world.request(&task).await;
        let nodes: Vec<_> = (0..4).map(|n| world.node(&format!("node-{n}"), small_batches())).collect();
        let outcomes = join_all(nodes.iter().map(|node| delete::perform(node, deletion.id))).await;
        let deleted = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Deleted))).count();
        assert_eq!(deleted, 1, "round {round}: {outcomes:?}");
        let receipt = world.deletion(deletion.id).await.receipt.unwrap();
        assert_eq!((receipt.executions, receipt.execution_logs), (20, 20), "nothing is counted twice");
        assert_eq!(world.events(&task).await, ["TaskCreated", "TaskDeletionRequested", "TaskDeleted"]);
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn nothing_is_torn_down_before_the_undo_window_has_passed(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    world.execute("UPDATE projects SET undo_window_seconds = 3600").await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    let until = deletion.undo_until.unwrap();
    assert_eq!(until, deletion.requested_at + TimeDelta::hours(1));
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::NotYet(until));
    assert_eq!(world.deletion(deletion.id).await, deletion);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn calls_in_flight_may_end_until_their_time_is_up_and_are_then_cancelled(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let running = world.in_flight(&task, "RUNNING").await;
    let deletion = world.request(&task).await;
    let Outcome::NotYet(again) = delete::perform(&world.backend, deletion.id).await.unwrap() else { panic!() };
    assert!(again <= deletion.fenced_at + TimeDelta::seconds(30) && again > Utc::now() - TimeDelta::seconds(1));
    assert!(world.deletion(deletion.id).await.can_undo, "nothing has been removed");
    let running = format!("executions WHERE id = '{running}' AND status = 'RUNNING'");
    assert_eq!(world.count(&running).await, 1);
    world.execute("UPDATE deletions SET fenced_at = fenced_at - interval '30 s'").await;
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    assert_eq!(world.deletion(deletion.id).await.receipt.unwrap().executions, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_can_have_its_calls_cancelled_at_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    world.execute("UPDATE projects SET drain_policy = 'CANCEL'").await;
    let task = world.task("Nightly").await;
    world.in_flight(&task, "PENDING").await;
    let deletion = world.request(&task).await;
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_whose_row_was_removed_by_hand_counts_as_deleted(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    world.execute("DELETE FROM tasks").await;
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    assert_eq!(world.deletion(deletion.id).await.state, DeletionState::Succeeded);
    assert_eq!(world.events(&task).await.last().unwrap(), "TaskDeleted");
    assert_eq!(world.count("apalis.jobs").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_new_task_of_the_same_name_inherits_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let old = world.task("Nightly").await;
    world.history(&old, 3, 1).await;
    delete::perform(&world.backend, world.request(&old).await.id).await.unwrap();
    let new = world.task("Nightly").await;
    assert!(new.uuid != old.uuid && new.last_execution.is_none() && new.deletion.is_none() && new.version == 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_line_that_is_logged_during_the_purge_does_not_stop_it(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    world.history(&task, 2, 1).await;
    let deletion = world.request(&task).await;
    let mut callback = world.pool.begin().await.unwrap();
    let insert = "INSERT INTO execution_logs (execution_id, level, message) SELECT id, 'info', 'late' FROM executions";
    sqlx::query(insert).execute(&mut *callback).await.unwrap();
    let commit = async {
        world.until_somebody_waits().await;
        callback.commit().await.unwrap();
    };
    let (outcome, ()) = futures::join!(delete::perform(&world.backend, deletion.id), commit);
    assert_eq!(outcome.unwrap(), Outcome::Deleted);
    assert_eq!(world.deletion(deletion.id).await.receipt.unwrap().execution_logs, 4);
    world.end().await;
}
