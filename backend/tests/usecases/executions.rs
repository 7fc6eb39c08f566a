//! Lists of executions, logs and counts by day.

use crate::histories::at;
use crate::support::{ADA, World, kind, refused};
use backend::executions::{self, ExecutionQuery, LogQuery};
use chrono::{TimeDelta, Timelike, Utc};
use domain::error::ProblemKind;
use domain::execution::{Execution, ExecutionStatus};
use domain::page::Page;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

fn of(task_id: Option<Uuid>) -> ExecutionQuery {
    ExecutionQuery { task_id, ..ExecutionQuery::default() }
}

fn ids(page: &Page<Execution>) -> Vec<Uuid> {
    page.data.iter().map(|execution| execution.id).collect()
}

async fn listed(world: &World, query: &ExecutionQuery) -> Vec<Uuid> {
    ids(&executions::list(&world.backend, world.project.id, query).await.unwrap())
}

#[sqlx::test(migrations = false)]
async fn executions_of_a_task_and_of_a_project_come_newest_first_in_pages(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let (task, other) = (world.task("a").await, world.task("b").await);
    let begin = at("2026-11-20T10:00:00Z");
    let mut of_task = Vec::new();
    let mut of_project = Vec::new();
    for n in 0..7 {
        of_task.push(world.ran(&task, begin + TimeDelta::minutes(n), "SUCCESS").await);
        of_project.push(*of_task.last().unwrap());
        of_project.push(world.ran(&other, begin + TimeDelta::minutes(n) + TimeDelta::seconds(1), "FAILED").await);
    }
    of_task.reverse();
    of_project.reverse();
    for (task_id, expected) in [(Some(task.uuid), of_task), (None, of_project)] {
        let mut query = ExecutionQuery { limit: Some(3), ..of(task_id) };
        let mut found = Vec::new();
        loop {
            let page = executions::list(&world.backend, world.project.id, &query).await.unwrap();
            assert!(page.data.len() <= 3);
            found.extend(ids(&page));
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn statuses_choose_and_pages_go_on_among_them(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let begin = at("2026-11-20T10:00:00Z");
    let mut all = Vec::new();
    for (n, status) in ExecutionStatus::ALL.iter().cycle().take(21).enumerate() {
        let id = world.ran(&task, begin + TimeDelta::minutes(n as i64), status.as_str()).await;
        all.insert(0, (id, *status));
    }
    for named in ["FAILED", "SUCCESS, FAILED", "RUNNING,PENDING,SKIPPED", "CANCELLED,RETRY_WAIT,SUCCESS,CANCELLED"] {
        let expected: Vec<_> =
            all.iter().filter(|(_, status)| named.contains(status.as_str())).map(|(id, _)| *id).collect();
        for task_id in [Some(task.uuid), None] {
            let query = ExecutionQuery { status: Some(named.to_owned()), limit: Some(2), ..of(task_id) };
            let first = executions::list(&world.backend, world.project.id, &query).await.unwrap();
            let rest = ExecutionQuery { cursor: first.next_cursor.clone(), limit: None, ..query };
            let rest = executions::list(&world.backend, world.project.id, &rest).await.unwrap();
            assert_eq!([ids(&first), ids(&rest)].concat(), expected, "{named}");
        }
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_day_is_the_day_of_the_zone_that_is_asked_for(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    // The clocks of Berlin go back on 2026-10-25: that day has 25 hours.
    let moments =
        ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"].map(at);
    let mut ran = Vec::new();
    for moment in moments {
        ran.insert(0, world.ran(&task, moment, "SUCCESS").await);
    }
    for task_id in [Some(task.uuid), None] {
        let day = |date: &str, tz: Option<&str>| ExecutionQuery {
            date: Some(date.to_owned()),
            tz: tz.map(str::to_owned),
            ..of(task_id)
        };
        assert_eq!(listed(&world, &day("2026-10-25", Some("Europe/Berlin"))).await, ran[1..3]);
        assert_eq!(listed(&world, &day("2026-10-25", None)).await, ran[..2]);
        assert_eq!(listed(&world, &day("2026-10-24", None)).await, ran[2..]);
        assert!(listed(&world, &day("2026-10-23", Some("Asia/Tokyo"))).await.is_empty());
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_a_filter_is_refused_by_its_name(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let text = |text: &str| Some(text.to_owned());
    for task_id in [Some(task.uuid), None] {
        let bad = [
            ("status", ExecutionQuery { status: text("GOOD"), ..of(task_id) }),
            ("date", ExecutionQuery { date: text("2026-02-30"), ..of(task_id) }),
            ("date", ExecutionQuery { date: text("2026-2-3"), ..of(task_id) }),
            ("date", ExecutionQuery { date: text("1969-12-31"), ..of(task_id) }),
            ("date", ExecutionQuery { date: text("+12026-01-01"), ..of(task_id) }),
            ("tz", ExecutionQuery { tz: text("Berlin"), ..of(task_id) }),
            ("limit", ExecutionQuery { limit: Some(0), ..of(task_id) }),
            ("cursor", ExecutionQuery { cursor: text("zzz"), ..of(task_id) }),
            ("cursor", ExecutionQuery { cursor: text("7fffffffffffffff"), ..of(task_id) }),
            ("cursor", ExecutionQuery { cursor: text("-000000000000001"), ..of(task_id) }),
        ];
        for (field, query) in bad {
            let refusal = refused(executions::list(&world.backend, world.project.id, &query).await);
            assert_eq!((refusal.kind, refusal.errors[0].field.as_str()), (ProblemKind::InvalidRequest, field));
        }
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn of_a_task_that_is_gone_or_in_another_project_nothing_is_listed(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let id = world.ran(&task, Utc::now(), "SUCCESS").await;
    let other =
        backend::projects::create(&world.backend, &ADA, crate::support::project_draft("Other", 0)).await.unwrap();
    let query = of(Some(task.uuid));
    assert_eq!(kind(executions::list(&world.backend, other.id, &query).await), ProblemKind::TaskNotFound);
    assert_eq!(kind(executions::get(&world.backend, other.id, id).await), ProblemKind::ExecutionNotFound);
    let logs = executions::logs(&world.backend, other.id, id, &LogQuery::default()).await;
    assert_eq!(kind(logs), ProblemKind::ExecutionNotFound);
    let stats = executions::stats(&world.backend, other.id, Some(task.uuid), None, None).await;
    assert_eq!(kind(stats), ProblemKind::TaskNotFound);
    assert_eq!(kind(executions::list(&world.backend, Uuid::now_v7(), &of(None)).await), ProblemKind::ProjectNotFound);
    backend::tasks::delete::perform(&world.backend, world.request(&task).await.id).await.unwrap();
    assert_eq!(kind(executions::list(&world.backend, world.project.id, &query).await), ProblemKind::TaskDeleted);
    assert_eq!(kind(executions::get(&world.backend, world.project.id, id).await), ProblemKind::ExecutionNotFound);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_list_leaves_the_body_of_the_answer_to_the_one_who_asks_for_one(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let id = world.ran(&task, Utc::now(), "SUCCESS").await;
    let one = executions::get(&world.backend, world.project.id, id).await.unwrap();
    let page = executions::list(&world.backend, world.project.id, &of(None)).await.unwrap();
    let [mut listed] = <[Execution; 1]>::try_from(page.data).unwrap();
    let response = listed.response.as_mut().unwrap();
    assert_eq!((response.body.as_str(), one.duration_ms), ("", Some(2_000)));
    response.body = "a long answer".to_owned();
    assert_eq!(listed, one);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_log_is_read_on_behind_the_last_line_that_is_known(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let (id, other) =
        (world.ran(&task, Utc::now(), "RUNNING").await, world.ran(&task, at("2026-11-20T10:00:00Z"), "RUNNING").await);
    world.lines(id, 5).await;
    world.lines(other, 5).await;
    let read = async |query: LogQuery| executions::logs(&world.backend, world.project.id, id, &query).await.unwrap();
    let first = read(LogQuery { limit: Some(3), ..LogQuery::default() }).await;
    let said = |page: &Page<domain::execution::LogLine>| {
        page.data.iter().map(|line| format!("{} {}", line.level, line.message)).collect::<Vec<_>>()
    };
    assert_eq!(said(&first), ["warn line 1", "error line 2", "info line 3"]);
    let after: i64 = first.next_cursor.unwrap().parse().unwrap();
    assert_eq!(after, first.data[2].id);
    let second = read(LogQuery { after: Some(after), ..LogQuery::default() }).await;
    assert_eq!(
        (said(&second).as_slice(), &second.next_cursor),
        (["warn line 4", "error line 5"].map(str::to_owned).as_slice(), &None)
    );
    let last = second.data[1].id;
    assert!(read(LogQuery { after: Some(last), ..LogQuery::default() }).await.data.is_empty());
    let errors = read(LogQuery { level: Some("error,info".to_owned()), ..LogQuery::default() }).await;
    assert_eq!(said(&errors), ["error line 2", "info line 3", "error line 5"]);
    let bad = LogQuery { level: Some("debug".to_owned()), ..LogQuery::default() };
    let refusal = refused(executions::logs(&world.backend, world.project.id, id, &bad).await);
    assert_eq!(refusal.errors[0].field, "level");
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn counts_are_sums_of_the_days_of_a_zone_and_days_without_an_end_are_zero(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let world = World::new(&on).await;
    let task = world.task("a").await;
    let today = Utc::now().date_naive();
    let evening = |back: i64, time: &str| format!("{}T{time}Z", today - TimeDelta::days(back));
    for (subject, failed) in [(task.uuid, 1), (world.project.id, 4)] {
        world.counted(subject, &evening(2, "23:30:00"), 3, failed).await;
        world.counted(subject, &evening(2, "00:00:00"), 2, 0).await;
    }
    let stats = async |task, days, tz| executions::stats(&world.backend, world.project.id, task, days, tz).await;
    let of_task = stats(Some(task.uuid), Some(4), None).await.unwrap();
    let shown: Vec<_> = of_task.iter().map(|day| (day.day.clone(), day.success, day.failed)).collect();
    let day = |back| (today - TimeDelta::days(back)).to_string();
    assert_eq!(shown, [(day(3), 0, 0), (day(2), 5, 1), (day(1), 0, 0), (day(0), 0, 0)]);
    assert_eq!(stats(None, Some(90), None).await.unwrap().iter().map(|day| day.failed).sum::<i64>(), 4);
    // In Kathmandu, 5:45 ahead, half past eleven in the evening is the next morning.
    let there = stats(Some(task.uuid), Some(5), Some("Asia/Kathmandu")).await.unwrap();
    let full: Vec<_> =
        there.iter().filter(|day| day.success > 0).map(|shown| (shown.day.clone(), shown.success)).collect();
    assert_eq!(full, [(day(2), 2), (day(1), 3)]);
    assert_eq!(stats(None, None, None).await.unwrap().len(), 30);
    for (field, days, tz) in [("days", Some(0), None), ("days", Some(91), None), ("tz", None, Some("Mars/Phobos"))] {
        assert_eq!(refused(stats(None, days, tz).await).errors[0].field, field);
    }
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn failures_of_the_last_hours_are_known_by_project(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    let other =
        backend::projects::create(&world.backend, &ADA, crate::support::project_draft("Other", 0)).await.unwrap();
    let now = Utc::now().with_second(0).unwrap().with_nanosecond(0).unwrap();
    for (hours, failed) in [(1, 2), (23, 3), (25, 50)] {
        world.counted(world.project.id, &(now - TimeDelta::hours(hours)).to_rfc3339(), 1, failed).await;
    }
    world.counted(other.id, &now.to_rfc3339(), 7, 0).await;
    let failed = executions::failed_since(&world.backend, &[other.id, world.project.id], 24).await.unwrap();
    assert_eq!(failed, [(world.project.id, 5)]);
    world.end().await;
}
