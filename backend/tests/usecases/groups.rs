//! Task groups: their window gates planning, survives by hand, and never changes a task; deleting them fences all or nothing.

use crate::support::{ADA, World, actor, kind, refused, task_draft};
use backend::groups::{self, Change};
use backend::tasks::etag::Precondition;
use backend::tasks::{self, delete, steer};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use domain::error::ProblemKind;
use domain::group::{GroupDeletion, TaskGroup, TaskGroupDraft};
use domain::status::TaskStatus;
use domain::task::{RunState, Task, TaskDraft};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

fn draft(name: &str, hours: Option<(NaiveTime, NaiveTime)>) -> TaskGroupDraft {
    let text = |time: NaiveTime| time.format("%H:%M").to_string();
    TaskGroupDraft {
        name: name.to_owned(),
        start_time: hours.map(|(start, _)| text(start)),
        end_time: hours.map(|(_, end)| text(end)),
        timezone: None,
    }
}

/// A window of one hour that opens `hours` from now, in whole hours.
fn opening_in(hours: i64) -> Option<(NaiveTime, NaiveTime)> {
    let start = Utc::now() + TimeDelta::hours(hours);
    Some((start.time(), (start + TimeDelta::hours(1)).time()))
}

impl World {
    async fn group(&self, name: &str, hours: Option<(NaiveTime, NaiveTime)>) -> TaskGroup {
        groups::create(&self.backend, &ADA, self.project.id, draft(name, hours)).await.unwrap()
    }

    /// A task of the group that is due every minute.
    async fn task_of(&self, group: &TaskGroup, name: &str) -> Task {
        let draft = TaskDraft { task_group_id: Some(group.id), ..every_minute(name) };
        tasks::create(&self.backend, &ADA, self.project.id, draft).await.unwrap()
    }

    async fn steer(&self, group: &TaskGroup, state: RunState) -> TaskGroup {
        groups::steer(&self.backend, &ADA, self.project.id, group.id, state).await.unwrap()
    }

    async fn remove(&self, group: &TaskGroup, mode: GroupDeletion) -> backend::Result<usize> {
        groups::delete::delete(&self.backend, &actor(), self.project.id, group.id, &Precondition::None, mode).await
    }

    async fn read_group(&self, group: &TaskGroup) -> TaskGroup {
        groups::get(&self.backend, self.project.id, group.id).await.unwrap()
    }

    /// Plans all tasks anew whose group has changed.
    async fn replan(&self) {
        while groups::replan(&self.backend).await.unwrap() {}
    }

    /// The row from which a task is claimed: when, and whether it fires.
    async fn plan(&self, task: &Task) -> Option<(DateTime<Utc>, bool)> {
        let statement = "SELECT next_run_at, fires FROM task_schedules WHERE task_id = $1";
        sqlx::query_as(statement).bind(task.uuid).fetch_optional(&self.pool).await.unwrap()
    }
}

