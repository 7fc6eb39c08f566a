//! Quotas: growth is refused above them, and nothing else is; counts are right whoever writes.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::{ADA, World, actor, kind, project_draft, refused, task_draft};
use backend::quota::Quotas;
use backend::tasks::{Change, delete, steer};
use backend::{Policies, api_keys, executions, groups, projects, tasks};
use domain::error::ProblemKind;
use futures::future::join_all;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Whether every count is what there is.
const COUNTED: &str = "SELECT NOT EXISTS (
    SELECT FROM (SELECT subject, kind, sum(count) AS count FROM quota_counts GROUP BY 1, 2 HAVING sum(count) <> 0) AS q
    FULL JOIN (SELECT project_id AS subject, 'tasks' AS kind, count(*) FROM tasks WHERE status IN ('ACTIVE', 'DISABLED') GROUP BY 1
               UNION ALL SELECT project_id, 'groups', count(*) FROM task_groups GROUP BY 1
               UNION ALL SELECT project_id, 'api_keys', count(*) FROM api_keys GROUP BY 1
               UNION ALL SELECT user_id, 'personal_tokens', count(*) FROM personal_tokens GROUP BY 1
               UNION ALL SELECT '00000000-0000-0000-0000-000000000000', 'projects', count(*) FROM projects) AS there USING (subject, kind)
    WHERE coalesce(q.count, 0) <> coalesce(there.count, 0))";

async fn is_counted(world: &World) -> bool {
    sqlx::query_scalar(COUNTED).fetch_one(&world.pool).await.unwrap()
}

async fn limited(on: &PgConnectOptions, quotas: Quotas) -> World {
    World::with(on, Policies { quotas, ..Policies::default() }).await
}

fn new_key(name: &str) -> domain::api_key::ApiKeyDraft {
    serde_json::from_value(json!({ "name": name, "scopes": ["read"] })).unwrap()
}

