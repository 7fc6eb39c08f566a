//! Accepting a deletion: the cases 1 to 5 of `http-api.md` §1, and what is left when the database refuses.

use crate::support::{ADA, World, already, kind, project_draft, scheduled};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::etag::Precondition;
use backend::tasks::{self, Change};
use domain::deletion::{DeletionState, FailureKind};
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn an_accepted_task_is_fenced_with_one_record_one_job_and_one_event(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    for status in ["ACTIVE", "DISABLED"] {
        let task = world.task(status).await;
        let task = world.change(&task, Change::Status(status.to_owned())).await.unwrap();
        let deletion = world.request(&task).await;
        assert_eq!((deletion.state, deletion.task_uuid), (DeletionState::Scheduled, task.uuid));
        assert_eq!((deletion.requested_by.as_str(), deletion.request_id.as_deref()), ("Ada", Some("request-1")));
        assert_eq!((deletion.attempt, deletion.max_attempts, deletion.can_undo), (0, 8, true));
        let after = world.read(&task).await;
        assert_eq!((after.status, after.next_run_at), (TaskStatus::PendingDelete, None));
        assert_eq!(after.version, task.version + 1);
        assert_eq!(after.deletion.map(|shown| shown.id), Some(deletion.id));
        assert_eq!(world.events(&task).await.last().unwrap(), "TaskDeletionRequested");
        assert_eq!(world.count(&format!("task_schedules WHERE task_id = '{}'", task.uuid)).await, 0);
        assert_eq!(world.count(&format!("apalis.jobs WHERE idempotency_key = '{}'", deletion.id)).await, 1);
    }
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (2, 2));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_repeat_answers_the_same_deletion_and_makes_no_second_job(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let first = world.request(&task).await;
    let version = world.read(&task).await.version;
    for _ in 0..3 {
        assert_eq!(world.request(&task).await, first);
    }
    assert_eq!(world.read(&task).await.version, version, "a repeat changes nothing");
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (1, 1));
    assert_eq!(world.events(&task).await, ["TaskCreated", "TaskDeletionRequested"]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_failed_deletion_gets_a_fresh_cycle_of_attempts_when_it_is_asked_for_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let first = world.request(&task).await;
    let given_up = delete::failed(&world.backend, first.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    assert_eq!(given_up, None);
    assert_eq!(world.read(&task).await.status, TaskStatus::DeleteFailed);
    assert_eq!(world.count("apalis.jobs").await, 0, "nothing to do until somebody asks");
    let again = world.request(&task).await;
    assert_eq!((again.id, again.state, again.attempt), (first.id, DeletionState::Scheduled, 0));
    assert_eq!(world.read(&task).await.status, TaskStatus::PendingDelete);
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (1, 1));
    assert_eq!(delete::perform(&world.backend, first.id).await.unwrap(), Outcome::Deleted);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_is_gone_is_already_deleted_with_its_receipt_and_an_unknown_one_without(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    delete::perform(&world.backend, deletion.id).await.unwrap();
    let receipt = already(world.answer(task.uuid, &Precondition::None).await.unwrap()).unwrap();
    assert_eq!((receipt.id, receipt.state), (deletion.id, DeletionState::Succeeded));
    assert_eq!(already(world.answer(Uuid::now_v7(), &Precondition::None).await.unwrap()), None);
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (1, 0));
    let missing = tasks::get(&world.backend, world.project.id, task.uuid).await.unwrap_err().into_refusal();
    assert_eq!(missing.kind, ProblemKind::TaskDeleted);
    assert!(missing.see.unwrap().ends_with(&format!("/deletions/{}", deletion.id)));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_of_another_project_is_neither_deleted_nor_revealed(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let other = backend::projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let (alive, pending, gone) = (world.task("a").await, world.task("b").await, world.task("c").await);
    world.request(&pending).await;
    delete::perform(&world.backend, world.request(&gone).await.id).await.unwrap();
    let before = world.count("events").await;
    for task in [&alive, &pending, &gone] {
        let actor = crate::support::actor();
        let ask = |precondition| {
            let (backend, actor) = (&world.backend, &actor);
            async move { delete::request(backend, actor, other.id, task.uuid, &precondition).await }
        };
        assert_eq!(already(ask(Precondition::None).await.unwrap()), None, "no evidence");
        assert_eq!(kind(ask(Precondition::Exists).await), ProblemKind::TaskNotFound);
        assert_eq!(kind(ask(Precondition::OneOf(vec![task.version])).await), ProblemKind::EtagMismatch);
        assert_eq!(kind(tasks::get(&world.backend, other.id, task.uuid).await), ProblemKind::TaskNotFound);
    }
    assert_eq!(world.read(&alive).await, alive);
    assert_eq!(world.count("events").await, before);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_committed_leaves_neither_status_nor_record_nor_job(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let steps = ["INSERT ON apalis.jobs", "INSERT ON events", "INSERT ON deletions", "DELETE ON task_schedules"];
    for step in steps {
        world.refuse(step, "57P01").await;
        assert_eq!(kind(world.answer(task.uuid, &Precondition::None).await), ProblemKind::Unavailable, "{step}");
        world.allow().await;
        assert_eq!(world.read(&task).await, task, "{step}");
        assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (0, 0), "{step}");
        assert_eq!(world.events(&task).await, ["TaskCreated"], "{step}");
    }
    scheduled(world.answer(task.uuid, &Precondition::None).await.unwrap());
    world.end().await;
}
