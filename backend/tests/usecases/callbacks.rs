//! Callbacks: lines and ends that the client of an execution reports.

use crate::histories::at;
use crate::support::{World, actor, kind, refused};
use backend::api_keys::KeyHolder;
use backend::executions::callbacks::{self, Answer};
use backend::executions::{self, LogQuery};
use backend::tasks::delete::{self, Outcome};
use chrono::{TimeDelta, Utc};
use domain::api_key::Scope;
use domain::error::ProblemKind;
use domain::execution::{ExecutionStatus, LogLevel};
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

fn key_of(world: &World) -> KeyHolder {
    KeyHolder {
        id: Uuid::now_v7(),
        name: "CI".to_owned(),
        project_id: world.project.id,
        scopes: vec![Scope::Callbacks],
    }
}

async fn log(world: &World, id: Uuid, message: &str) -> backend::Result<Answer> {
    callbacks::log(&world.backend, &key_of(world), id, "info", message).await
}

async fn report(world: &World, id: Uuid, status: &str) -> backend::Result<Answer> {
    callbacks::report(&world.backend, &key_of(world), id, status, None).await
}

async fn status(world: &World, id: Uuid) -> ExecutionStatus {
    executions::get(&world.backend, world.project.id, id).await.unwrap().status
}

fn is_taken(answer: &backend::Result<Answer>) -> bool {
    matches!(answer, Ok(Answer::Taken(_)))
}

