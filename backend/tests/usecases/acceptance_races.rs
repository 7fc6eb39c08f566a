//! Accepting a deletion while others are at the same task.

use crate::support::{World, actor, kind, scheduled, task_draft};
use backend::tasks::Change;
use backend::tasks::delete_many::{Outcome, request_many};
use backend::tasks::etag::Precondition;
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row};
use std::collections::BTreeSet;
use uuid::Uuid;

#[sqlx::test(migrations = false)]
async fn parallel_requests_make_one_deletion_one_job_and_one_event(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    for round in 0..10 {
        let task = world.task(&format!("{round}")).await;
        let answers = join_all((0..8).map(|_| world.answer(task.uuid, &Precondition::None))).await;
        let ids: BTreeSet<Uuid> = answers.into_iter().map(|answer| scheduled(answer.unwrap()).id).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(world.events(&task).await, ["TaskCreated", "TaskDeletionRequested"]);
    }
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (10, 10));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_edit_to_active_that_races_a_deletion_never_revives_the_task(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    for round in 0..40 {
        let task = world.task(&format!("{round}")).await;
        let mut draft = task_draft("Edited");
        draft.status = Some("ACTIVE".to_owned());
        let replace = Change::Replace(Box::new(draft));
        let enable = Change::Status("ACTIVE".to_owned());
        let edits = async { (world.change(&task, replace).await, world.change(&task, enable).await) };
        // Who comes first at the row changes from round to round.
        let (answer, edits) = if round % 2 == 0 {
            futures::join!(world.answer(task.uuid, &Precondition::None), edits)
        } else {
            let (edits, answer) = futures::join!(edits, world.answer(task.uuid, &Precondition::None));
            (answer, edits)
        };
        scheduled(answer.unwrap());
        for edit in [edits.0, edits.1].into_iter().filter(Result::is_err) {
            assert_eq!(kind(edit), ProblemKind::TaskPendingDelete);
        }
        let after = world.read(&task).await;
        assert_eq!((after.status, after.next_run_at), (TaskStatus::PendingDelete, None), "round {round}");
    }
    assert_eq!(world.count("task_schedules").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_claim_that_commits_while_the_request_waits_is_in_flight(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let mut claim = world.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM task_schedules WHERE task_id = $1 FOR UPDATE SKIP LOCKED")
        .bind(task.uuid)
        .execute(&mut *claim)
        .await
        .unwrap();
    let insert = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at)
                  VALUES ($1, $2, $3, 'RUNNING', 'SCHEDULED', now())";
    let id = Uuid::now_v7();
    sqlx::query(insert).bind(id).bind(task.uuid).bind(world.project.id).execute(&mut *claim).await.unwrap();
    let commit = async {
        world.until_somebody_waits().await;
        claim.commit().await.unwrap();
    };
    let (deletion, ()) = futures::join!(world.request(&task), commit);
    assert_eq!(deletion.in_flight, [id]);
    world.end().await;
}

/// The scheduler's claim: what is due gets an execution and its next time, in one transaction.
async fn claim_one(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let claim = "SELECT s.task_id, t.project_id FROM task_schedules s JOIN tasks t ON t.id = s.task_id
                 WHERE s.next_run_at <= now() ORDER BY s.next_run_at, s.task_id LIMIT 1 FOR UPDATE OF s SKIP LOCKED";
    let Some(row) = sqlx::query(claim).fetch_optional(&mut *tx).await? else { return Ok(()) };
    let (task, project): (Uuid, Uuid) = (row.get(0), row.get(1));
    let plan = "UPDATE task_schedules SET next_run_at = clock_timestamp() WHERE task_id = $1";
    sqlx::query(plan).bind(task).execute(&mut *tx).await?;
    let insert = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at)
                  VALUES ($1, $2, $3, 'RUNNING', 'SCHEDULED', clock_timestamp())";
    sqlx::query(insert).bind(Uuid::now_v7()).bind(task).bind(project).execute(&mut *tx).await?;
    tx.commit().await
}

#[sqlx::test(migrations = false)]
async fn in_flight_is_exactly_what_claimers_started_and_nothing_starts_afterwards(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    for round in 0..15 {
        let tasks = join_all(["a", "b"].map(|name| world.task(name))).await;
        world.execute("UPDATE task_schedules SET next_run_at = now() - interval '1 min'").await;
        let claimers = join_all((0..4).map(|_| async {
            for _ in 0..8 {
                claim_one(&world.pool).await.unwrap();
            }
        }));
        let requests = async {
            // Some claims first.
            claim_one(&world.pool).await.unwrap();
            join_all(tasks.iter().map(|task| world.request(task))).await
        };
        let (_, deletions) = futures::join!(claimers, requests);
        for (task, deletion) in tasks.iter().zip(deletions) {
            let statement = "SELECT id FROM executions WHERE task_id = $1 ORDER BY id";
            let started: Vec<Uuid> =
                sqlx::query_scalar(statement).bind(task.uuid).fetch_all(&world.pool).await.unwrap();
            assert_eq!(deletion.in_flight, started, "round {round}");
        }
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_waits_for_a_retry_is_cancelled_and_not_in_flight(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let (waiting, running) = (world.in_flight(&task, "RETRY_WAIT").await, world.in_flight(&task, "RUNNING").await);
    assert_eq!(world.request(&task).await.in_flight, [running]);
    let cancelled = format!("executions WHERE id = '{waiting}' AND status = 'CANCELLED' AND error <> ''");
    assert_eq!(world.count(&cancelled).await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_was_cancelled_is_in_flight_while_its_node_may_still_send_the_call(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let (task, other) = (world.task("Nightly").await, world.task("Other").await);
    let held = world.in_flight(&task, "RUNNING").await;
    let (sent, late) = (world.in_flight(&task, "RUNNING").await, world.in_flight(&task, "RUNNING").await);
    world.execute("UPDATE executions SET node = 'node-2', lease_until = clock_timestamp() + interval '60 s'").await;
    for (id, change) in [(sent, "node = NULL"), (late, "lease_until = clock_timestamp()")] {
        let statement = sqlx::AssertSqlSafe(format!("UPDATE executions SET {change} WHERE id = '{id}'"));
        sqlx::query(statement).execute(&world.pool).await.unwrap();
    }
    for id in [held, sent, late] {
        backend::executions::cancel(&world.backend, &actor(), world.project.id, id).await.unwrap();
    }
    assert_eq!(world.request(&task).await.in_flight, [held]);
    let held = world.in_flight(&other, "RUNNING").await;
    world.execute("UPDATE executions SET node = 'node-2', lease_until = clock_timestamp() + interval '60 s'").await;
    backend::executions::cancel(&world.backend, &actor(), world.project.id, held).await.unwrap();
    let outcomes = request_many(&world.backend, &actor(), world.project.id, &[other.uuid]).await.unwrap();
    let Outcome::Scheduled { deletion_id } = outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(world.deletion(deletion_id).await.in_flight, [held], "many at once do as one");
    world.end().await;
}
