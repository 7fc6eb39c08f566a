//! A node that is asked to end.

use crate::history::History;
use crate::node::{Node, url};
use crate::receiver::Receiver;
use crate::stock::tasks;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::{Duration, Instant};

#[sqlx::test(migrations = false)]
async fn it_ends_soon_and_well_with_a_stream_of_events_open(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[]).await;
    let project = node.client.project(10).await;
    let mut stream = node.client.events(&project).await;
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some_and(|chunk| chunk.starts_with(b"event: hello")));
    let began = Instant::now();
    node.terminate();
    let status = node.ended().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    while let Ok(Some(_)) = stream.chunk().await {}
}

#[sqlx::test(migrations = false)]
async fn it_ends_soon_without_a_database_too(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::start(&url(&on.database("sexton_that_is_not_there")), &[]).await;
    let began = Instant::now();
    node.terminate();
    let status = node.ended().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
}

/// Ends within the time that it is given, 4 s here, of which calls have half.
const FIRING: [(&str, &str); 2] = [("SEXTON_ALLOW_PRIVATE_TARGETS", "true"), ("SEXTON_SHUTDOWN_SECONDS", "4")];

#[sqlx::test(migrations = false)]
async fn it_lets_its_calls_end_and_leaves_none_without_an_owner(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let receiver = Receiver::start().await;
    let node = Node::ready(&url(&on), &FIRING).await;
    for (name, path) in [("Quick", "/ok"), ("Slow", "/after/1000"), ("Never", "/hang")] {
        let project = node.client.project_calling(name, &receiver.url(path), 0).await;
        tasks(&pool, &project, 20).await;
    }
    let due = "UPDATE task_schedules SET next_run_at = clock_timestamp() + random() * interval '1 s'";
    sqlx::query(due).execute(&pool).await.unwrap();
    receiver.until(45).await;
    let began = Instant::now();
    node.terminate();
    let status = node.ended().await;
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(6), "took {:?}", began.elapsed());
    let calls = receiver.calls();
    let history = History { calls, ..History::default() };
    assert!(history.violations().is_empty());
    // What was called has its end, but for those that do not answer: these are handed back.
    let count = async |condition: &'static str| {
        sqlx::query_scalar::<_, i64>(condition).fetch_one(&pool).await.unwrap() as usize
    };
    let hanging = history.calls.iter().filter(|call| call.path == "/hang").count();
    let handed_back = "SELECT count(*) FROM executions WHERE status = 'RUNNING' AND lease_until <= clock_timestamp()";
    let ended = "SELECT count(*) FROM executions WHERE status = 'SUCCESS'";
    let all = "SELECT count(*) FROM executions";
    assert_eq!((count(handed_back).await, count(ended).await), (hanging, history.calls.len() - hanging));
    assert_eq!(count(all).await, history.calls.len(), "one was claimed and not called");
    pool.close().await;
}