#[sqlx::test(migrations = false)]
async fn an_execution_ends_as_its_client_says_and_is_counted_and_told_once(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let begin = at("2026-11-20T10:00:00Z");
    for (n, waiting) in ["RUNNING", "PENDING", "RETRY_WAIT"].iter().enumerate() {
        let id = world.ran(&task, begin + TimeDelta::minutes(n as i64), waiting).await;
        assert!(is_taken(&report(&world, id, "RUNNING").await));
        assert_eq!(status(&world, id).await.as_str(), *waiting, "RUNNING changes nothing");
        assert!(is_taken(&report(&world, id, "SUCCESS").await));
        assert!(is_taken(&report(&world, id, "SUCCESS").await), "a repeat is no error");
        let ended = executions::get(&world.backend, world.project.id, id).await.unwrap();
        assert_eq!((ended.status, ended.error), (ExecutionStatus::Success, None));
        assert!(ended.finished_at.is_some_and(|at| at <= Utc::now()));
        for other in ["RUNNING", "FAILED"] {
            assert_eq!(kind(report(&world, id, other).await), ProblemKind::ExecutionEnded);
        }
    }
    assert_eq!(world.events(&task).await.iter().filter(|kind| *kind == "ExecutionsEnded").count(), 3);
    let stats = executions::stats(&world.backend, world.project.id, Some(task.uuid), Some(1), None).await.unwrap();
    let of_project = executions::stats(&world.backend, world.project.id, None, Some(1), None).await.unwrap();
    assert_eq!((stats[0].success, of_project[0].success), (3, 3));
    assert_eq!(world.count("executions WHERE retry_at IS NOT NULL").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_failure_says_why(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let key = key_of(&world);
    for (error, shown) in [(Some(" Out of paper. "), "Out of paper."), (None, "The client says that it failed.")] {
        let id = world.ran(&task, Utc::now(), "RUNNING").await;
        callbacks::report(&world.backend, &key, id, "FAILED", error).await.unwrap();
        let ended = executions::get(&world.backend, world.project.id, id).await.unwrap();
        assert_eq!((ended.status, ended.error.as_deref()), (ExecutionStatus::Failed, Some(shown)));
    }
    assert_eq!(executions::failed_since(&world.backend, &[world.project.id], 1).await.unwrap()[0].1, 2);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_was_cancelled_or_skipped_stays_so(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    for ended in ["CANCELLED", "SKIPPED", "FAILED"] {
        let id = world.ran(&task, Utc::now(), ended).await;
        for said in ["RUNNING", "SUCCESS"] {
            let refusal = refused(report(&world, id, said).await);
            assert_eq!(refusal.kind, ProblemKind::ExecutionEnded);
            assert!(refusal.detail.contains(ended), "{}", refusal.detail);
        }
        assert_eq!(status(&world, id).await.as_str(), ended);
    }
    assert_eq!(world.count("execution_counts").await, 0);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn of_reports_that_contradict_each_other_at_the_same_time_one_wins(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    for _ in 0..20 {
        let id = world.ran(&task, Utc::now(), "RUNNING").await;
        let said = ["SUCCESS", "FAILED", "SUCCESS", "FAILED"];
        let answers = join_all(said.iter().map(|said| report(&world, id, said))).await;
        let won = status(&world, id).await;
        for (said, answer) in said.iter().zip(answers) {
            match *said == won.as_str() {
                true => assert!(is_taken(&answer)),
                false => assert_eq!(kind(answer), ProblemKind::ExecutionEnded),
            }
        }
    }
    let stats = executions::stats(&world.backend, world.project.id, None, Some(1), None).await.unwrap();
    assert_eq!(stats[0].success + stats[0].failed, 20);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn lines_are_kept_in_order_and_followers_are_told_once_a_second(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let id = world.ran(&task, Utc::now(), "RUNNING").await;
    let key = key_of(&world);
    for n in 0..30 {
        callbacks::log(&world.backend, &key, id, "warn", &format!("line {n}")).await.unwrap();
    }
    let query = LogQuery { limit: Some(200), ..LogQuery::default() };
    let lines = executions::logs(&world.backend, world.project.id, id, &query).await.unwrap().data;
    let expected: Vec<_> = (0..30).map(|n| (LogLevel::Warn, format!("line {n}"))).collect();
    assert_eq!(lines.iter().map(|line| (line.level, line.message.clone())).collect::<Vec<_>>(), expected);
    let seconds = (lines[29].created_at.timestamp() - lines[0].created_at.timestamp()) + 1;
    let told = world.events(&task).await.iter().filter(|kind| *kind == "ExecutionLogged").count() as i64;
    assert!((1..=seconds).contains(&told), "{told} events in {seconds} s");
    assert_eq!(executions::get(&world.backend, world.project.id, id).await.unwrap().log_lines, 30);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn ten_thousand_lines_are_kept_then_a_marker_then_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let id = world.ran(&task, Utc::now(), "RUNNING").await;
    world.lines(id, 9_998).await;
    // However many come at the same time.
    let answers = join_all((0..8).map(|n| log(&world, id, Box::leak(format!("last {n}").into_boxed_str())))).await;
    assert!(answers.iter().all(is_taken));
    assert!(is_taken(&log(&world, id, "too much").await));
    assert_eq!(world.count("execution_logs").await, 10_001);
    let last = "execution_logs WHERE level = 'warn' AND message = 'Further lines are not kept.' AND id = (SELECT max(id) FROM execution_logs)";
    assert_eq!(world.count(last).await, 1);
    assert_eq!(world.count("execution_logs WHERE message LIKE 'last %'").await, 2);
    assert_eq!(executions::get(&world.backend, world.project.id, id).await.unwrap().log_lines, 10_001);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_kept_is_refused_by_its_name(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let id = world.ran(&task, Utc::now(), "RUNNING").await;
    let key = key_of(&world);
    let long = "ä".repeat(16_385);
    for (field, level, message) in
        [("level", "debug", "x"), ("message", "info", long.as_str()), ("message", "info", "a\0b")]
    {
        let refusal = refused(callbacks::log(&world.backend, &key, id, level, message).await);
        assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::ValidationFailed, field));
    }
    let bad =
        [("status", "CANCELLED", None), ("error", "FAILED", Some(long.as_str())), ("error", "SUCCESS", Some("why"))];
    for (field, status, error) in bad {
        let refusal = refused(callbacks::report(&world.backend, &key, id, status, error).await);
        assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::ValidationFailed, field));
    }
    assert_eq!((world.count("execution_logs").await, status(&world, id).await), (0, ExecutionStatus::Running));
    assert!(is_taken(&log(&world, id, &"ä".repeat(16_384)).await));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_key_reaches_its_own_project_and_only_what_it_is_for(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let id = world.ran(&task, Utc::now(), "RUNNING").await;
    let stranger = KeyHolder {
        id: Uuid::now_v7(),
        name: "CI".to_owned(),
        project_id: Uuid::now_v7(),
        scopes: vec![Scope::Callbacks],
    };
    let reader = KeyHolder { scopes: vec![Scope::Read, Scope::Write, Scope::Delete], ..key_of(&world) };
    for (key, refusal) in [(stranger, ProblemKind::ExecutionNotFound), (reader, ProblemKind::Forbidden)] {
        assert_eq!(kind(callbacks::log(&world.backend, &key, id, "info", "x").await), refusal);
        assert_eq!(kind(callbacks::report(&world.backend, &key, id, "SUCCESS", None).await), refusal);
    }
    assert_eq!((world.count("execution_logs").await, status(&world, id).await), (0, ExecutionStatus::Running));
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_callback_for_a_task_that_is_gone_is_counted_on_its_receipt(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let (running, before) =
        (world.ran(&task, Utc::now(), "RUNNING").await, world.ran(&task, at("2026-11-20T10:00:00Z"), "SUCCESS").await);
    let deletion = world.request(&task).await;
    assert_eq!(deletion.in_flight, [running]);
    assert!(is_taken(&log(&world, running, "still here").await), "it is only fenced");
    executions::cancel(&world.backend, &actor(), world.project.id, running).await.unwrap();
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    assert_eq!(log(&world, running, "late").await.unwrap(), Answer::TaskDeleted);
    assert_eq!(report(&world, running, "SUCCESS").await.unwrap(), Answer::TaskDeleted);
    assert_eq!(report(&world, running, "FAILED").await.unwrap(), Answer::TaskDeleted);
    assert_eq!(world.deletion(deletion.id).await.receipt.unwrap().late_callbacks, 3);
    for unknown in [before, Uuid::now_v7()] {
        assert_eq!(kind(report(&world, unknown, "SUCCESS").await), ProblemKind::ExecutionNotFound);
    }
    let stranger =
        KeyHolder { id: Uuid::now_v7(), name: "CI".to_owned(), project_id: Uuid::now_v7(), ..key_of(&world) };
    let answer = callbacks::report(&world.backend, &stranger, running, "SUCCESS", None).await;
    assert_eq!(kind(answer), ProblemKind::ExecutionNotFound);
    assert_eq!(world.deletion(deletion.id).await.receipt.unwrap().late_callbacks, 3);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_end_of_what_was_in_flight_lets_the_deletion_go_on(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let running = world.ran(&task, Utc::now(), "RUNNING").await;
    let deletion = world.request(&task).await;
    assert!(matches!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::NotYet(_)));
    assert!(is_taken(&report(&world, running, "SUCCESS").await));
    assert_eq!(delete::perform(&world.backend, deletion.id).await.unwrap(), Outcome::Deleted);
    let counts = format!("execution_counts WHERE subject = '{}'", task.uuid);
    assert_eq!(
        (world.count(&counts).await, world.count("(SELECT DISTINCT subject FROM execution_counts) AS counted").await),
        (0, 1),
        "the project's stays"
    );
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_a_callback_ended_is_in_flight_as_long_as_its_node_may_send_a_call(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let (task, other, waiting) = (world.task("a").await, world.task("b").await, world.task("c").await);
    // A client that was called before ends it while the node is about to call again; it hears of the end later.
    let held = world.ran(&task, Utc::now(), "RUNNING").await;
    let over = world.ran(&other, Utc::now(), "RUNNING").await;
    let awaited = world.ran(&waiting, Utc::now(), "RUNNING").await;
    let statement = "UPDATE executions SET lease_until = CASE WHEN id = $1 THEN now() ELSE lease_until END,
                            node = CASE WHEN id = $2 THEN NULL ELSE node END";
    sqlx::query(statement).bind(over).bind(awaited).execute(&world.pool).await.unwrap();
    for id in [held, over, awaited] {
        report(&world, id, "SUCCESS").await.unwrap();
    }
    assert_eq!(world.request(&task).await.in_flight, [held]);
    assert!(world.request(&other).await.in_flight.is_empty(), "its lease is over");
    assert!(world.request(&waiting).await.in_flight.is_empty(), "no node has it");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn lines_that_come_while_history_is_removed_are_kept_or_late_and_never_left_over(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    for n in 0..15 {
        let task = world.task(&format!("{n}")).await;
        let running = world.ran(&task, Utc::now(), "RUNNING").await;
        let deletion = world.request(&task).await;
        report(&world, running, "SUCCESS").await.unwrap();
        let lines = join_all((0..6).map(|_| log(&world, running, "line")));
        let (outcome, answers) = futures::join!(delete::perform(&world.backend, deletion.id), lines);
        assert_eq!(outcome.unwrap(), Outcome::Deleted);
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        let late = answers.iter().filter(|answer| **answer == Answer::TaskDeleted).count();
        let receipt = world.deletion(deletion.id).await.receipt.unwrap();
        assert_eq!((receipt.late_callbacks as usize, receipt.execution_logs as usize), (late, answers.len() - late));
        assert_eq!(world.count("execution_logs").await, 0);
    }
    world.end().await;
}
