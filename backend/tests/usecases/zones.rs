//! The tz database changes: tasks of the zones that changed are planned anew, by nodes with the newest release only.

use crate::support::{ADA, World};
use backend::tasks;
use backend::zones::{self, Step};
use chrono::{DateTime, Utc};
use domain::task::{Task, TaskDraft};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

impl World {
    async fn daily_in(&self, zone: &str) -> Task {
        let schedule = json!({ "cron_expression": "0 3 * * *", "timezone": zone });
        let draft: TaskDraft = serde_json::from_value(json!({ "name": zone, "schedule_config": schedule })).unwrap();
        backend::tasks::create(&self.backend, &ADA, self.project.id, draft).await.unwrap()
    }

    async fn with_cron(&self, expression: &str) -> Task {
        let schedule = json!({ "cron_expression": expression, "timezone": "UTC" });
        let draft = json!({ "name": expression, "schedule_config": schedule });
        let draft: TaskDraft = serde_json::from_value(draft).unwrap();
        tasks::create(&self.backend, &ADA, self.project.id, draft).await.unwrap()
    }

    async fn planned_for(&self, task: &Task) -> Option<DateTime<Utc>> {
        self.read(task).await.next_run_at
    }

    async fn follow_zones(&self) {
        while zones::step(&self.backend).await.unwrap() == Step::More {}
    }
}

const AN_HOUR_OFF: &str = "UPDATE task_schedules SET next_run_at = next_run_at + interval '1 h'";

#[sqlx::test(migrations = false)]
async fn tasks_of_changed_zones_are_planned_anew_and_the_others_are_not(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (berlin, tokyo) = (world.daily_in("Europe/Berlin").await, world.daily_in("Asia/Tokyo").await);
    world.execute(AN_HOUR_OFF).await;
    world.follow_zones().await;
    for task in [&berlin, &tokyo] {
        assert_eq!(world.planned_for(task).await, task.next_run_at, "nobody knew by which rules they were planned");
    }
    assert_eq!(world.count("zone_data WHERE moved = 2 AND done_at IS NOT NULL").await, 1);
    // As if the release before had known other rules for one zone.
    world.execute(r#"UPDATE zone_data SET release = '2020a', rules = rules || '{"Europe/Berlin": "other"}'"#).await;
    world.execute(AN_HOUR_OFF).await;
    let (spoilt, due) = (world.planned_for(&tokyo).await, world.daily_in("Europe/Berlin").await);
    let statement = "UPDATE task_schedules SET next_run_at = now() - interval '1 s' WHERE task_id = $1";
    sqlx::query(statement).bind(due.uuid).execute(&world.pool).await.unwrap();
    world.follow_zones().await;
    assert_eq!(world.planned_for(&berlin).await, berlin.next_run_at);
    assert_eq!(world.planned_for(&tokyo).await, spoilt, "its zone has not changed");
    assert!(world.planned_for(&due).await.unwrap() < Utc::now(), "what is due stays due");
    let recorded = "zone_data WHERE changed = '{Europe/Berlin}' AND moved = 1 AND done_at IS NOT NULL";
    assert_eq!(world.count(recorded).await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_is_planned_anew_by_the_rule_and_in_the_zone_of_its_own_expression(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let named = world.with_cron("CRON_TZ=Asia/Tokyo 0 3 * * *").await;
    let former = world.with_cron("0 0 */2 * MON").await;
    // As version 0.1.0 wrote it: on odd days and on Mondays.
    let as_before = "UPDATE tasks SET documented_cron = NULL WHERE id = $1";
    sqlx::query(as_before).bind(former.uuid).execute(&world.pool).await.unwrap();
    let soon = "UPDATE task_schedules SET next_run_at = $2 WHERE task_id = $1";
    let meant = tasks::schedule::next_runs(&world.backend, world.project.id, former.uuid, None, Some(1)).await.unwrap();
    let meant = meant.next_runs[0].at;
    assert!(meant <= former.next_run_at.unwrap(), "by either day comes no later than by both");
    sqlx::query(soon).bind(former.uuid).bind(meant).execute(&world.pool).await.unwrap();
    world.follow_zones().await;
    assert_eq!(world.planned_for(&former).await, Some(meant), "it keeps what it meant");
    // The zone in its expression changes, and not that of its task.
    world.execute(r#"UPDATE zone_data SET release = '2020a', rules = rules || '{"Asia/Tokyo": "other"}'"#).await;
    world.execute(AN_HOUR_OFF).await;
    world.follow_zones().await;
    assert_eq!(world.planned_for(&named).await, named.next_run_at);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_node_whose_rules_are_older_than_anothers_plans_nothing_anew(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.daily_in("Europe/Berlin").await;
    world.execute("INSERT INTO zone_data (release, rules, changed) VALUES ('2099z', '{}', '{Europe/Berlin}')").await;
    world.execute(AN_HOUR_OFF).await;
    for _ in 0..2 {
        assert_eq!(zones::step(&world.backend).await.unwrap(), Step::Outdated("2099z".to_owned()));
    }
    assert_ne!(world.planned_for(&task).await, task.next_run_at);
    assert_eq!(world.count("zone_data").await, 1);
    world.end().await;
}
