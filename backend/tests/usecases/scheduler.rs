//! The scheduler's step: what is due is planned onwards, by one node at a time.

use crate::support::World;
use backend::{Policies, scheduler, tasks};
use chrono::{TimeDelta, Utc};
use futures::future::join_all;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const ALL_DUE: &str = "UPDATE task_schedules SET next_run_at = now() - interval '3 days'";

#[sqlx::test(migrations = false)]
async fn a_task_that_is_due_is_planned_onwards_and_missed_runs_are_not_made_up(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    assert_eq!(scheduler::step(&world.backend, 10).await.unwrap(), 0, "nothing is due");
    world.execute(ALL_DUE).await;
    assert_eq!(scheduler::step(&world.backend, 10).await.unwrap(), 1);
    let after = world.read(&task).await;
    assert_eq!((after.next_run_at, after.version), (task.next_run_at, task.version));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_one_off_leaves_the_schedule_after_its_moment(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let run_at = Utc::now() + TimeDelta::hours(1);
    let draft = json!({ "name": "Once", "schedule_type": "ONEOFF", "schedule_config": { "run_at": run_at, "timezone": "UTC" } });
    let task = tasks::create(&world.backend, world.project.id, serde_json::from_value(draft).unwrap()).await.unwrap();
    world
        .execute("UPDATE tasks SET schedule_config = schedule_config || '{\"run_at\": \"2020-01-01T00:00:00Z\"}'")
        .await;
    world.execute(ALL_DUE).await;
    assert_eq!(scheduler::step(&world.backend, 10).await.unwrap(), 1);
    assert_eq!(world.read(&task).await.next_run_at, None);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn no_two_nodes_take_the_same_and_what_is_deleted_meanwhile_is_not_planned_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let mut created = Vec::new();
    for n in 0..30 {
        created.push(world.task(&format!("{n}")).await);
    }
    world.execute(ALL_DUE).await;
    let nodes: Vec<_> = (0..4).map(|n| world.node(&format!("node-{n}"), Policies::default())).collect();
    let steps = join_all(nodes.iter().map(|node| scheduler::step(node, 5)));
    let requests = join_all(created[..10].iter().map(|task| world.request(task)));
    let (taken, _) = futures::join!(steps, requests);
    let mut total: usize = taken.into_iter().map(Result::unwrap).sum();
    while let taken @ 1.. = scheduler::step(&world.backend, 5).await.unwrap() {
        total += taken;
    }
    assert!((20..=30).contains(&total), "{total}");
    assert_eq!(world.count("task_schedules WHERE next_run_at > now()").await, 20);
    assert_eq!(world.count("task_schedules").await, 20);
    world.end().await;
}
