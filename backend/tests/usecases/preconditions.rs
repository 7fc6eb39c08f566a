//! `If-Match` on a deletion: the cases 6 and 7 of `http-api.md` §1.

use crate::support::{World, already, kind, refused, scheduled};
use backend::tasks::delete;
use backend::tasks::etag::Precondition;
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

fn seen(versions: &[i64]) -> Precondition {
    Precondition::OneOf(versions.to_vec())
}

#[sqlx::test(migrations = false)]
async fn an_etag_that_is_not_the_tasks_own_is_a_mismatch_and_changes_nothing(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    for wrong in [seen(&[]), seen(&[task.version + 1]), seen(&[0, 99])] {
        assert_eq!(kind(world.answer(task.uuid, &wrong).await), ProblemKind::EtagMismatch);
    }
    assert_eq!(world.read(&task).await.status, TaskStatus::Active);
    assert_eq!(world.count("deletions").await, 0);
    scheduled(world.answer(task.uuid, &seen(&[99, task.version])).await.unwrap());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_etag_that_the_accepted_deletion_saw_makes_a_request_a_retry(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let etag = seen(&[task.version]);
    let first = scheduled(world.answer(task.uuid, &etag).await.unwrap());
    assert_eq!(scheduled(world.answer(task.uuid, &etag).await.unwrap()).id, first.id);
    let now = seen(&[world.read(&task).await.version]);
    assert_eq!(scheduled(world.answer(task.uuid, &now).await.unwrap()).id, first.id);
    assert_eq!(kind(world.answer(task.uuid, &seen(&[99])).await), ProblemKind::EtagMismatch);
    delete::perform(&world.backend, first.id).await.unwrap();
    assert_eq!(already(world.answer(task.uuid, &etag).await.unwrap()).unwrap().id, first.id);
    assert_eq!(kind(world.answer(task.uuid, &seen(&[99])).await), ProblemKind::EtagMismatch);
    assert_eq!(kind(world.answer(Uuid::now_v7(), &etag).await), ProblemKind::EtagMismatch, "no record of it");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_star_asks_for_a_task_that_exists(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = scheduled(world.answer(task.uuid, &Precondition::Exists).await.unwrap());
    scheduled(world.answer(task.uuid, &Precondition::Exists).await.unwrap());
    delete::perform(&world.backend, deletion.id).await.unwrap();
    for missing in [task.uuid, Uuid::now_v7()] {
        let refusal = refused(world.answer(missing, &Precondition::Exists).await);
        assert_eq!((refusal.kind, refusal.precondition), (ProblemKind::TaskNotFound, true));
    }
    world.end().await;
}
