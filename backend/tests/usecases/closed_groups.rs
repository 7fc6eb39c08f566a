//! Runs that wait while the group of their task is closed or stopped: they start when it opens, or end with that reason.

use crate::node::{ALL_ENDED, Node, Run, SETTINGS};
use crate::receiver::Receiver;
use crate::support::{ADA, World, actor, refused};
use backend::executor::ExecutorSettings;
use backend::groups::{self, Change};
use backend::scheduler::Next;
use backend::tasks;
use backend::tasks::etag::Precondition;
use chrono::{NaiveTime, TimeDelta, Utc};
use domain::error::ProblemKind;
use domain::group::{GroupDeletion, TaskGroup, TaskGroupDraft};
use domain::task::{OverlapPolicy, RunState, Task};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// A group with a window of an hour, which opens in this number of hours; none is always open.
async fn group(world: &World, hours: Option<i64>) -> TaskGroup {
    let start = Utc::now() + TimeDelta::hours(hours.unwrap_or_default());
    let text = |time: NaiveTime| Some(time.format("%H:%M").to_string());
    let (start_time, end_time) = (text(start.time()), text((start + TimeDelta::hours(1)).time()));
    let mut draft = TaskGroupDraft { name: "Group".to_owned(), start_time, end_time, timezone: None };
    if hours.is_none() {
        (draft.start_time, draft.end_time) = (None, None);
    }
    groups::create(&world.backend, &ADA, world.project.id, draft).await.unwrap()
}

async fn task(world: &World, receiver: &Receiver, group: &TaskGroup, overlap: OverlapPolicy) -> Task {
    let change = |draft: &mut domain::task::TaskDraft| {
        draft.schedule_config.cron_expression = Some("* * * * *".to_owned());
        (draft.task_group_id, draft.overlap_policy) = (Some(group.id), Some(overlap));
    };
    world.firing(receiver, "/ok", change).await
}

/// A run that was recorded this many hours ago and is itself ready to start.
async fn waits(world: &World, task: &Task, status: &str, trigger: &str, hours: i32) {
    let statement =
        "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, created_at, retry_at, error)
         VALUES (gen_random_uuid(), $1, $2, $3, $4, clock_timestamp() - make_interval(hours => $5),
                 clock_timestamp() - make_interval(hours => $5), CASE WHEN $3 = 'RETRY_WAIT' THEN now() END,
                 CASE WHEN $3 = 'RETRY_WAIT' THEN 'The endpoint answered 500.' END)";
    let query = sqlx::query(statement).bind(task.uuid).bind(world.project.id).bind(status).bind(trigger);
    query.bind(hours).execute(&world.pool).await.unwrap();
}

async fn steer(world: &World, group: &TaskGroup, state: RunState) {
    groups::steer(&world.backend, &ADA, world.project.id, group.id, state).await.unwrap();
    while groups::replan(&world.backend).await.unwrap() {}
}

fn told(runs: &[Run]) -> Vec<(&str, &str)> {
    runs.iter().map(|run| (run.status.as_str(), run.error())).collect()
}

