//! A node that is asked to end.

use crate::node::{Node, url};
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
