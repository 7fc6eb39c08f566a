//! A network that loses the reply to a COMMIT, resets connections, swallows everything, or loses notifications.

use crate::client::{Answer, Client};
use crate::invariants;
use crate::load::{IN_TIME, Load};
use crate::node::{Node, until, url};
use crate::proxy::{Fault, Proxy};
use crate::stock::history;
use futures::stream::{self, StreamExt};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use std::time::{Duration, Instant};

/// A node that accepts and does nothing else.
const WEB: [(&str, &str); 1] = [("SEXTON_ROLES", "web")];
/// A node that tears down and does nothing else.
const WORKER: [(&str, &str); 1] = [("SEXTON_ROLES", "worker")];
/// How often the reply to a COMMIT is lost, and how often the COMMIT itself.
const LOST_REPLIES: usize = 1_000;
const LOST_COMMITS: usize = 100;
/// How long the network swallows everything.
const BLACK_HOLE: Duration = Duration::from_secs(8);
/// How soon all is well again. A worker that waits for an answer for 20 s is started anew; a transaction that the database
/// has not heard of for 10 s loses its locks. That and the teardowns take 3 to 14 s; a busy machine needs more.
const RECOVERS_WITHIN: Duration = Duration::from_secs(60);

#[sqlx::test(migrations = false)]
async fn whoever_was_not_told_of_the_commit_repeats_the_delete_and_gets_the_same_deletion(
    pool: PgPoolOptions,
    on: PgConnectOptions,
) {
    let proxy = Proxy::before(&on).await;
    let database = url(&on);
    let (near, far) = tokio::join!(Node::ready(&database, &WEB), Node::ready(proxy.url(), &WEB));
    let project = near.client.project(3_600).await;
    let pool = pool.max_connections(2).connect_with(on).await.unwrap();
    for (fault, trials) in [(Fault::LosesCommitReplies, LOST_REPLIES), (Fault::LosesCommits, LOST_COMMITS)] {
        let struck = proxy.struck();
        proxy.has(fault);
        let trial = |_| delete_twice(&pool, &near.client, &far.client, &project, fault);
        let done = stream::iter(0..trials).map(trial).buffer_unordered(8).count().await;
        assert_eq!((done, proxy.struck() - struck), (trials, trials as u64));
    }
    proxy.has(Fault::None);
    let once = "SELECT count(*), count(DISTINCT task_id),
            count(*) FILTER (WHERE (SELECT count(*) FROM apalis.jobs WHERE idempotency_key = d.id::text) = 1),
            count(*) FILTER (WHERE (SELECT count(*) FROM events e WHERE e.task_uuid = d.task_id
                                    AND e.kind = 'TaskDeletionRequested') = 1)
        FROM deletions d";
    let counts: (i64, i64, i64, i64) = sqlx::query_as(once).fetch_one(&pool).await.unwrap();
    let all = (LOST_REPLIES + LOST_COMMITS) as i64;
    assert_eq!(counts, (all, all, all, all), "deletions, their tasks, those with one job, those with one event");
    let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM apalis.jobs").fetch_one(&pool).await.unwrap();
    assert_eq!(jobs, all);
    invariants::hold(&pool).await;
    pool.close().await;
}

/// The first DELETE loses its connection to the database, the second does not.
async fn delete_twice(pool: &PgPool, near: &Client, far: &Client, project: &str, fault: Fault) {
    let task = near.tasks(project, 1).await.remove(0);
    let first = far.delete(&task).await;
    assert_eq!(first.status, 503, "{first:?}");
    assert!(first.body["detail"].as_str().unwrap().contains("can be repeated safely"), "{first:?}");
    let id: uuid::Uuid = task.rsplit('/').next().unwrap().parse().unwrap();
    let known = sqlx::query_scalar::<_, uuid::Uuid>("SELECT id FROM deletions WHERE task_id = $1").bind(id);
    let known = known.fetch_optional(pool).await.unwrap();
    assert_eq!(known.is_some(), fault == Fault::LosesCommitReplies);
    let record = near.accept(&task).await;
    assert!(known.is_none_or(|id| record.ends_with(&id.to_string())), "{record} is another than {known:?}");
}

