//! Attempts of one execution: tried again with the same id, when the endpoint or the policy says, until they are used up; taken
//! over from a dead node; and an end that cannot be written at once.

use crate::node::{ALL_ENDED, Node, Run, SETTINGS, die_calling};
use crate::receiver::Receiver;
use crate::support::{World, actor};
use backend::clock::{Clock, Moment};
use backend::{Policies, executions};
use chrono::{TimeDelta, Utc};
use domain::task::{Completion, Task, TaskDraft};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const SOMETHING_WAITS: &str = "SELECT EXISTS (SELECT FROM executions WHERE status = 'RETRY_WAIT')";
const SOMETHING_RUNS: &str = "SELECT EXISTS (SELECT FROM executions WHERE status = 'RUNNING')";
/// Makes what waits for its next attempt due.
const NOW: &str = "UPDATE executions SET retry_at = clock_timestamp() WHERE status = 'RETRY_WAIT'";
/// As if the node that has it had been silent for a lease's time.
const LEASE_OVER: &str =
    "UPDATE executions SET lease_until = clock_timestamp() - interval '1 s' WHERE status = 'RUNNING'";

#[sqlx::test(migrations = false)]
async fn a_call_that_fails_is_made_again_with_the_same_id_until_its_attempts_are_used_up(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/status/503", |draft| draft.max_attempts = Some(3)).await;
    world.all_due().await;
    for attempt in 1..=2 {
        node.step().await;
        world.until(SOMETHING_WAITS).await;
        let run = world.run(&task).await;
        let longest = 5.0 * f64::from(attempt);
        assert!(run.retry_in.is_some_and(|seconds| seconds <= longest), "{run:?}");
        assert_eq!((run.attempt, run.error()), (attempt, "The endpoint answered 503."));
        world.execute(NOW).await;
    }
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    let (run, calls) = (world.run(&task).await, receiver.calls());
    assert_eq!((run.status.as_str(), run.attempt), ("FAILED", 3));
    assert!(calls.iter().all(|call| call.id() == run.id));
    let attempt = |body: &String| serde_json::from_str::<Value>(body).unwrap()["attempt"].clone();
    let attempts: Vec<Value> = calls.iter().map(|call| attempt(&call.body)).collect();
    assert_eq!(attempts, [json!(1), json!(2), json!(3)]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_endpoint_that_says_when_to_come_again_is_called_then(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let mut tasks = Vec::new();
    let later = Utc::now() + TimeDelta::seconds(300);
    // The three forms of RFC 9110, 5.6.7.
    let later = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .map(|form| (later.format(form).to_string(), 290.0, 301.0));
    let seconds = [("120".to_owned(), 110.0, 121.0), ("3600".to_owned(), 3_590.0, 3_601.0)];
    for (asked, least, most) in later.iter().chain(&seconds) {
        let (asked, least, most) = (asked.as_str(), *least, *most);
        let project = world.calling(asked, &receiver.url(&format!("/retry-after/{}", asked.replace(' ', "%20")))).await;
        tasks.push((world.planned(project.id, |_| {}).await, least, most));
    }
    world.all_due().await;
    node.step().await;
    world.until("SELECT count(*) = 5 FROM executions WHERE status = 'RETRY_WAIT'").await;
    for (task, least, most) in tasks {
        let run = world.run(&task).await;
        assert!(run.retry_in.is_some_and(|seconds| (least..most).contains(&seconds)), "{least}: {run:?}");
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_a_dead_node_had_is_called_again_with_the_same_id(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let task = world.firing(&receiver, "/held", |draft| draft.max_attempts = Some(1)).await;
    world.all_due().await;
    die_calling(&world, &receiver, 1).await;
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    node.rescue().await;
    assert_eq!(world.run(&task).await.attempt, 1, "its lease is not over");
    world.execute(LEASE_OVER).await;
    node.step().await;
    assert_eq!(world.run(&task).await.attempt, 1, "the database was not reached for long enough");
    receiver.open(true);
    node.rescue().await;
    node.until(&world, ALL_ENDED).await;
    let (run, calls) = (world.run(&task).await, receiver.calls());
    assert_eq!((run.status.as_str(), run.attempt), ("SUCCESS", 2));
    assert_eq!(calls.iter().map(crate::receiver::Call::id).collect::<Vec<_>>(), [run.id, run.id]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_a_dead_node_had_is_not_called_again_when_the_task_is_deleted_or_disabled(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let deleted = world.firing(&receiver, "/held", |_| {}).await;
    let disabled = world.planned(world.project.id, |_| {}).await;
    world.all_due().await;
    die_calling(&world, &receiver, 2).await;
    world.request(&deleted).await;
    world.change(&disabled, backend::tasks::Change::Status("DISABLED".to_owned())).await.unwrap();
    world.execute(LEASE_OVER).await;
    receiver.open(true);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    node.rescue().await;
    node.step().await;
    let reasons = [(deleted, "being deleted."), (disabled, "disabled.")];
    for (task, why) in reasons {
        let run = world.run(&task).await;
        assert_eq!((run.status.as_str(), run.attempt), ("FAILED", 1));
        let reason =
            format!("The node that ran it (node-2) shows no sign of life. It is not tried again: the task is {why}");
        assert_eq!(run.error(), reason);
    }
    assert_eq!(receiver.calls().len(), 2);
    world.end().await;
}

/// A clock whose wall runs ahead by most of a lease each time that somebody looks, while it is told to: between a claim and its
/// call the node seems held up.
fn jumping(jumps: &Arc<AtomicBool>) -> Clock {
    let (system, jumps, ahead) = (Clock::system(), Arc::clone(jumps), AtomicU64::new(0));
    Clock::new(move || {
        let now = system.now();
        let step = u64::from(jumps.load(SeqCst)) * (SETTINGS.send_within().as_secs() + 1);
        Moment { wall: now.wall + Duration::from_secs(ahead.fetch_add(step, SeqCst) + step), ..now }
    })
}

#[sqlx::test(migrations = false)]
async fn an_attempt_that_was_held_up_is_not_sent_does_not_count_and_is_made_after_a_pause_that_grows(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver, jumps) =
        (World::new(&options).await, Receiver::start().await, Arc::new(AtomicBool::new(true)));
    let mut node = Node::with_clock(world.backend.clone(), SETTINGS, jumping(&jumps));
    let task = world.firing(&receiver, "/ok", |draft| draft.max_attempts = Some(1)).await;
    world.all_due().await;
    for pause in [2.5, 5.0, 10.0] {
        assert_eq!(node.step().await.started, 1);
        world.until(SOMETHING_WAITS).await;
        let run = world.run(&task).await;
        assert_eq!((run.attempt, run.error()), (1, "Not called: the node was held up for too long."));
        assert!(run.retry_in.is_some_and(|seconds| (pause - 1.0..=2.0 * pause).contains(&seconds)), "{run:?}");
        assert_eq!(node.step().await.started, 0, "it was tried again at once");
        world.execute(NOW).await;
    }
    assert!(receiver.calls().is_empty());
    jumps.store(false, SeqCst);
    node.until(&world, ALL_ENDED).await;
    let (run, calls) = (world.run(&task).await, receiver.calls());
    assert_eq!((run.status.as_str(), run.attempt, calls.len()), ("SUCCESS", 1, 1));
    assert_eq!(serde_json::from_str::<Value>(&calls[0].body).unwrap()["attempt"], 1);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_was_held_up_for_six_hours_ends_with_that_reason(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver, jumps) =
        (World::new(&options).await, Receiver::start().await, Arc::new(AtomicBool::new(true)));
    let mut node = Node::with_clock(world.backend.clone(), SETTINGS, jumping(&jumps));
    let task = world.firing(&receiver, "/ok", |_| {}).await;
    world.all_due().await;
    node.step().await;
    world.until(SOMETHING_WAITS).await;
    world.execute("UPDATE executions SET created_at = created_at - interval '6 h'").await;
    world.execute(NOW).await;
    node.step().await;
    world.until(ALL_ENDED).await;
    let run = world.run(&task).await;
    let reason = "Not called: the node was held up for too long. It was tried for 6 h, and held up each time.";
    assert_eq!((run.status.as_str(), run.attempt, run.error()), ("FAILED", 1, reason));
    assert!(receiver.calls().is_empty());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn after_a_step_that_hung_everybody_gets_a_leases_time_again(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut other = Node::start(world.node("node-2", Policies::default()), SETTINGS);
    let task = world.firing(&receiver, "/held", |_| {}).await;
    world.all_due().await;
    other.step().await;
    receiver.until(1).await;
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    node.step().await;
    // Nobody can show a sign of life meanwhile; a step that finds no end is given up.
    let mut blocked = world.pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE executions, task_schedules").execute(&mut *blocked).await.unwrap();
    let hangs = tokio::time::timeout(Duration::from_millis(300), node.scheduler.step(Instant::now())).await;
    assert!(hangs.is_err(), "it should have hung");
    blocked.rollback().await.unwrap();
    world.execute(LEASE_OVER).await;
    node.step_at(Instant::now() + SETTINGS.lease).await;
    assert_eq!(world.run(&task).await.attempt, 1, "a node that lives was robbed");
    receiver.open(true);
    world.until(ALL_ENDED).await;
    assert_eq!((world.run(&task).await.attempt, receiver.calls().len()), (1, 1));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_end_that_cannot_be_written_is_written_when_the_database_takes_it_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/held", |_| {}).await;
    world.all_due().await;
    node.step().await;
    receiver.until(1).await;
    world.refuse("UPDATE ON executions", "57P03").await;
    receiver.open(true);
    world
        .until("SELECT EXISTS (SELECT FROM pg_stat_database WHERE datname = current_database() AND xact_rollback > 2)")
        .await;
    assert_eq!(world.run(&task).await.status, "RUNNING");
    world.allow().await;
    world.until(ALL_ENDED).await;
    assert_eq!((world.run(&task).await.status.as_str(), receiver.calls().len()), ("SUCCESS", 1));
    world.end().await;
}

fn by_callback(draft: &mut TaskDraft) {
    (draft.completion, draft.max_attempts) = (Some(Completion::Callback), Some(2));
}

async fn awaited(world: &World, task: &Task) -> Run {
    world.until("SELECT EXISTS (SELECT FROM executions WHERE status = 'RUNNING' AND node IS NULL)").await;
    world.run(task).await
}

#[sqlx::test(migrations = false)]
async fn an_execution_that_a_callback_ends_waits_for_it_and_is_tried_again_when_none_comes(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/ok", by_callback).await;
    world.all_due().await;
    node.step().await;
    for attempt in 1..=2 {
        let run = awaited(&world, &task).await;
        assert_eq!((run.attempt, &run.response.unwrap()["status"]), (attempt, &json!(200)));
        node.rescue().await;
        assert_eq!(world.run(&task).await.attempt, attempt, "its time is not up");
        world.execute(LEASE_OVER).await;
        node.rescue().await;
        node.step().await;
    }
    world.until(ALL_ENDED).await;
    let run = world.run(&task).await;
    assert_eq!((run.status.as_str(), run.error()), ("FAILED", "No callback came within 30 s."));
    assert_eq!(receiver.calls().len(), 2);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_client_that_reports_the_end_before_it_answers_is_not_cut_off(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/held", by_callback).await;
    world.all_due().await;
    node.step().await;
    receiver.until(1).await;
    world.execute("UPDATE executions SET status = 'FAILED', finished_at = now(), lease_until = NULL").await;
    let looks = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT id FROM executions WHERE id = ANY%'";
    node.executor.look();
    world.until(looks).await;
    receiver.open(true);
    world.until("SELECT response IS NOT NULL FROM executions").await;
    assert_eq!(world.run(&task).await.status, "FAILED");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_cancelled_execution_has_ended_and_its_node_hangs_up(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/held", |_| {}).await;
    world.all_due().await;
    node.step().await;
    receiver.until(1).await;
    let id = world.run(&task).await.id;
    for _ in 0..2 {
        let cancelled = executions::cancel(&world.backend, &actor(), world.project.id, id).await.unwrap();
        assert_eq!(cancelled.status, domain::execution::ExecutionStatus::Cancelled);
    }
    node.executor.look();
    receiver.until_hung_up(1).await;
    world.until(ALL_ENDED).await;
    let run = world.run(&task).await;
    assert_eq!((run.status.as_str(), run.error()), ("CANCELLED", "Cancelled by Ada"));
    world.execute("DELETE FROM executions").await;
    receiver.open(true);
    world.all_due().await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    let ended = executions::cancel(&world.backend, &actor(), world.project.id, world.run(&task).await.id).await;
    assert_eq!(crate::support::kind(ended), domain::error::ProblemKind::ExecutionEnded);
    assert!(!sqlx::query_scalar::<_, bool>(SOMETHING_RUNS).fetch_one(&world.pool).await.unwrap());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_statement_that_always_takes_too_long_keeps_no_end_unwritten_and_no_place_taken(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    // Writing alerts never ends: the statement runs into its time limit.
    let endless = "CREATE FUNCTION endless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$;
        CREATE TRIGGER endless BEFORE INSERT ON task_troubles FOR EACH ROW EXECUTE FUNCTION endless()";
    world.execute(endless).await;
    world.alert(json!({ "emails": ["ops@example.com"] })).await;
    let impatient = options.options([("statement_timeout", "200ms")]);
    let pool = sqlx::postgres::PgPoolOptions::new().connect_with(impatient).await.unwrap();
    let backend = backend::Backend::new(
        pool.clone(),
        std::sync::Arc::new(world.queue.clone()),
        Default::default(),
        Policies::default(),
        "n",
    );
    // One place: the second run starts when the end of the first is written.
    let mut node = Node::start(backend, backend::executor::ExecutorSettings { calls: 1, ..SETTINGS });
    for _ in 0..2 {
        world.failing(&receiver).await;
    }
    world.all_due().await;
    node.until(&world, "SELECT count(*) = 2 FROM executions WHERE status = 'FAILED'").await;
    assert_eq!(world.count("executions WHERE response IS NOT NULL").await, 2);
    assert_eq!(
        // A session that wrote ends singly may have changed: then a subject has a row of each.
        world.count("(SELECT DISTINCT subject FROM execution_counts WHERE failed > 0) AS counted").await,
        3,
        "ends are counted: two tasks and their project"
    );
    node.stop().await;
    pool.close().await;
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_a_callback_ended_is_in_flight_until_its_call_is_over(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let task = world.firing(&receiver, "/held", |_| {}).await;
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    world.all_due().await;
    node.step().await;
    receiver.until(1).await;
    world.execute("UPDATE executions SET status = 'SUCCESS', finished_at = now()").await;
    receiver.open(true);
    world.until("SELECT bool_and(response IS NOT NULL AND lease_until IS NULL) FROM executions").await;
    assert_eq!(
        world.request(&task).await.in_flight,
        [] as [uuid::Uuid; 0],
        "its call is over: a deletion lists it no more"
    );
    node.stop().await;
    world.end().await;
}
