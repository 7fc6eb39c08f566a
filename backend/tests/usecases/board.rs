//! What the deletions board shows: counters, timeline, retry of all that failed.

use crate::support::{ADA, World, actor, kind, project_draft, task_draft};
use backend::tasks::delete::{self, Outcome};
use backend::tasks::steer;
use backend::{deletions, projects, tasks};
use domain::deletion::{DeletionState, EntryKind, FailureKind, Step};
use domain::error::ProblemKind;
use domain::page::COUNT_CAP;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

const DUE: &str = "UPDATE deletions SET wake_at = now() - interval '1 ms' WHERE completed_at IS NULL";

#[sqlx::test(migrations = false)]
async fn the_timeline_tells_every_failure_and_fresh_start_with_who_it_was(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("Nightly").await;
    let deletion = world.request(&task).await;
    assert!(world.deletion(deletion.id).await.timeline.is_empty(), "nothing but request and end, which the record has");
    delete::failed(&world.backend, deletion.id, FailureKind::LockHeld, "busy", 0.5).await.unwrap();
    world.execute(DUE).await;
    delete::failed(&world.backend, deletion.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    steer::retry(&world.backend, &actor(), world.project.id, deletion.id).await.unwrap();
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    let record = world.deletion(deletion.id).await;
    let told: Vec<_> = record.timeline.iter().map(|entry| (entry.kind, entry.actor.as_str(), entry.attempt)).collect();
    assert_eq!(
        told,
        [
            (EntryKind::AttemptFailed, "node-1", Some(1)),
            (EntryKind::GivenUp, "node-1", Some(2)),
            (EntryKind::StartedOver, "Ada", None),
        ]
    );
    let error = record.timeline[1].error.clone().unwrap();
    assert_eq!((error.kind, error.message.as_str(), error.step), (FailureKind::Conflict, "in the way", Step::Drain));
    assert!(record.timeline.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let list = deletions::list(&world.backend, Some(world.project.id), None, None, None).await.unwrap();
    assert!(list.data[0].timeline.is_empty(), "a list does not read them");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_summary_counts_each_state_of_a_project_and_of_all(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let other = projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let foreign = tasks::create(&world.backend, &ADA, other.id, task_draft("foreign")).await.unwrap();
    delete::request(&world.backend, &actor(), other.id, foreign.uuid, &Default::default()).await.unwrap();
    let mut ids = Vec::new();
    for name in ["gone", "failed", "retrying", "scheduled"] {
        ids.push(world.request(&world.task(name).await).await.id);
    }
    delete::perform(&world.backend, ids[0]).await.unwrap();
    delete::failed(&world.backend, ids[1], FailureKind::Conflict, "in the way", 0.5).await.unwrap();
    delete::failed(&world.backend, ids[2], FailureKind::LockHeld, "busy", 0.99).await.unwrap();
    let mine = deletions::summary(&world.backend, Some(world.project.id)).await.unwrap();
    let counts = (mine.scheduled, mine.running, mine.retrying, mine.failed, mine.gone_24h);
    assert_eq!(counts, (1, 0, 1, 1, 1));
    assert!(mine.p95_ms.is_some_and(|ms| (0..60_000).contains(&ms)));
    assert_eq!(mine.oldest_pending, Some(world.deletion(ids[2]).await.requested_at), "neither the failed nor the gone");
    let all = deletions::summary(&world.backend, None).await.unwrap();
    assert_eq!((all.scheduled, all.gone_24h), (2, 1));
    assert_eq!(kind(deletions::summary(&world.backend, Some(Uuid::now_v7())).await), ProblemKind::ProjectNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_count_stops_at_a_thousand(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    world
        .execute(
            "INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, fenced_at, previous_status,
                    seen_version, in_flight, undo_until, wake_at, max_attempts, state, step)
             SELECT gen_random_uuid(), gen_random_uuid(), 'x', (SELECT id FROM projects), 'Ada', now(), now(), 'ACTIVE', 1, '{}',
                    now(), now(), 8, 'SCHEDULED', 'drain' FROM generate_series(1, 1100)",
        )
        .await;
    assert_eq!(deletions::summary(&world.backend, None).await.unwrap().scheduled, COUNT_CAP);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn retrying_all_starts_over_what_failed_and_nothing_else(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let mut failed = Vec::new();
    for number in 0..3 {
        let deletion = world.request(&world.task(&format!("{number}")).await).await;
        delete::failed(&world.backend, deletion.id, FailureKind::Conflict, "in the way", 0.5).await.unwrap();
        failed.push(deletion.id);
    }
    let waiting = world.request(&world.task("waiting").await).await;
    let other = projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    let (backend, actor) = (&world.backend, &actor());
    let retry = |project| steer::retry_all(backend, actor, project);
    assert_eq!(retry(Some(other.id)).await.unwrap(), 0, "those of another project are left alone");
    assert_eq!(kind(retry(Some(Uuid::now_v7())).await), ProblemKind::ProjectNotFound);
    assert_eq!(retry(Some(world.project.id)).await.unwrap(), 3);
    assert_eq!(retry(None).await.unwrap(), 0);
    for id in failed {
        assert_eq!(world.deletion(id).await.state, DeletionState::Scheduled);
        assert_eq!(delete::perform(&world.backend, id).await.unwrap(), Outcome::Deleted);
    }
    assert!(world.deletion(waiting.id).await.timeline.is_empty());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_rescue_by_the_reconciler_is_counted_in_the_record(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let deletion = world.request(&world.task("Nightly").await).await;
    world.execute("UPDATE deletions SET wake_at = now() - interval '1 hour'").await;
    assert_eq!(delete::reconcile_now(&world.backend).await.unwrap(), 1);
    assert_eq!(world.deletion(deletion.id).await.rescues, 1);
    assert_eq!(delete::reconcile_now(&world.backend).await.unwrap(), 0);
    assert_eq!(world.deletion(deletion.id).await.rescues, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_preview_counts_a_long_history_up_to_ten_thousand(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    world.history(&task, 10_001, 2).await;
    let preview = deletions::preview(&world.backend, world.project.id, task.uuid).await.unwrap();
    assert_eq!((preview.executions, preview.execution_logs), (10_000, 10_000));
    let deletion = world.request(&task).await;
    while world.deletion(deletion.id).await.completed_at.is_none() {
        backend::tasks::delete::perform(&world.backend, deletion.id).await.unwrap();
    }
    let gone = world.deletion(deletion.id).await;
    assert_eq!(gone.receipt.unwrap().executions, 10_001, "the receipt is exact");
    let purge = gone.steps.iter().find(|step| step.name == domain::deletion::Step::PurgeHistory).unwrap();
    assert_eq!((purge.done, purge.total), (10_001, None), "what was not counted has no total");
    world.end().await;
}