#[sqlx::test(migrations = false)]
async fn a_retry_and_a_queued_run_wait_for_the_window_to_open_and_a_run_by_hand_does_not(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let group = group(&world, Some(3)).await;
    let task = task(&world, &receiver, &group, OverlapPolicy::Allow).await;
    waits(&world, &task, "RETRY_WAIT", "SCHEDULED", 2).await;
    waits(&world, &task, "PENDING", "SCHEDULED", 1).await;
    waits(&world, &task, "PENDING", "MANUAL", 0).await;
    assert_eq!(node.step().await.started, 1, "the run by hand");
    receiver.until(1).await;
    assert_eq!(node.step().await.started, 0);
    let runs = world.runs(&task).await;
    let waits = "It waits for its task group to open.";
    let retry = format!("The endpoint answered 500. {waits}");
    assert_eq!(told(&runs[..2]), [("RETRY_WAIT", retry.as_str()), ("PENDING", waits)]);
    let at_the_opening = "executions e WHERE held_until IS NOT NULL AND held_until <= now() + interval '3 h'
                          AND held_until > now() + interval '2 h' AND coalesce(retry_at, held_until) = held_until";
    assert_eq!(world.count(at_the_opening).await, 2, "they are looked at again when it opens");
    steer(&world, &group, RunState::Running).await;
    node.until(&world, ALL_ENDED).await;
    let runs = world.runs(&task).await;
    assert_eq!(told(&runs), [("SUCCESS", ""); 3]);
    assert_eq!((runs[0].attempt, receiver.calls().len()), (2, 3));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_waited_for_a_group_for_six_hours_ends_with_that_reason(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let group = group(&world, Some(10)).await;
    let task = task(&world, &receiver, &group, OverlapPolicy::Allow).await;
    waits(&world, &task, "RETRY_WAIT", "SCHEDULED", 5).await;
    waits(&world, &task, "PENDING", "SCHEDULED", 4).await;
    assert_eq!(node.step().await.started, 0);
    let limit = "executions WHERE held_until = created_at + interval '6 h'";
    assert_eq!(world.count(limit).await, 2, "not longer than a run may take");
    world
        .execute(
            "UPDATE executions SET created_at = created_at - interval '6 h', held_until = now(),
                    retry_at = CASE WHEN status = 'RETRY_WAIT' THEN now() END",
        )
        .await;
    node.until(&world, ALL_ENDED).await;
    let hours = format!("{}–{} UTC", group.start_time.as_ref().unwrap(), group.end_time.as_ref().unwrap());
    let why = format!("Its task group was closed (open {hours}), and did not open in time.");
    let failed = format!("The endpoint answered 500. {why}");
    let runs = world.runs(&task).await;
    assert_eq!(told(&runs), [("FAILED", failed.as_str()), ("SKIPPED", why.as_str())]);
    let counted: (i64, i64) =
        sqlx::query_as("SELECT sum(failed), sum(skipped) FROM execution_counts WHERE subject = $1")
            .bind(task.uuid)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!((counted, receiver.calls().len()), ((1, 1), 0));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn after_a_stop_by_hand_nothing_starts_until_the_group_is_started(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let group = group(&world, None).await;
    let task = task(&world, &receiver, &group, OverlapPolicy::Allow).await;
    for (status, trigger, hours) in
        [("RETRY_WAIT", "SCHEDULED", 7), ("RETRY_WAIT", "SCHEDULED", 2), ("PENDING", "MANUAL", 1)]
    {
        waits(&world, &task, status, trigger, hours).await;
    }
    steer(&world, &group, RunState::NotRunning).await;
    assert_eq!(node.step().await.started, 0);
    let runs = world.runs(&task).await;
    assert_eq!(runs[0].status, "FAILED");
    assert!(runs[0].error().ends_with("Its task group was stopped, and was not started again in time."), "{runs:?}");
    assert_eq!((runs[1].status.as_str(), runs[2].status.as_str()), ("RETRY_WAIT", "PENDING"));
    steer(&world, &group, RunState::Running).await;
    node.until(&world, ALL_ENDED).await;
    assert_eq!(world.statuses(&task).await, ["FAILED", "SUCCESS", "SUCCESS"]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_is_made_up_for_waits_for_the_window_and_one_that_is_hardly_late_starts(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    // Its last window was open from 23 to 22 hours ago, or has just closed.
    let (late, just) = (group(&world, Some(1)).await, Utc::now() - TimeDelta::hours(1));
    let made_up = task(&world, &receiver, &late, OverlapPolicy::Skip).await;
    world.execute("UPDATE task_schedules SET next_run_at = now() - interval '22 h 30 min'").await;
    let text = |time: NaiveTime| Some(time.format("%H:%M").to_string());
    let closed = TaskGroupDraft {
        name: "Just closed".to_owned(),
        start_time: text(just.time()),
        end_time: text(Utc::now().time()),
        timezone: None,
    };
    let closed = groups::create(&world.backend, &ADA, world.project.id, closed).await.unwrap();
    let in_time = task(&world, &receiver, &closed, OverlapPolicy::Skip).await;
    let due = "UPDATE task_schedules SET next_run_at = date_trunc('minute', now()) - interval '1 s' WHERE task_id = $1";
    sqlx::query(due).bind(in_time.uuid).execute(&world.pool).await.unwrap();
    node.step().await;
    node.step().await;
    assert_eq!(world.statuses(&made_up).await, ["PENDING"]);
    receiver.until(1).await;
    assert_eq!(world.runs(&in_time).await.len(), 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_is_skipped_with_the_word_that_the_one_before_waits_for_its_next_attempt(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/ok", |_| {}).await;
    waits(&world, &task, "RETRY_WAIT", "SCHEDULED", 1).await;
    world.execute("UPDATE executions SET retry_at = now() + interval '1 h'").await;
    world.all_due().await;
    node.step().await;
    let runs = world.runs(&task).await;
    assert_eq!(runs[1].error(), "The run before it waits for its next attempt.");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_window_in_which_tasks_of_the_group_never_run_is_refused_with_their_names(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let group = group(&world, None).await;
    for name in ["one", "two", "three", "four", "often"] {
        let change = |draft: &mut domain::task::TaskDraft| {
            (draft.name, draft.task_group_id) = (name.to_owned(), Some(group.id));
            let cron = if name == "often" { "* * * * *" } else { "0 3 * * *" };
            draft.schedule_config.cron_expression = Some(cron.to_owned());
            draft.schedule_config.timezone = "UTC".to_owned();
        };
        world.planned(world.project.id, change).await;
    }
    let change = async |start: &str, end: &str| {
        let patch = Change::Merge(json!({ "start_time": start, "end_time": end }));
        groups::change(&world.backend, &ADA, world.project.id, group.id, &Precondition::None, patch).await
    };
    let refusal = refused(change("04:00", "05:00").await);
    assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::ValidationFailed, "start_time"));
    let message = &refusal.errors[0].message;
    // How many more it names depends on how fast this machine computes.
    assert!(message.contains("(04:00–05:00 UTC): \"four\""), "{message}");
    assert_eq!(groups::get(&world.backend, world.project.id, group.id).await.unwrap(), group, "nothing has changed");
    assert_eq!(change("02:00", "04:00").await.unwrap().start_time.as_deref(), Some("02:00"));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_waits_for_a_group_holds_up_nothing_that_may_start(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), ExecutorSettings { calls: 4, ..SETTINGS });
    let group = group(&world, None).await;
    let closed = task(&world, &receiver, &group, OverlapPolicy::Allow).await;
    let many = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, created_at, retry_at)
                SELECT gen_random_uuid(), $1, $2, 'RETRY_WAIT', 'SCHEDULED', now() - n * interval '1 s', now(), now() - n * interval '1 s'
                FROM generate_series(1, 1000) AS n";
    sqlx::query(many).bind(closed.uuid).bind(world.project.id).execute(&world.pool).await.unwrap();
    steer(&world, &group, RunState::NotRunning).await;
    let other = world.planned(world.project.id, |_| {}).await;
    waits(&world, &other, "PENDING", "MANUAL", 0).await;
    let (mut steps, mut started) = (0, 0);
    loop {
        let step = node.step().await;
        (steps, started) = (steps + 1, started + step.started);
        if step.next != Next::Now {
            break;
        }
    }
    assert_eq!(started, 1, "the run of the other task, before the node pauses");
    assert!(steps <= 12, "{steps} steps for a thousand runs that wait");
    assert_eq!(world.count("executions WHERE held_until > now()").await, 1_000);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_whose_task_leaves_its_group_waits_for_it_no_longer(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let group = group(&world, None).await;
    let (moves, is_left) = (
        task(&world, &receiver, &group, OverlapPolicy::Allow).await,
        task(&world, &receiver, &group, OverlapPolicy::Allow).await,
    );
    for task in [&moves, &is_left] {
        waits(&world, task, "RETRY_WAIT", "SCHEDULED", 0).await;
    }
    steer(&world, &group, RunState::NotRunning).await;
    assert_eq!(node.step().await.started, 0);
    assert_eq!(world.count("executions WHERE held_until > now()").await, 2);
    world.change(&moves, tasks::Change::Merge(json!({ "task_group_id": null }))).await.unwrap();
    assert_eq!(node.step().await.started, 1, "the run of the task that was moved");
    let (id, mode) = (group.id, GroupDeletion::Orphan);
    groups::delete::delete(&world.backend, &actor(), world.project.id, id, &Precondition::None, mode).await.unwrap();
    assert_eq!(node.step().await.started, 1, "the run of the task whose group is gone");
    node.until(&world, "SELECT bool_and(status = 'SUCCESS') FROM executions").await;
    world.end().await;
}
