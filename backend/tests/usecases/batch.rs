//! Many deletions accepted in one transaction.

use crate::support::{ADA, World, actor, kind, project_draft, scheduled, task_draft};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::delete_many::{self, MOST, request_many};
use backend::tasks::etag::Precondition;
use backend::tasks::{self, Change};
use backend::{deletions, projects};
use domain::deletion::{DeletionState, FailureKind};
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

async fn delete_all(world: &World, ids: &[Uuid]) -> backend::Result<Vec<delete_many::Outcome>> {
    request_many(&world.backend, &actor(), world.project.id, ids).await
}

fn deletion_of(outcome: delete_many::Outcome) -> Uuid {
    match outcome {
        delete_many::Outcome::Scheduled { deletion_id } => deletion_id,
        delete_many::Outcome::AlreadyDeleted { .. } => panic!("already deleted"),
    }
}

#[sqlx::test(migrations = false)]
async fn each_task_of_a_batch_is_answered_as_it_would_be_alone(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let [active, disabled, pending, failed, gone] = [
        world.task("a").await,
        world.task("b").await,
        world.task("c").await,
        world.task("d").await,
        world.task("e").await,
    ];
    world.change(&disabled, Change::Status("DISABLED".to_owned())).await.unwrap();
    let [pending_deletion, failed_deletion, gone_deletion] =
        [world.request(&pending).await, world.request(&failed).await, world.request(&gone).await];
    delete::failed(&world.backend, failed_deletion.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    delete::perform(&world.backend, gone_deletion.id).await.unwrap();
    let other = projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let foreign = tasks::create(&world.backend, &ADA, other.id, task_draft("foreign")).await.unwrap();
    let (foreign, unknown) = (foreign.uuid, Uuid::now_v7());
    let asked = [unknown, failed.uuid, active.uuid, gone.uuid, foreign, disabled.uuid, pending.uuid, active.uuid];
    let outcomes = delete_all(&world, &asked).await.unwrap();
    let none = delete_many::Outcome::AlreadyDeleted { has_receipt: false };
    assert_eq!((outcomes[0], outcomes[4]), (none, none), "nothing is said of another project's task");
    assert_eq!(outcomes[3], delete_many::Outcome::AlreadyDeleted { has_receipt: true });
    assert_eq!(deletion_of(outcomes[1]), failed_deletion.id);
    assert_eq!(deletion_of(outcomes[6]), pending_deletion.id);
    assert_eq!(outcomes[2], outcomes[7]);
    assert_eq!(world.deletion(failed_deletion.id).await.state, DeletionState::Scheduled, "it starts over");
    assert_eq!(tasks::get(&world.backend, other.id, foreign).await.unwrap().status, TaskStatus::Active);
    assert_eq!(delete_all(&world, &asked).await.unwrap(), outcomes, "a repeat changes nothing");
    for (task, version) in [(&active, 1), (&disabled, 2)] {
        let after = world.read(task).await;
        assert_eq!((after.status, after.next_run_at, after.version), (TaskStatus::PendingDelete, None, version + 1));
        let record = after.deletion.unwrap();
        assert_eq!((record.requested_by.as_str(), record.request_id.as_deref()), ("Ada", Some("request-1")));
        assert_eq!(world.events(task).await.last().unwrap(), "TaskDeletionRequested");
        assert_eq!(delete::perform(&world.backend, record.id).await.unwrap(), Outcome::Deleted);
    }
    assert_eq!(world.count("task_schedules").await, 1, "only the foreign task still has a plan");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_batch_is_fenced_with_the_exact_list_of_what_is_in_flight_and_ends_gone(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let (busy, idle) = (world.task("busy").await, world.task("idle").await);
    let mut running = [world.in_flight(&busy, "RUNNING").await, world.in_flight(&busy, "RUNNING").await];
    running.sort_unstable();
    world.in_flight(&busy, "PENDING").await;
    world.in_flight(&busy, "RETRY_WAIT").await;
    let outcomes = delete_all(&world, &[idle.uuid, busy.uuid]).await.unwrap();
    let record = world.deletion(deletion_of(outcomes[1])).await;
    assert_eq!(record.in_flight, running);
    assert_eq!(world.count("executions WHERE status = 'CANCELLED'").await, 2);
    assert!(world.deletion(deletion_of(outcomes[0])).await.in_flight.is_empty());
    assert_eq!((world.count("task_schedules").await, world.count("apalis.jobs").await), (0, 2));
    let undone = tasks::steer::undo(&world.backend, &ADA, world.project.id, record.id).await.unwrap();
    assert!(undone.next_run_at.is_some());
    assert_eq!(delete::perform(&world.backend, deletion_of(outcomes[0])).await.unwrap(), Outcome::Deleted);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_batch_that_cannot_be_committed_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (one, two) = (world.task("one").await, world.task("two").await);
    world.refuse("INSERT ON apalis.jobs", "53100").await;
    assert_eq!(kind(delete_all(&world, &[one.uuid, two.uuid]).await), ProblemKind::Unavailable);
    world.allow().await;
    assert_eq!((world.count("deletions").await, world.count("task_schedules").await), (0, 2));
    assert_eq!(world.read(&one).await, one);
    assert_eq!(kind(delete_all(&world, &[]).await), ProblemKind::InvalidRequest);
    assert_eq!(kind(delete_all(&world, &vec![one.uuid; MOST + 1]).await), ProblemKind::InvalidRequest);
    let nowhere = request_many(&world.backend, &actor(), Uuid::now_v7(), &[one.uuid]).await;
    assert_eq!(kind(nowhere), ProblemKind::ProjectNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn batches_and_single_requests_at_once_make_one_deletion_each(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let mut tasks = Vec::new();
    for number in 0..40 {
        tasks.push(world.task(&format!("{number}")).await);
    }
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.uuid).collect();
    let backwards: Vec<Uuid> = ids.iter().rev().copied().collect();
    let singles = futures::future::join_all(tasks.iter().map(|task| world.answer(task.uuid, &Precondition::None)));
    let (first, second, singles) = futures::join!(delete_all(&world, &ids), delete_all(&world, &backwards), singles);
    let (first, mut second) = (first.unwrap(), second.unwrap());
    second.reverse();
    assert_eq!(first, second);
    for (outcome, single) in first.into_iter().zip(singles) {
        assert_eq!(deletion_of(outcome), scheduled(single.unwrap()).id);
    }
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (40, 40));
    assert_eq!(world.count("events WHERE kind = 'TaskDeletionRequested'").await, 40);
    let listed = deletions::list(&world.backend, Some(world.project.id), Some("SCHEDULED"), None, None).await.unwrap();
    assert_eq!(listed.data.len(), 40);
    world.end().await;
}
