//! Attempts that fail: what is tried again and when, what is given up, and what the record says.

use crate::support::{ADA, World, kind, message};
use backend::Policies;
use backend::jobs::{Crash, DeleteJobHandler, Handled, JobFailure};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::worker::Teardown;
use backend::tasks::{Change, steer};
use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::{DeletionState, FailureKind, RetryPolicy, Step};
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

fn three_attempts() -> Policies {
    Policies { retry: RetryPolicy { max_attempts: 3, ..RetryPolicy::default() }, ..Policies::default() }
}

const DUE: &str = "UPDATE deletions SET wake_at = now() - interval '1 ms'";

#[sqlx::test(migrations = false)]
async fn a_transient_failure_is_tried_again_by_the_records_backoff_and_ends_in_delete_failed(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::with(&options, three_attempts()).await;
    let task = world.task("Nightly").await;
    world.history(&task, 2, 0).await;
    let deletion = world.request(&task).await;
    world.refuse("DELETE ON tasks", "40001").await;
    let worker = Teardown::new(world.backend.clone());
    for attempt in 1..3 {
        let began = Utc::now();
        let failure = worker.handle(message(&deletion)).await.unwrap_err();
        let shown = world.deletion(deletion.id).await;
        assert_eq!((shown.state, shown.attempt, shown.max_attempts), (DeletionState::Retrying, attempt, 3));
        assert_eq!(shown.next_retry_at, Some(failure.retry_at()), "the database keeps the time, not the process");
        let longest = RetryPolicy::default().longest_delay(attempt) + TimeDelta::seconds(5);
        assert!(failure.retry_at() >= began - TimeDelta::seconds(1) && failure.retry_at() < began + longest);
        assert_eq!(world.read(&task).await.status, TaskStatus::PendingDelete);
        if failure.retry_at() > Utc::now() + TimeDelta::milliseconds(200) {
            let early = delete::perform(&world.backend, deletion.id).await.unwrap();
            assert_eq!(early, Outcome::NotYet(failure.retry_at()), "not before its time");
        }
        world.execute(DUE).await;
    }
    assert_eq!(worker.handle(message(&deletion)).await, Ok(Handled::Done));
    let failed = world.deletion(deletion.id).await;
    assert_eq!((failed.state, failed.attempt), (DeletionState::Failed, 3));
    let error = failed.last_error.unwrap();
    assert_eq!((error.kind, error.step), (FailureKind::LockHeld, Step::DeleteRow));
    assert!(error.message.contains("refused by the test"), "{}", error.message);
    let after = world.read(&task).await;
    assert_eq!((after.status, after.next_run_at), (TaskStatus::DeleteFailed, None), "it stays fenced");
    assert_eq!(kind(world.change(&task, Change::Status("ACTIVE".to_owned())).await), ProblemKind::TaskPendingDelete);
    assert_eq!(
        world.events(&task).await[1..],
        ["TaskDeletionRequested", "TaskDeletionRetried", "TaskDeletionRetried", "TaskDeletionFailed"]
    );
    assert_eq!(world.count("apalis.jobs").await, 0);
    world.allow().await;
    world.request(&task).await;
    assert_eq!(worker.handle(message(&deletion)).await, Ok(Handled::Done));
    assert_eq!(world.deletion(deletion.id).await.receipt.unwrap().executions, 2, "rows of the first cycle count");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_permanent_failure_is_given_up_at_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    world.execute("CREATE TABLE extra (task_id uuid REFERENCES tasks)").await;
    world.execute("INSERT INTO extra SELECT id FROM tasks").await;
    let deletion = world.request(&task).await;
    let worker = Teardown::new(world.backend.clone());
    assert_eq!(worker.handle(message(&deletion)).await, Ok(Handled::Done));
    let failed = world.deletion(deletion.id).await;
    assert_eq!((failed.state, failed.attempt), (DeletionState::Failed, 1));
    let error = failed.last_error.unwrap();
    assert_eq!((error.kind, error.step), (FailureKind::Conflict, Step::DeleteRow));
    assert!(error.message.contains("extra"), "it says what is in the way: {}", error.message);
    assert_eq!(world.read(&task).await.status, TaskStatus::DeleteFailed);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_panic_and_a_timeout_count_as_attempts_with_a_kind_of_their_own(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let worker = Teardown::new(world.backend.clone());
    for (crash, expected) in [(Crash::Panic, FailureKind::Bug), (Crash::Timeout, FailureKind::Timeout)] {
        let task = world.task("Nightly").await;
        let deletion = world.request(&task).await;
        let failure = JobFailure::new("panic: index out of bounds", DateTime::UNIX_EPOCH);
        let answer = worker.crashed(message(&deletion), crash, failure).await.unwrap_err();
        let shown = world.deletion(deletion.id).await;
        assert_eq!((shown.state, shown.attempt), (DeletionState::Retrying, 1));
        assert_eq!(shown.next_retry_at, Some(answer.retry_at()), "and not the queue's own pause");
        let error = shown.last_error.unwrap();
        assert_eq!((error.kind, error.step), (expected, Step::Drain));
        assert!(error.message.contains("index out of bounds"));
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_attempt_that_fails_before_it_can_begin_counts_and_keeps_its_job(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    // The first write of an attempt, and no other.
    world.refuse("UPDATE OF node ON deletions", "55P03").await;
    let failure = Teardown::new(world.backend.clone()).handle(message(&deletion)).await.unwrap_err();
    let shown = world.deletion(deletion.id).await;
    assert_eq!((shown.state, shown.attempt), (DeletionState::Retrying, 1));
    assert_eq!(shown.next_retry_at, Some(failure.retry_at()));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn two_attempts_that_fail_at_the_same_time_count_once_and_neither_loses_the_job(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    let fail = || delete::failed(&world.backend, deletion.id, FailureKind::Timeout, "slow", 1.0);
    let (first, second) = futures::join!(fail(), fail());
    let retry_at = first.unwrap().unwrap();
    assert_eq!(second.unwrap(), Some(retry_at));
    assert_eq!(world.deletion(deletion.id).await.attempt, 1);
    // An attempt that is overtaken by the failure of another one hands its job back for that time.
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::NotYet(retry_at));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_failure_that_comes_too_late_never_touches_the_next_deletion_of_the_task(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let first = world.request(&task).await;
    steer::undo(&world.backend, &ADA, world.project.id, first.id).await.unwrap();
    let second = world.request(&task).await;
    assert_ne!(first.id, second.id);
    let late = delete::failed(&world.backend, first.id, FailureKind::Conflict, "late", 0.5).await.unwrap();
    assert_eq!(late, None);
    assert_eq!(world.deletion(first.id).await.state, DeletionState::Undone);
    assert_eq!(world.deletion(second.id).await, second);
    assert_eq!(world.read(&task).await.status, TaskStatus::PendingDelete);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_purge_that_fails_halfway_keeps_what_it_has_done(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::with(&options, Policies { purge_batch: 5, ..Policies::default() }).await;
    let task = world.task("Nightly").await;
    world.history(&task, 12, 0).await;
    let deletion = world.request(&task).await;
    let function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF (SELECT count(*) FROM executions) < 7 THEN
           RAISE EXCEPTION 'canceling statement' USING ERRCODE = '57014'; END IF; RETURN old; END $$;
         CREATE TRIGGER refuse AFTER DELETE ON executions FOR EACH ROW EXECUTE FUNCTION refuse()";
    world.execute(function).await;
    let worker = Teardown::new(world.backend.clone());
    worker.handle(message(&deletion)).await.unwrap_err();
    let shown = world.deletion(deletion.id).await;
    let error = shown.last_error.clone().unwrap();
    assert_eq!((error.kind, error.step), (FailureKind::Timeout, Step::PurgeHistory));
    assert_eq!(error.headline(), "Timed out while removing history");
    let history = shown.steps.iter().find(|step| step.name == Step::PurgeHistory).unwrap();
    assert_eq!((history.done, history.total), (5, Some(12)));
    assert!(!shown.can_undo, "the point of no return is behind it");
    world.allow().await;
    world.execute(DUE).await;
    assert_eq!(worker.handle(message(&deletion)).await, Ok(Handled::Done));
    assert_eq!(world.deletion(deletion.id).await.receipt.unwrap().executions, 12);
    world.end().await;
}
