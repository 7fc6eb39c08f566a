//! What is fired when a run is due: policies for overlaps and for missed runs, once-only tasks, rows that only plan.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::World;
use chrono::{TimeDelta, Utc};
use domain::schedule::ScheduleConfig;
use domain::task::{MissedRunPolicy, OverlapPolicy, ScheduleType, TaskDraft};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

fn overlap(policy: OverlapPolicy) -> impl FnOnce(&mut TaskDraft) {
    move |draft| draft.overlap_policy = Some(policy)
}

#[sqlx::test(migrations = false)]
async fn a_run_that_is_due_while_another_goes_on_starts_is_skipped_or_waits_as_the_policy_says(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let allow = world.firing(&receiver, "/held", overlap(OverlapPolicy::Allow)).await;
    let skip = world.planned(world.project.id, overlap(OverlapPolicy::Skip)).await;
    let queue = world.planned(world.project.id, overlap(OverlapPolicy::QueueOne)).await;
    for _ in 0..3 {
        world.all_due().await;
        node.step().await;
    }
    receiver.until(5).await;
    assert_eq!(world.statuses(&allow).await, ["RUNNING", "RUNNING", "RUNNING"]);
    assert_eq!(world.statuses(&skip).await, ["RUNNING", "SKIPPED", "SKIPPED"]);
    assert_eq!(world.statuses(&queue).await, ["RUNNING", "PENDING", "SKIPPED"]);
    let skipped = world.runs(&skip).await.remove(1);
    assert_eq!((skipped.error(), skipped.missed), ("The run before it had not ended.", 0));
    assert_eq!(node.step().await.started, 0, "what waits must not start beside the other");
    receiver.open(true);
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.statuses(&queue).await, ["SUCCESS", "SUCCESS", "SKIPPED"]);
    assert_eq!(receiver.calls().len(), 6);
    world.end().await;
}

fn each_minute(policy: MissedRunPolicy) -> impl FnOnce(&mut TaskDraft) {
    move |draft| {
        draft.schedule_config = ScheduleConfig {
            cron_expression: Some("* * * * *".to_owned()),
            timezone: "UTC".to_owned(),
            ..ScheduleConfig::default()
        };
        (draft.missed_run_policy, draft.overlap_policy) = (Some(policy), Some(OverlapPolicy::Allow));
    }
}

/// Five runs were due while nothing was up; the sixth is of this minute.
const MISSED: &str = "UPDATE task_schedules SET next_run_at = date_trunc('minute', now()) - interval '5 min'";

#[sqlx::test(migrations = false)]
async fn runs_that_were_missed_are_skipped_made_up_for_once_or_all_made_up_for(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let skip = world.firing(&receiver, "/ok", each_minute(MissedRunPolicy::Skip)).await;
    let once = world.planned(world.project.id, each_minute(MissedRunPolicy::RunOnce)).await;
    let all = world.planned(world.project.id, each_minute(MissedRunPolicy::RunAll)).await;
    world.execute(MISSED).await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    // The sixth is of this minute: not late. Should the minute turn while the test looks, there is a seventh.
    let due = i32::try_from(world.statuses(&all).await.len()).unwrap();
    assert!((6..=7).contains(&due) && world.statuses(&all).await.iter().all(|status| status == "SUCCESS"));
    let once = world.run(&once).await;
    assert_eq!((once.status.as_str(), once.missed), ("SUCCESS", due - 1));
    let fired = world.run(&skip).await;
    assert_eq!((fired.status.as_str(), fired.missed), ("SUCCESS", due - 1));
    let planned = "task_schedules WHERE next_run_at > now() AND next_run_at <= now() + interval '1 min'";
    assert_eq!(world.count(planned).await, 3);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_missed_run_that_is_skipped_is_recorded_with_its_reason(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let each_year = |draft: &mut TaskDraft| {
        draft.schedule_config.cron_expression = Some("0 0 1 1 *".to_owned());
        draft.missed_run_policy = Some(MissedRunPolicy::Skip);
    };
    let task = world.firing(&receiver, "/ok", each_year).await;
    world.execute("UPDATE task_schedules SET next_run_at = next_run_at - interval '3 years'").await;
    node.step().await;
    let run = world.run(&task).await;
    assert_eq!((run.status.as_str(), run.error()), ("SKIPPED", "Missed: no node was up when it was due."));
    assert_eq!(run.missed, 2, "it stands for the two before");
    assert_eq!(world.read(&task).await.next_run_at, task.next_run_at);
    assert!(receiver.calls().is_empty());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_one_off_runs_once_and_leaves_the_schedule(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let run_at = (Utc::now() + TimeDelta::hours(1)).to_rfc3339();
    let once = |draft: &mut TaskDraft| {
        draft.schedule_type = Some(ScheduleType::Oneoff);
        draft.schedule_config = serde_json::from_value(json!({ "run_at": run_at, "timezone": "UTC" })).unwrap();
    };
    let task = world.firing(&receiver, "/ok", once).await;
    world.all_due().await;
    world
        .execute("UPDATE tasks SET schedule_config = schedule_config || '{\"run_at\": \"2020-01-01T00:00:00Z\"}'")
        .await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.run(&task).await.status, "SUCCESS");
    assert_eq!((world.count("task_schedules").await, world.read(&task).await.next_run_at), (0, None));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_row_that_does_not_fire_is_only_planned_onwards(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/ok", |_| {}).await;
    world.all_due().await;
    world.execute("UPDATE task_schedules SET fires = false").await;
    assert_eq!(node.step().await.started, 0);
    assert_eq!(world.read(&task).await.next_run_at, task.next_run_at);
    assert_eq!((world.count("task_schedules WHERE fires").await, world.count("executions").await), (1, 0));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_schedule_that_cannot_be_read_holds_up_no_other(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let broken = world.firing(&receiver, "/ok", |_| {}).await;
    let query = "UPDATE tasks SET schedule_config = '{\"of_a_newer_version\": 1}' WHERE id = $1";
    sqlx::query(query).bind(broken.uuid).execute(&world.pool).await.unwrap();
    let good = world.planned(world.project.id, |_| {}).await;
    world.all_due().await;
    assert_eq!(node.step().await.started, 1);
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.run(&good).await.status, "SUCCESS");
    assert!(world.runs(&broken).await.is_empty());
    world.end().await;
}
