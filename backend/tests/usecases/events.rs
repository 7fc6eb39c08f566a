//! The tail of the outbox and what a browser missed.

use crate::support::World;
use backend::events::{Bus, Tail, missed, newest_seq};
use domain::event::Event;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use uuid::Uuid;

async fn write(conn: &mut PgConnection, project: Uuid, kind: &str, count: i32) -> Vec<i64> {
    let statement = "INSERT INTO events (id, kind, project_id)
                     SELECT gen_random_uuid(), $1, $2 FROM generate_series(1, $3) RETURNING seq";
    sqlx::query_scalar(statement).bind(kind).bind(project).bind(count).fetch_all(conn).await.unwrap()
}

async fn commit_one(pool: &PgPool, project: Uuid) -> i64 {
    write(&mut pool.acquire().await.unwrap(), project, "TaskUpdated", 1).await[0]
}

fn passed(receiver: &mut Receiver<Arc<Event>>) -> Vec<i64> {
    std::iter::from_fn(|| receiver.try_recv().ok()).map(|event| event.seq).collect()
}

#[sqlx::test(migrations = false)]
async fn every_event_passes_exactly_once_although_they_become_visible_out_of_order(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let (pool, project, now) = (&world.pool, world.project.id, Instant::now());
    let bus = Bus::default();
    let mut receiver = bus.subscribe();
    // One transaction is older than the tail itself, two more are overtaken later, and one is rolled back.
    let mut before = pool.begin().await.unwrap();
    let oldest = write(&mut before, project, "TaskUpdated", 1).await[0];
    commit_one(pool, project).await;
    let mut tail = Tail::new(pool.clone(), bus);
    assert_eq!(tail.step(now).await.unwrap(), 0, "it begins at the end");
    let mut open = [pool.begin().await.unwrap(), pool.begin().await.unwrap(), pool.begin().await.unwrap()];
    let mut late = Vec::new();
    for tx in &mut open {
        late.push(write(tx, project, "TaskUpdated", 1).await[0]);
    }
    let newest = commit_one(pool, project).await;
    tail.step(now).await.unwrap();
    assert_eq!(passed(&mut receiver), [newest]);
    let [first, second, third] = open;
    second.commit().await.unwrap();
    tail.step(now).await.unwrap();
    assert_eq!(passed(&mut receiver), [late[1]]);
    before.commit().await.unwrap();
    first.commit().await.unwrap();
    third.rollback().await.unwrap();
    tail.step(now + Duration::from_secs(59)).await.unwrap();
    assert_eq!(passed(&mut receiver), [oldest, late[0]]);
    assert_eq!(tail.step(now + Duration::from_secs(61)).await.unwrap(), 0);
    assert_eq!(passed(&mut receiver), Vec::<i64>::new());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_burst_larger_than_one_read_passes_whole_and_in_order(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let bus = Bus::default();
    let (mut receiver, mut tail) = (bus.subscribe(), Tail::new(world.pool.clone(), bus));
    tail.step(Instant::now()).await.unwrap();
    let mut conn = world.pool.acquire().await.unwrap();
    let written = write(&mut conn, world.project.id, "TaskUpdated", 2_500).await;
    assert_eq!(tail.step(Instant::now()).await.unwrap(), 2_500);
    assert_eq!(passed(&mut receiver), written);
    drop(conn);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_kind_of_a_newer_version_is_left_out_and_holds_nobody_up(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let bus = Bus::default();
    let (mut receiver, mut tail) = (bus.subscribe(), Tail::new(world.pool.clone(), bus));
    tail.step(Instant::now()).await.unwrap();
    let after = newest_seq(&world.backend).await.unwrap();
    write(&mut world.pool.acquire().await.unwrap(), world.project.id, "TaskTeleported", 1).await;
    let known = commit_one(&world.pool, world.project.id).await;
    tail.step(Instant::now()).await.unwrap();
    assert_eq!(passed(&mut receiver), [known]);
    let missed = missed(&world.backend, Some(world.project.id), after).await.unwrap().unwrap();
    assert_eq!(missed.iter().map(|event| event.seq).collect::<Vec<_>>(), [known]);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_subscriber_that_lags_is_told_so_and_goes_on(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::new(&options).await;
    let bus = Bus::default();
    let (mut receiver, mut tail) = (bus.subscribe(), Tail::new(world.pool.clone(), bus));
    tail.step(Instant::now()).await.unwrap();
    let mut conn = world.pool.acquire().await.unwrap();
    let written = write(&mut conn, world.project.id, "TaskUpdated", 4_100).await;
    tail.step(Instant::now()).await.unwrap();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(4)));
    assert_eq!(passed(&mut receiver), written[4..]);
    drop(conn);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_a_browser_missed_is_of_its_project_and_behind_its_last_event(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::new(&options).await;
    let task = world.task("Nightly").await;
    let after = newest_seq(&world.backend).await.unwrap();
    world.request(&task).await;
    commit_one(&world.pool, Uuid::now_v7()).await;
    let ask = |after| missed(&world.backend, Some(world.project.id), after);
    let events = ask(after).await.unwrap().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind.as_str(), events[0].task_uuid), ("TaskDeletionRequested", Some(task.uuid)));
    assert_eq!(events[0].payload["name"], "Nightly");
    assert_eq!(ask(events[0].seq).await.unwrap(), Some(Vec::new()));
    assert_eq!(ask(0).await.unwrap().unwrap().len(), 3);
    let mut conn = world.pool.acquire().await.unwrap();
    write(&mut conn, world.project.id, "TaskUpdated", 1_000).await;
    drop(conn);
    assert_eq!(ask(after).await.unwrap(), None, "so many that it should read again");
    world.end().await;
}
