//! Undo and retry of an accepted deletion.

use crate::support::{ADA, World, actor, kind};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::{Change, steer};
use chrono::Utc;
use domain::deletion::{DeletionState, FailureKind};
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use domain::task::Task;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

async fn undo(world: &World, deletion: Uuid) -> backend::Result<Task> {
    steer::undo(&world.backend, &ADA, world.project.id, deletion).await
}

#[sqlx::test(migrations = false)]
async fn undo_gives_back_the_status_and_plans_a_run_to_come(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    for (status, runs) in [(TaskStatus::Active, true), (TaskStatus::Disabled, false)] {
        let task = world.task(status.as_str()).await;
        let task = world.change(&task, Change::Status(status.to_string())).await.unwrap();
        let deletion = world.request(&task).await;
        let back = undo(&world, deletion.id).await.unwrap();
        assert_eq!((back.status, back.deletion.is_none()), (status, true));
        assert_eq!(back.next_run_at.is_some_and(|next| next > Utc::now()), runs);
        assert_eq!(back.version, task.version + 2);
        assert_eq!(world.events(&task).await.last().unwrap(), "TaskDeletionUndone");
        let record = world.deletion(deletion.id).await;
        assert_eq!((record.state, record.can_undo), (DeletionState::Undone, false));
        assert_eq!(undo(&world, deletion.id).await.unwrap(), back, "a repeat changes nothing");
        assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::NotPending);
    }
    assert_eq!(world.count("apalis.jobs").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn undo_works_while_calls_in_flight_are_waited_for_and_leaves_them_alone(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    world.in_flight(&task, "RUNNING").await;
    let deletion = world.request(&task).await;
    assert!(matches!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::NotYet(_)));
    assert_eq!(undo(&world, deletion.id).await.unwrap().status, TaskStatus::Active);
    assert_eq!(world.count("executions WHERE status = 'RUNNING'").await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn exactly_one_of_undo_and_teardown_wins(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let mut undone = 0;
    for round in 0..50 {
        let task = world.task(&format!("{round}")).await;
        world.history(&task, 1, 0).await;
        let deletion = world.request(&task).await;
        let late_undo = async {
            // From "long before" to "after": a few round trips more each round.
            for _ in 0..round % 12 {
                world.count("projects").await;
            }
            undo(&world, deletion.id).await
        };
        let (outcome, answer) = futures::join!(delete::perform(&world.backend, deletion.id), late_undo);
        let record = world.deletion(deletion.id).await;
        match (outcome.unwrap(), answer) {
            (Outcome::Deleted, Err(error)) => {
                assert_eq!(error.into_refusal().kind, ProblemKind::PointOfNoReturn);
                assert_eq!(record.state, DeletionState::Succeeded);
            }
            (Outcome::NotPending, Ok(back)) => {
                assert_eq!((back.status, record.state), (TaskStatus::Active, DeletionState::Undone));
                assert!(back.last_execution.is_some(), "nothing of it was removed");
                undone += 1;
            }
            both => panic!("round {round}: {both:?}"),
        }
    }
    assert_eq!(world.count("tasks").await, undone);
    assert_eq!(world.count("events WHERE kind = 'TaskDeleted'").await, 50 - undone);
    assert_eq!(world.count("events WHERE kind = 'TaskDeletionUndone'").await, undone);
    assert!((1..50).contains(&undone), "both must have won sometimes: {undone} undone");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn undo_is_refused_after_the_point_of_no_return_and_for_a_failed_deletion(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let (purging, failed, gone) = (world.task("a").await, world.task("b").await, world.task("c").await);
    let purging = world.request(&purging).await;
    world.refuse("DELETE ON tasks", "40001").await;
    delete::perform(&world.backend, purging.id).await.unwrap_err();
    world.allow().await;
    let failed = world.request(&failed).await;
    delete::failed(&world.backend, failed.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    let gone = world.request(&gone).await;
    delete::perform(&world.backend, gone.id).await.unwrap();
    for deletion in [&purging, &failed, &gone] {
        let before = world.deletion(deletion.id).await;
        assert!(!before.can_undo);
        assert_eq!(kind(undo(&world, deletion.id).await), ProblemKind::PointOfNoReturn);
        assert_eq!(world.deletion(deletion.id).await, before);
    }
    assert_eq!(kind(undo(&world, Uuid::now_v7()).await), ProblemKind::DeletionNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn only_a_failed_deletion_can_be_retried_and_only_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    let (backend, actor) = (&world.backend, actor());
    let retry = || steer::retry(backend, &actor, world.project.id, deletion.id);
    assert_eq!(kind(retry().await), ProblemKind::NotFailed);
    delete::failed(backend, deletion.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    let (first, second) = futures::join!(retry(), retry());
    assert_eq!([&first, &second].iter().filter(|answer| answer.is_ok()).count(), 1);
    let shown = world.deletion(deletion.id).await;
    assert_eq!((shown.state, shown.attempt), (DeletionState::Scheduled, 0));
    assert_eq!(world.count("apalis.jobs").await, 1);
    assert_eq!(delete::perform(backend, deletion.id).await.unwrap(), Outcome::Deleted);
    assert_eq!(kind(retry().await), ProblemKind::NotFailed);
    let nobody = steer::retry(backend, &actor, world.project.id, Uuid::now_v7()).await;
    assert_eq!(kind(nobody), ProblemKind::DeletionNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_undone_task_can_be_deleted_again_with_a_record_of_its_own(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let first = world.request(&task).await;
    undo(&world, first.id).await.unwrap();
    let second = world.request(&task).await;
    assert_ne!(first.id, second.id);
    assert_eq!(delete::perform(&world.backend, first.id).await.unwrap(), Outcome::NotPending);
    assert_eq!(delete::perform(&world.backend, second.id).await.unwrap(), Outcome::Deleted);
    world.end().await;
}