#[sqlx::test(migrations = false)]
async fn counts_follow_whatever_is_created_changed_deleted_and_undone(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = serde_json::from_value(json!({ "name": "Night" })).unwrap();
    groups::create(&world.backend, &ADA, world.project.id, group).await.unwrap();
    api_keys::create(&world.backend, &ADA, world.project.id, new_key("a")).await.unwrap();
    let mut made = Vec::new();
    for n in 0..6 {
        made.push(world.task(&n.to_string()).await);
    }
    assert!(is_counted(&world).await);
    world.change(&made[0], Change::Status("DISABLED".to_owned())).await.unwrap();
    world.execute("UPDATE tasks SET description = 'changed'").await;
    assert!(is_counted(&world).await);
    world.execute("UPDATE projects SET undo_window_seconds = 600").await;
    let undone = world.request(&made[1]).await;
    world.request(&made[2]).await;
    assert!(is_counted(&world).await, "tasks that are being deleted do not count");
    steer::undo(&world.backend, &actor(), world.project.id, undone.id).await.unwrap();
    assert!(is_counted(&world).await);
    world.execute("UPDATE projects SET undo_window_seconds = 0").await;
    let gone = world.request(&made[3]).await;
    delete::perform(&world.backend, gone.id).await.unwrap();
    world.execute("DELETE FROM task_schedules; DELETE FROM tasks WHERE name = '4'").await;
    assert!(is_counted(&world).await, "whoever deletes");
    world.execute("DELETE FROM task_groups").await;
    assert!(is_counted(&world).await);
    let other = projects::create(&world.backend, &ADA, project_draft("Other", 0)).await.unwrap();
    tasks::create(&world.backend, &ADA, other.id, task_draft("a")).await.unwrap();
    assert!(is_counted(&world).await);
    world
        .execute(
            "DELETE FROM task_schedules; DELETE FROM deletions; DELETE FROM tasks; DELETE FROM api_keys; DELETE FROM projects",
        )
        .await;
    assert!(is_counted(&world).await);
    assert_eq!(world.count("quota_counts WHERE kind <> 'projects'").await, 0, "nothing of a project is left");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_quota_refuses_growth_and_nothing_else(_: PgPoolOptions, on: PgConnectOptions) {
    let world = limited(&on, Quotas { tasks: 2, groups: 1, api_keys: 1, projects: 1, ..Quotas::default() }).await;
    let first = world.task("1").await;
    let second = world.task("2").await;
    let third = async || tasks::create(&world.backend, &ADA, world.project.id, task_draft("3")).await;
    let refusal = refused(third().await);
    assert_eq!(refusal.kind, ProblemKind::QuotaExceeded);
    assert!(refusal.detail.contains("tasks of a project") && refusal.detail.contains("there may be 2"), "{refusal}");
    assert!(refusal.detail.contains("SEXTON_QUOTA_TASKS"), "{refusal}");
    let group = |name| {
        groups::create(&world.backend, &ADA, world.project.id, serde_json::from_value(json!({ "name": name })).unwrap())
    };
    group("a").await.unwrap();
    assert_eq!(kind(group("b").await), ProblemKind::QuotaExceeded);
    let key = |name| api_keys::create(&world.backend, &ADA, world.project.id, new_key(name));
    key("a").await.unwrap();
    assert_eq!(kind(key("b").await), ProblemKind::QuotaExceeded);
    assert_eq!(kind(projects::create(&world.backend, &ADA, project_draft("b", 0)).await), ProblemKind::QuotaExceeded);
    assert!(is_counted(&world).await, "a refusal counts nothing");

    world.execute("UPDATE projects SET undo_window_seconds = 600").await;
    let deletion = world.request(&first).await;
    third().await.unwrap();
    steer::undo(&world.backend, &actor(), world.project.id, deletion.id).await.unwrap();
    assert_eq!(kind(third().await), ProblemKind::QuotaExceeded, "what is above the limit stays");
    world.change(&second, Change::Status("DISABLED".to_owned())).await.unwrap();
    world.request(&first).await;
    assert_eq!(kind(third().await), ProblemKind::QuotaExceeded);
    world.request(&second).await;
    third().await.unwrap();
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn fifty_at_once_never_exceed_a_quota(_: PgPoolOptions, on: PgConnectOptions) {
    let world = limited(&on, Quotas { tasks: 7, ..Quotas::default() }).await;
    let create = |n: i32| tasks::create(&world.backend, &ADA, world.project.id, task_draft(&n.to_string()));
    let (mut made, mut refusals) = (0, 0);
    for result in join_all((0..50).map(create)).await {
        match result {
            Ok(_) => made += 1,
            Err(error) => {
                assert_eq!(error.into_refusal().kind, ProblemKind::QuotaExceeded);
                refusals += 1;
            }
        }
    }
    assert_eq!((made, refusals, world.count("tasks").await), (7, 43, 7));
    assert!(is_counted(&world).await);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn deletions_in_one_project_do_not_wait_for_each_other_to_be_counted(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    for n in 0..2 {
        world.task(&n.to_string()).await;
    }
    let pid = async |conn: &mut PgConnection| {
        sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()").fetch_one(conn).await.unwrap()
    };
    let mut first = PgConnection::connect_with(&on).await.unwrap();
    let mut second = PgConnection::connect_with(&on).await.unwrap();
    while pid(&mut second).await % 64 == pid(&mut first).await % 64 {
        second = PgConnection::connect_with(&on).await.unwrap();
    }
    let mut open = first.begin().await.unwrap();
    let pend = |name: &'static str| {
        sqlx::query("UPDATE tasks SET status = 'PENDING_DELETE', deletion_id = gen_random_uuid() WHERE name = $1")
            .bind(name)
    };
    pend("0").execute(&mut *open).await.unwrap();
    sqlx::query("SET lock_timeout = '2s'").execute(&mut second).await.unwrap();
    pend("1").execute(&mut second).await.unwrap();
    open.commit().await.unwrap();
    assert!(is_counted(&world).await);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn runs_by_hand_above_the_quota_of_a_day_wait_for_the_next(_: PgPoolOptions, on: PgConnectOptions) {
    let world = limited(&on, Quotas { executions_per_day: 2, ..Quotas::default() }).await;
    let task = world.task("a").await;
    let trigger = async || executions::trigger(&world.backend, &actor(), world.project.id, task.uuid).await;
    let first = trigger().await.unwrap();
    trigger().await.unwrap();
    let refusal = refused(trigger().await);
    assert_eq!(refusal.kind, ProblemKind::TooManyRequests);
    assert!(
        refusal.detail.contains("2 times a day") && refusal.detail.contains("SEXTON_QUOTA_EXECUTIONS_PER_DAY"),
        "{refusal}"
    );
    assert!(refusal.retry_after_seconds.is_some_and(|seconds| (1..=86_400).contains(&seconds)), "{refusal:?}");
    executions::cancel(&world.backend, &actor(), world.project.id, first.id).await.unwrap();
    world.execute("UPDATE execution_days SET day = day - 1").await;
    trigger().await.unwrap();
    world.request(&task).await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn scheduled_runs_above_the_quota_are_one_skipped_run_a_task_and_one_alert(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (world, receiver) =
        (limited(&on, Quotas { executions_per_day: 1, ..Quotas::default() }).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    world.alert(json!({ "emails": ["ops@example.com"] })).await;
    for _ in 0..3 {
        world.firing(&receiver, "/ok", |_| {}).await;
    }
    for _ in 0..3 {
        world.all_due().await;
        node.step().await;
        node.until(&world, ALL_ENDED).await;
    }
    assert_eq!(receiver.calls().len(), 1);
    assert_eq!(world.count("executions WHERE status = 'SUCCESS'").await, 1);
    let skipped = "executions WHERE status = 'SKIPPED' AND error LIKE 'The quota of runs is used up: a project may run 1 times a day%'";
    assert_eq!(world.count(skipped).await, 3, "one a task and day");
    assert_eq!(world.count("executions").await, 4);
    let alerts = world.alerts().await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].message.contains("Runs are skipped for the rest of the day"), "{}", alerts[0].message);
    world.execute("UPDATE execution_days SET day = day - 1").await;
    world.all_due().await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    assert_eq!(receiver.calls().len(), 2, "the next day they run again");
    node.stop().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn one_run_logs_no_more_bytes_than_the_quota(_: PgPoolOptions, on: PgConnectOptions) {
    let world = limited(&on, Quotas { log_bytes: 20, ..Quotas::default() }).await;
    let task = world.task("a").await;
    let id = world.in_flight(&task, "RUNNING").await;
    let key = backend::api_keys::KeyHolder {
        id: Uuid::now_v7(),
        name: "CI".to_owned(),
        project_id: world.project.id,
        scopes: vec![domain::api_key::Scope::Callbacks],
    };
    for message in ["0123456789", "012345678é", "x", "y"] {
        executions::callbacks::log(&world.backend, &key, id, "info", message).await.unwrap();
    }
    let lines: Vec<String> =
        sqlx::query_scalar("SELECT message FROM execution_logs ORDER BY id").fetch_all(&world.pool).await.unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("SEXTON_QUOTA_LOG_BYTES"), "é has two bytes: {lines:?}");
    world.end().await;
}
