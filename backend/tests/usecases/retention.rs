//! Retention: what is old goes in batches, what has not ended stays.

use crate::histories::id_at;
use crate::support::{ADA, World};
use backend::retention::{self, Kept, Kind};
use backend::tasks::delete::{self, Outcome};
use chrono::{TimeDelta, Utc};
use domain::project::ProjectDraft;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

impl World {
    /// Removes all that is kept no longer; returns how many batches the kind with the most of them took.
    pub async fn clean_up(&self, execution_days: i32, batch: i64) -> usize {
        let kept = Kept { execution_days, receipt_days: 30 };
        let mut most = 0;
        for kind in Kind::ALL {
            let mut batches = 1;
            while retention::clean_up(&self.backend, &self.queue, kind, kept, batch).await.unwrap() {
                batches += 1;
            }
            most = most.max(batches);
        }
        most
    }
}

async fn all(world: &World, days: i32, batch: i64) -> usize {
    world.clean_up(days, batch).await
}

async fn left(world: &World) -> Vec<Uuid> {
    sqlx::query_scalar("SELECT id FROM executions ORDER BY id").fetch_all(&world.pool).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn executions_go_with_their_logs_when_they_ended_long_enough_ago(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let days = |days: i64| Utc::now() - TimeDelta::days(days);
    let mut kept = Vec::new();
    for n in 0..10 {
        let old = world
            .ran(&task, days(31) - TimeDelta::minutes(n), ["SUCCESS", "FAILED", "SKIPPED", "CANCELLED"][n as usize % 4])
            .await;
        world.lines(old, 7).await;
        let young = world.ran(&task, days(29) - TimeDelta::minutes(n), "SUCCESS").await;
        world.lines(young, 1).await;
        kept.push(young);
    }
    for status in ["RUNNING", "PENDING", "RETRY_WAIT"] {
        kept.push(world.ran(&task, days(40) - TimeDelta::hours(kept.len() as i64), status).await);
    }
    let late = world.ran(&task, days(50), "RUNNING").await;
    sqlx::query("UPDATE executions SET status = 'SUCCESS', finished_at = now() WHERE id = $1")
        .bind(late)
        .execute(&world.pool)
        .await
        .unwrap();
    kept.push(late);
    kept.sort();
    assert!(all(&world, 30, 4).await > 10, "a batch of 4 is not enough for 70 lines");
    assert_eq!(left(&world).await, kept);
    assert_eq!(world.count("execution_logs").await, 10);
    assert_eq!(all(&world, 30, 4).await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_can_keep_its_executions_longer_or_shorter(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let change = async |days: Option<i32>| {
        let project = backend::projects::get(&world.backend, world.project.id).await.unwrap();
        let draft = ProjectDraft { execution_days: days, ..ProjectDraft::from(&project) };
        let change = backend::projects::Change::Replace(draft);
        let none = backend::tasks::etag::Precondition::None;
        backend::projects::change(&world.backend, &ADA, project.id, &none, change).await
    };
    for ago in [3, 10, 100] {
        world.ran(&task, Utc::now() - TimeDelta::days(ago), "SUCCESS").await;
    }
    assert_eq!(change(Some(365)).await.unwrap().execution_days, Some(365));
    all(&world, 1, 100).await;
    assert_eq!(left(&world).await.len(), 3);
    change(Some(50)).await.unwrap();
    all(&world, 3_650, 100).await;
    assert_eq!(left(&world).await.len(), 2);
    assert_eq!(change(None).await.unwrap().execution_days, None);
    all(&world, 5, 100).await;
    assert_eq!(left(&world).await.len(), 1);
    for days in [0, 3_651] {
        let refusal = crate::support::refused(change(Some(days)).await);
        assert_eq!(refusal.errors[0].field, "execution_days");
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_somebody_holds_is_left_for_the_next_time(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let old = Utc::now() - TimeDelta::days(60);
    let held = world.ran(&task, old, "SUCCESS").await;
    world.ran(&task, old + TimeDelta::hours(1), "SUCCESS").await;
    let mut conn = world.pool.acquire().await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    sqlx::query("SELECT FROM executions WHERE id = $1 FOR NO KEY UPDATE").bind(held).execute(&mut *tx).await.unwrap();
    all(&world, 30, 100).await;
    assert_eq!(left(&world).await, [held]);
    tx.rollback().await.unwrap();
    drop(conn);
    all(&world, 30, 100).await;
    assert!(left(&world).await.is_empty());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_clean_up_and_a_teardown_of_the_same_history_end_well(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    for n in 0..10 {
        let task = world.task(&format!("{n}")).await;
        for back in 0..20 {
            let id = world.ran(&task, Utc::now() - TimeDelta::days(60 + back), "SUCCESS").await;
            world.lines(id, 3).await;
        }
        let deletion = world.request(&task).await;
        let (outcome, _) = futures::join!(delete::perform(&world.backend, deletion.id), all(&world, 30, 5));
        assert_eq!(outcome.unwrap(), Outcome::Deleted);
        assert_eq!((world.count("executions").await, world.count("execution_logs").await), (0, 0));
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn counts_are_kept_for_more_than_a_year(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    for days in [0, 399, 401, 500, 600] {
        let bucket = (Utc::now() - TimeDelta::days(days)).to_rfc3339();
        world.counted(world.project.id, &bucket, 1, 0).await;
    }
    assert_eq!(all(&world, 30, 2).await, 2);
    assert_eq!(world.count("execution_counts").await, 2);
    world.end().await;
}

#[test]
fn ids_of_the_tests_are_those_of_their_moment() {
    let now = Utc::now();
    assert!(id_at(now - TimeDelta::milliseconds(1)) < id_at(now) && id_at(now).get_version_num() == 7);
}

#[sqlx::test(migrations = false)]
async fn a_kind_that_cannot_be_removed_stops_no_other_and_shows_in_its_gauge(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    world.ran(&task, Utc::now() - TimeDelta::days(31), "SUCCESS").await;
    world.counted(world.project.id, &(Utc::now() - TimeDelta::days(500)).to_rfc3339(), 1, 0).await;
    world.execute("UPDATE audit SET at = now() - interval '401 days'").await;
    world.refuse("DELETE ON audit", "57014").await;
    let kept = Kept { execution_days: 30, receipt_days: 30 };
    let clean_up = async |kind| retention::clean_up(&world.backend, &world.queue, kind, kept, 100).await;
    for kind in Kind::ALL {
        assert_eq!(clean_up(kind).await.is_err(), kind == Kind::Audit, "{kind:?}");
    }
    assert_eq!((world.count("executions").await, world.count("execution_counts").await), (0, 0));
    let overdue = retention::overdue(&world.backend, Kind::Audit, kept).await.unwrap().unwrap();
    assert!((86_400.0..90_000.0).contains(&overdue), "a day late: {overdue}");
    assert_eq!(retention::overdue(&world.backend, Kind::Executions, kept).await.unwrap(), Some(0.0));
    world.allow().await;
    clean_up(Kind::Audit).await.unwrap();
    assert_eq!(retention::overdue(&world.backend, Kind::Audit, kept).await.unwrap(), Some(0.0));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn each_kind_says_for_how_long_its_oldest_row_should_have_been_gone(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    world.ran(&task, Utc::now() - TimeDelta::days(32), "SUCCESS").await;
    world.ran(&task, Utc::now() - TimeDelta::days(31), "SUCCESS").await;
    world.ran(&task, Utc::now() - TimeDelta::days(99), "RUNNING").await;
    world.counted(world.project.id, &(Utc::now() - TimeDelta::days(402)).to_rfc3339(), 1, 0).await;
    world
        .execute(
            "UPDATE audit SET at = now() - interval '402 days'; UPDATE events SET created_at = now() - interval '32 days';
             INSERT INTO idempotency_keys (scope, fingerprint, holder, expires_at)
             VALUES (decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), gen_random_uuid(), now() - interval '2 days');
             INSERT INTO oidc_flows (hash, browser, nonce, verifier, next, expires_at) VALUES ('', '', '', '', '', now() - interval '2 days')",
        )
        .await;
    let kept = Kept { execution_days: 30, receipt_days: 30 };
    let late =
        [Kind::Executions, Kind::ExecutionCounts, Kind::Audit, Kind::Events, Kind::IdempotencyKeys, Kind::OidcFlows];
    for kind in Kind::ALL {
        let overdue = retention::overdue(&world.backend, kind, kept).await.unwrap();
        let is_late = overdue.is_some_and(|seconds| (172_000.0..174_600.0).contains(&seconds));
        assert_eq!(is_late, late.contains(&kind), "{kind:?}: {overdue:?}");
    }
    all(&world, 30, 100).await;
    for kind in late {
        assert_eq!(retention::overdue(&world.backend, kind, kept).await.unwrap(), Some(0.0), "{kind:?}");
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn leases_of_ended_runs_are_cleared_when_they_have_run_out(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    for n in 0..6 {
        world.ran(&task, Utc::now() - TimeDelta::minutes(n), ["CANCELLED", "SUCCESS", "RUNNING"][n as usize % 3]).await;
    }
    world.execute("UPDATE executions SET node = 'n', lease_until = now() - interval '1 s'").await;
    let held = "UPDATE executions SET lease_until = now() + interval '1 h' WHERE id IN (SELECT id FROM executions WHERE status = 'SUCCESS' LIMIT 1)";
    world.execute(held).await;
    all(&world, 30, 2).await;
    let left = "executions WHERE lease_until IS NOT NULL AND finished_at IS NOT NULL";
    assert_eq!((world.count(left).await, world.count("executions WHERE lease_until IS NOT NULL").await), (1, 3));
    world.end().await;
}
