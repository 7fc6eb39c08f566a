//! Nobody can stop everybody: a project's backlog, a row that breaks a claim, a group with very many tasks.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::Receiver;
use crate::support::{ADA, World, kind};
use backend::executions::trigger;
use backend::executor::ExecutorSettings;
use backend::groups;
use domain::error::ProblemKind;
use domain::group::{TaskGroup, TaskGroupDraft};
use domain::task::{RunState, Task};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

impl World {
    async fn group_of(&self, name: &str) -> TaskGroup {
        let draft = TaskGroupDraft { name: name.to_owned(), start_time: None, end_time: None, timezone: None };
        groups::create(&self.backend, &ADA, self.project.id, draft).await.unwrap()
    }

    async fn put(&self, group: &TaskGroup, state: RunState) {
        groups::steer(&self.backend, &ADA, self.project.id, group.id, state).await.unwrap();
    }

    /// What is planned, written so that any change of any row shows.
    async fn plans(&self) -> Vec<(String, i64)> {
        let statement = "SELECT s.xmin::text, count(*) FROM task_schedules s GROUP BY 1 ORDER BY 1";
        sqlx::query_as(statement).fetch_all(&self.pool).await.unwrap()
    }

    /// Makes the database refuse every execution of a task.
    async fn refuse_runs_of(&self, task: &Task) {
        let function = format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.task_id = '{}' THEN RAISE EXCEPTION 'refused by the test'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON executions FOR EACH ROW EXECUTE FUNCTION refuse();",
            task.uuid
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(function)).execute(&self.pool).await.unwrap();
    }

    async fn started(&self, project: Uuid) -> i64 {
        let statement = "SELECT count(*) FROM executions WHERE project_id = $1";
        sqlx::query_scalar(statement).bind(project).fetch_one(&self.pool).await.unwrap()
    }
}

#[sqlx::test(migrations = false)]
async fn a_project_whose_task_is_due_waits_for_no_backlog_of_another_one(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), ExecutorSettings { calls: 8, calls_of_project: 8, ..SETTINGS });
    world.firing(&receiver, "/held", |_| {}).await;
    for _ in 1..60 {
        world.planned(world.project.id, |_| {}).await;
    }
    let mut honest = Vec::new();
    for name in ["B", "C", "D"] {
        let project = world.calling(name, &receiver.url("/held")).await;
        world.planned(project.id, |_| {}).await;
        honest.push(project.id);
    }
    // The backlog was due long before.
    world.all_due().await;
    let long_due = "UPDATE task_schedules SET next_run_at = next_run_at - interval '30 s' WHERE project_id = $1";
    sqlx::query(long_due).bind(world.project.id).execute(&world.pool).await.unwrap();
    // The first claim finds out that more is due than fits; the second one serves every project.
    node.step().await;
    node.step().await;
    for project in honest {
        assert_eq!(world.started(project).await, 1, "a project waits for another one's backlog");
    }
    assert_eq!(world.started(world.project.id).await, 4, "half of the calls of a node, while others may need them");
    receiver.open(true);
    node.until(&world, ALL_ENDED).await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_row_that_every_claim_fails_on_is_set_aside_and_all_others_start(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let bad = world.firing(&receiver, "/ok", |_| {}).await;
    for _ in 0..5 {
        world.planned(world.project.id, |_| {}).await;
    }
    world.refuse_runs_of(&bad).await;
    world.all_due().await;
    // Each claim that fails takes half as many: 500, 250, … 1. Then rows are taken one by one, until it is known which it is.
    for _ in 0..40 {
        drop(node.scheduler.step(std::time::Instant::now()).await);
    }
    node.until(&world, "SELECT count(*) = 5 AND bool_and(status = 'SUCCESS') FROM executions").await;
    let statement = "SELECT set_aside, due_at < now(), next_run_at > now() FROM task_schedules WHERE task_id = $1";
    let aside: (i32, bool, bool) = sqlx::query_as(statement).bind(bad.uuid).fetch_one(&world.pool).await.unwrap();
    assert!(aside.0 >= 1 && aside.1 && aside.2, "{aside:?}");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_schedule_that_cannot_be_read_holds_up_no_other_task(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let bad = world.firing(&receiver, "/ok", |_| {}).await;
    world.planned(world.project.id, |_| {}).await;
    let unreadable = "UPDATE tasks SET schedule_config = '{\"of\": \"a later version\"}' WHERE id = $1";
    sqlx::query(unreadable).bind(bad.uuid).execute(&world.pool).await.unwrap();
    world.all_due().await;
    assert_eq!(node.step().await.started, 1);
    assert_eq!(world.count("task_schedules WHERE set_aside = 1 AND due_at < now()").await, 1);
    // The task is deleted like any other.
    world.request(&bad).await;
    assert_eq!(world.count("task_schedules WHERE set_aside = 1").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn nothing_of_a_group_starts_once_its_stop_is_answered(_: PgPoolOptions, on: PgConnectOptions) {
    let (world, receiver) = (World::new(&on).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let group = world.group_of("Nightly").await;
    let task = world.firing(&receiver, "/ok", |draft| draft.task_group_id = Some(group.id)).await;
    // A run waits for its turn, and the next one is due.
    trigger(&world.backend, &ADA, world.project.id, task.uuid).await.unwrap();
    world.all_due().await;
    world.put(&group, RunState::NotRunning).await;
    let asked = trigger(&world.backend, &ADA, world.project.id, task.uuid).await;
    assert_eq!(kind(asked), ProblemKind::GroupStopped);
    for _ in 0..3 {
        assert_eq!(node.step().await.started, 0);
    }
    assert_eq!(receiver.calls().len(), 0);
    world.put(&group, RunState::Running).await;
    while groups::replan(&world.backend).await.unwrap() {}
    node.until(&world, "SELECT count(*) > 0 AND bool_and(status = 'SUCCESS') FROM executions").await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_start_or_stop_touches_the_group_alone_however_many_tasks_it_has(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let group = world.group_of("Many").await;
    for _ in 0..200 {
        world.planned(world.project.id, |draft| draft.task_group_id = Some(group.id)).await;
    }
    let before = world.plans().await;
    for state in [RunState::NotRunning, RunState::Running, RunState::NotRunning] {
        world.put(&group, state).await;
        assert_eq!(world.plans().await, before, "a request writes rows of its tasks");
    }
    // They are planned anew afterwards, in batches.
    while groups::replan(&world.backend).await.unwrap() {}
    assert_ne!(world.plans().await, before);
    world.end().await;
}