#[sqlx::test(migrations = false)]
async fn connections_that_break_at_any_message_lose_nothing(pool: PgPoolOptions, on: PgConnectOptions) {
    const BREAKS: u64 = 200;
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let proxy = Proxy::before(&on).await;
    let (one, two) = tokio::join!(Node::ready(proxy.url(), &[]), Node::ready(proxy.url(), &[]));
    let project = one.client.project(0).await;
    let load = Load::start(&[&one.client, &two.client], &project, 2);
    proxy.has(Fault::Resets(200));
    while proxy.struck() < BREAKS {
        load.goes_on(1).await;
    }
    let log = load.end().await;
    println!("accepted {}, refused {}, slowest answer {:?}", log.accepted.len(), log.refused, log.slowest);
    assert!(log.refused > 0 && log.slowest < IN_TIME, "{} refused, slowest {:?}", log.refused, log.slowest);
    proxy.has(Fault::None);
    until("all are gone", async || open(&pool).await == 0).await;
    log.is_true(&pool).await;
    invariants::hold(&pool).await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn after_a_black_hole_a_node_works_on_with_all_its_connections(pool: PgPoolOptions, on: PgConnectOptions) {
    /// More at a time than any pool has connections.
    const FLOOD: usize = 20;
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let proxy = Proxy::before(&on).await;
    let node = Node::ready(proxy.url(), &[]).await;
    let project = node.client.project(0).await;
    let tasks = node.client.tasks(&project, FLOOD).await;
    begin_long(&node.client, &project, &pool).await;
    let dark = async {
        until("a request is answered", async || holds("count(*) > 4", &pool).await).await;
        proxy.has(Fault::BlackHole);
        tokio::time::sleep(BLACK_HOLE).await;
        proxy.has(Fault::None);
    };
    // It goes dark amid teardowns, requests and the start of another node; the second flood meets it from the beginning.
    let floods = async { [delete_at_once(&node.client, &tasks).await, delete_at_once(&node.client, &tasks).await] };
    let (answers, late, ()) = tokio::join!(floods, Node::start(proxy.url(), &[]), dark);
    let back = Instant::now();
    for (answer, took) in answers.iter().flatten() {
        assert!(matches!(answer.status, 202 | 503), "{answer:?}");
        assert!(*took < IN_TIME, "an answer took {took:?}");
    }
    assert!(answers[1].iter().any(|(answer, _)| answer.status == 503), "the black hole is none");
    recovers(&node.client, &tasks, back).await;
    until("all are gone", async || open(&pool).await == 0).await;
    for node in [&node, &late] {
        node.gets_ready().await;
    }
    println!("all are gone and all nodes ready after {:?}", back.elapsed());
    assert!(back.elapsed() < RECOVERS_WITHIN, "took {:?}", back.elapsed());
    invariants::hold(&pool).await;
    pool.close().await;
}

/// Requests four deletions that take a while, and waits until one of them removes history.
async fn begin_long(node: &Client, project: &str, pool: &PgPool) {
    let tasks = node.tasks(project, 4).await;
    for task in &tasks {
        history(pool, task, 10_000).await;
    }
    for task in &tasks {
        node.accept(task).await;
    }
    until("a teardown is under way", async || holds("bool_or(executions_removed > 0)", pool).await).await;
}

/// Whether something can be said of the deletions.
async fn holds(condition: &str, pool: &PgPool) -> bool {
    let look = format!("SELECT coalesce({condition}, false) FROM deletions");
    sqlx::query_scalar(AssertSqlSafe(look)).fetch_one(pool).await.unwrap()
}

/// More requests at a time than the pool has places are all answered well, soon: none is held by a connection that is
/// dead. A request gives up after 4.5 s and its connection is asked for a sign of life for another 2 s, so all places are
/// free 6.5 s after the last request that met the black hole; a dead connection that was idle costs whoever is given it 1 s. On
/// an idle machine it takes 2 to 8 s; one that is busy may take longer, and never for ever.
async fn recovers(node: &Client, tasks: &[String], back: Instant) {
    until("all requests are answered well", async || {
        delete_at_once(node, tasks).await.iter().all(|(answer, _)| answer.status == 202)
    })
    .await;
    let took = back.elapsed();
    println!("{} requests at a time are answered well after {took:?}", tasks.len());
}

async fn delete_at_once(node: &Client, tasks: &[String]) -> Vec<(Answer, Duration)> {
    let request = async |task: &String| {
        let began = Instant::now();
        (node.delete(task).await, began.elapsed())
    };
    futures::future::join_all(tasks.iter().map(request)).await
}

#[sqlx::test(migrations = false)]
async fn with_every_notification_lost_workers_and_browsers_still_hear_of_everything(
    pool: PgPoolOptions,
    on: PgConnectOptions,
) {
    const DELETIONS: usize = 5;
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let proxy = Proxy::before(&on).await;
    proxy.has(Fault::LosesNotifications);
    let (web, worker) = tokio::join!(Node::ready(proxy.url(), &WEB), Node::ready(proxy.url(), &WORKER));
    let project = web.client.project(0).await;
    let tasks = web.client.tasks(&project, DELETIONS).await;
    let mut events = web.client.events(&project).await;
    for task in tasks {
        let began = Instant::now();
        web.client.accept(&task).await;
        let id = task.rsplit('/').next().unwrap();
        for kind in ["TaskDeletionRequested", "TaskDeleted"] {
            hear(&mut events, kind, id).await;
        }
        println!("a browser hears of the end after {:?}", began.elapsed());
        assert!(began.elapsed() < 2 * IN_TIME, "took {:?}", began.elapsed());
    }
    assert!(proxy.struck() > 0, "no notification was lost");
    invariants::hold(&pool).await;
    worker.terminate();
    assert!(worker.ended().await.success());
    pool.close().await;
}

/// Reads a stream up to an event of a task.
async fn hear(events: &mut reqwest::Response, kind: &str, task: &str) {
    let mut text = String::new();
    let heard = |text: &str| text.split("\n\n").any(|event| event.contains(kind) && event.contains(task));
    until("the event comes", async || {
        let chunk = events.chunk().await.unwrap().expect("the stream ended");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        heard(&text)
    })
    .await;
}

/// How many deletions are not over.
async fn open(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM deletions WHERE completed_at IS NULL").fetch_one(pool).await.unwrap()
}