fn every_minute(name: &str) -> TaskDraft {
    let schedule = json!({ "cron_expression": "* * * * *", "timezone": "UTC" });
    serde_json::from_value(json!({ "name": name, "schedule_config": schedule })).unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_task_is_planned_inside_the_window_of_its_group(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (open, closed) = (world.group("open", None).await, world.group("later", opening_in(3)).await);
    assert_eq!((open.state, closed.state), (RunState::Running, RunState::NotRunning));
    let (now, free) = (Utc::now(), world.task_of(&open, "free").await);
    assert!(free.next_run_at.unwrap() <= now + TimeDelta::minutes(2));
    let gated = world.task_of(&closed, "gated").await;
    assert_eq!((gated.status, gated.state), (TaskStatus::Active, RunState::NotRunning));
    let opens = closed.start_time.as_deref().unwrap();
    assert_eq!(gated.next_run_at.unwrap().format("%H:%M").to_string(), opens);
    let preview =
        tasks::schedule::next_runs(&world.backend, world.project.id, gated.uuid, None, Some(2)).await.unwrap();
    assert_eq!(preview.next_runs[0].at, gated.next_run_at.unwrap(), "the preview says what happens");
    let moved = TaskDraft { task_group_id: Some(closed.id), ..TaskDraft::from(&free) };
    let moved = world.change(&free, tasks::Change::Replace(Box::new(moved))).await.unwrap();
    assert_eq!(moved.next_run_at, gated.next_run_at);
    let deletion = world.request(&gated).await;
    let undone = steer::undo(&world.backend, &ADA, world.project.id, deletion.id).await.unwrap();
    assert_eq!(undone.next_run_at, gated.next_run_at, "an undo plans inside the window, too");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_change_plans_all_active_tasks_onwards_and_touches_no_task(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group("Group", opening_in(3)).await;
    let (active, off) = (world.task_of(&group, "active").await, world.task_of(&group, "off").await);
    let off = world.change(&off, tasks::Change::Status("DISABLED".to_owned())).await.unwrap();
    let pending = world.task_of(&group, "pending").await;
    world.request(&pending).await;
    let started = world.steer(&group, RunState::Running).await;
    assert_eq!((started.state, started.is_overridden, started.version), (RunState::Running, true, 2));
    let edge = started.override_until.unwrap();
    assert_eq!(edge.format("%H:%M").to_string(), group.start_time.unwrap(), "until the next edge");
    world.replan().await;
    let (at, fires) = world.plan(&active).await.unwrap();
    assert!(fires && at <= Utc::now() + TimeDelta::minutes(1), "planned for the next minute, inside the window");
    assert_eq!((world.plan(&off).await, world.plan(&pending).await), (None, None), "what is off or fenced stays so");
    let after = world.read(&active).await;
    assert_eq!((after.status, after.version, after.state), (active.status, active.version, RunState::Running));
    assert_eq!(world.read(&off).await.version, off.version);
    assert_eq!(world.events(&active).await, ["TaskCreated"]);
    assert_eq!(world.count("events WHERE kind = 'TaskGroupUpdated'").await, 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_start_or_stop_is_kept_in_the_database_and_a_repeat_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group("always", None).await;
    let task = world.task_of(&group, "task").await;
    let stopped = world.steer(&group, RunState::NotRunning).await;
    assert_eq!((stopped.state, stopped.is_overridden, stopped.override_until), (RunState::NotRunning, true, None));
    assert_eq!(world.steer(&group, RunState::NotRunning).await, stopped, "a repeat is no change");
    let node = world.node("node-2", backend::Policies::default());
    assert_eq!(groups::get(&node, world.project.id, group.id).await.unwrap(), stopped, "another node sees it");
    let seen = Precondition::OneOf(vec![2]);
    let renamed = groups::change(
        &world.backend,
        &ADA,
        world.project.id,
        group.id,
        &seen,
        Change::Merge(json!({ "name": "renamed" })),
    );
    assert_eq!(renamed.await.unwrap().state, RunState::NotRunning, "another name does not start it");
    let edited = world.change(&task, tasks::Change::Merge(json!({ "description": "new" }))).await.unwrap();
    assert_eq!((edited.status, edited.next_run_at), (TaskStatus::Active, None), "stopped for ever: no run");
    world.execute("DELETE FROM task_schedules").await;
    let back = world.steer(&group, RunState::Running).await;
    assert_eq!((back.is_overridden, back.version), (false, 4));
    world.replan().await;
    assert!(world.plan(&task).await.is_some(), "a task without a plan gets one");
    world.execute("UPDATE task_groups SET override = 'NOT_RUNNING', override_until = now() - interval '1 s'").await;
    let over = world.read_group(&group).await;
    assert_eq!((over.state, over.is_overridden), (RunState::Running, false), "what has ended is over");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_group_with_tasks_is_not_deleted_unless_one_says_what_becomes_of_them(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let group = world.group("Group", opening_in(3)).await;
    let (one, two) = (world.task_of(&group, "one").await, world.task_of(&group, "two").await);
    let deletion = world.request(&two).await;
    let refusal = refused(world.remove(&group, GroupDeletion::Block).await);
    assert_eq!((refusal.kind, refusal.errors.len()), (ProblemKind::HasChildren, 2));
    assert!(refusal.detail.contains("\"one\"") && refusal.detail.contains("mode=cascade"), "{}", refusal.detail);
    let stale = Precondition::OneOf(vec![7]);
    let modes = GroupDeletion::Orphan;
    let stale = groups::delete::delete(&world.backend, &actor(), world.project.id, group.id, &stale, modes).await;
    assert_eq!(kind(stale), ProblemKind::EtagMismatch);
    assert_eq!(world.remove(&group, GroupDeletion::Orphan).await.unwrap(), 0);
    let orphan = world.read(&one).await;
    assert_eq!((orphan.task_group_id, orphan.status, orphan.state), (None, TaskStatus::Active, RunState::Running));
    let (at, fires) = world.plan(&one).await.unwrap();
    assert!(at <= Utc::now() && !fires, "the window gates it no more");
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), delete::Outcome::Deleted);
    assert_eq!(kind(world.remove(&group, GroupDeletion::Orphan).await), ProblemKind::GroupNotFound);
    let empty = world.group("empty", None).await;
    assert_eq!(world.remove(&empty, GroupDeletion::Block).await.unwrap(), 0);
    assert_eq!(world.count("events WHERE kind = 'TaskGroupDeleted'").await, 2);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_cascade_fences_every_task_and_each_ends_like_a_single_deletion(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group("Group", None).await;
    let (active, off) = (world.task_of(&group, "active").await, world.task_of(&group, "off").await);
    world.change(&off, tasks::Change::Status("DISABLED".to_owned())).await.unwrap();
    let pending = world.task_of(&group, "pending").await;
    let known = world.request(&pending).await;
    let other = world.task("in no group").await;
    let running = world.in_flight(&active, "RUNNING").await;
    world.in_flight(&active, "RETRY_WAIT").await;
    assert_eq!(world.remove(&group, GroupDeletion::Cascade).await.unwrap(), 3);
    assert_eq!((world.count("task_groups").await, world.count("deletions").await), (0, 3));
    assert_eq!(world.count("apalis.jobs").await, 3);
    for task in [&active, &off, &pending] {
        let after = world.read(task).await;
        assert_eq!((after.status, after.task_group_id), (TaskStatus::PendingDelete, None));
        assert_eq!(world.plan(task).await, None);
    }
    assert_eq!(world.read(&pending).await.deletion.unwrap().id, known.id, "it keeps its deletion");
    let record = world.read(&active).await.deletion.unwrap();
    assert_eq!((record.in_flight, record.requested_by.as_str()), (vec![running], "Ada"));
    assert_eq!(world.count("executions WHERE status = 'CANCELLED'").await, 1);
    assert!(world.read(&other).await.next_run_at.is_some());
    let undone = steer::undo(&world.backend, &ADA, world.project.id, record.id).await.unwrap();
    assert_eq!(
        (undone.status, undone.task_group_id),
        (TaskStatus::Active, None),
        "an undo brings it back without a group"
    );
    assert!(undone.next_run_at.is_some());
    let deletion = world.read(&off).await.deletion.unwrap().id;
    assert_eq!(delete::perform(&world.backend, deletion).await.unwrap(), delete::Outcome::Deleted);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_cascade_that_cannot_be_committed_changes_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group("Group", None).await;
    let (one, two) = (world.task_of(&group, "one").await, world.task_of(&group, "two").await);
    world.refuse("DELETE ON task_groups", "53100").await;
    assert_eq!(kind(world.remove(&group, GroupDeletion::Cascade).await), ProblemKind::Unavailable);
    world.allow().await;
    assert_eq!((world.read(&one).await, world.read(&two).await), (one, two));
    assert_eq!((world.count("deletions").await, world.count("apalis.jobs").await), (0, 0));
    assert_eq!(world.read_group(&group).await, group);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_task_that_is_deleted_while_its_group_is_started_stays_fenced(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group("Group", None).await;
    let mut all = Vec::new();
    for number in 0..20 {
        all.push(world.task_of(&group, &format!("{number}")).await);
    }
    let deletions = futures::future::join_all(all.iter().map(|task| world.request(task)));
    let steering = async {
        for state in [RunState::NotRunning, RunState::Running].into_iter().cycle().take(6) {
            world.steer(&group, state).await;
        }
    };
    futures::join!(deletions, steering);
    assert_eq!(world.count("task_schedules").await, 0);
    assert_eq!(world.count("tasks WHERE status = 'PENDING_DELETE'").await, 20);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_a_group_may_not_be_is_refused_with_its_field(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group("Nightly", None).await;
    let create = |draft| groups::create(&world.backend, &ADA, world.project.id, draft);
    let refusal = refused(create(draft("NIGHTLY", None)).await);
    assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::NameTaken, "name"));
    let half = TaskGroupDraft { start_time: Some("08:00".to_owned()), ..draft("half", None) };
    assert_eq!(refused(create(half).await).errors[0].field, "end_time");
    let zone = TaskGroupDraft { timezone: Some("Mars/Olympus".to_owned()), ..draft("zone", None) };
    assert_eq!(refused(create(zone).await).errors[0].field, "timezone");
    let nowhere = groups::create(&world.backend, &ADA, Uuid::now_v7(), draft("x", None)).await;
    assert_eq!(kind(nowhere), ProblemKind::ProjectNotFound);
    let foreign = groups::get(&world.backend, world.project.id, Uuid::now_v7()).await;
    assert_eq!(kind(foreign), ProblemKind::GroupNotFound);
    let unknown = TaskDraft { task_group_id: Some(Uuid::now_v7()), ..task_draft("lost") };
    let unknown = tasks::create(&world.backend, &ADA, world.project.id, unknown).await;
    assert_eq!(refused(unknown).errors[0].field, "task_group_id");
    let listed = groups::list(&world.backend, world.project.id, None, None).await.unwrap();
    assert_eq!(listed.data, std::slice::from_ref(&group));
    world.task_of(&group, "counted").await;
    assert_eq!(groups::counts(&world.backend, &[group.id]).await.unwrap(), [(group.id, 1)]);
    let tasks = groups::tasks(&world.backend, world.project.id, group.id, tasks::ListQuery::default()).await.unwrap();
    assert_eq!(tasks.data.len(), 1);
    world.end().await;
}
