//! Many nodes and many tasks: nothing is taken twice, nobody calls more than it may, and nothing is left behind.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::{Call, Receiver};
use crate::support::World;
use backend::Policies;
use backend::executor::ExecutorSettings;
use backend::scheduler::Next;
use domain::task::Task;
use futures::FutureExt;
use futures::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;
use uuid::Uuid;

async fn tasks(world: &World, receiver: &Receiver, path: &str, count: usize) -> Vec<Task> {
    let mut tasks = vec![world.firing(receiver, path, |_| {}).await];
    for _ in 1..count {
        tasks.push(world.planned(world.project.id, |_| {}).await);
    }
    tasks
}

#[sqlx::test(migrations = false)]
async fn no_two_nodes_take_the_same_and_what_is_deleted_meanwhile_is_called_only_if_it_is_listed(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let tasks = tasks(&world, &receiver, "/ok", 40).await;
    let mut nodes: Vec<Node> = (0..4)
        .map(|number| Node::start(world.node(&format!("node-{number}"), Policies::default()), SETTINGS))
        .collect();
    world.all_due().await;
    let steps = join_all(nodes.iter_mut().map(Node::step));
    let requests =
        join_all(tasks[..10].iter().map(|task| world.request(task).map(|deletion| (deletion, Instant::now()))));
    let (steps, deletions) = futures::join!(steps, requests);
    let started: usize = steps.iter().map(|step| step.started).sum();
    let later = nodes[0].step().await.started;
    nodes[0].until(&world, ALL_ENDED).await;
    let called = receiver.until(started + later).await;
    let ids: BTreeSet<Uuid> = called.iter().map(Call::id).collect();
    assert_eq!((called.len(), ids.len()), (started + later, started + later), "an execution was called twice");
    assert!((30..=40).contains(&ids.len()), "{}", ids.len());
    let mut of_task = HashMap::<Uuid, &Call>::new();
    for call in &called {
        let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
        let before = of_task.insert(body["task_uuid"].as_str().unwrap().parse().unwrap(), call);
        assert!(before.is_none(), "a due time was fired twice");
    }
    // A call that came after the deletion of its task was answered is in the list.
    for (deletion, answered) in &deletions {
        let call = of_task.get(&deletion.task_uuid);
        let is_late = call.is_some_and(|call| call.at > *answered && !deletion.in_flight.contains(&call.id()));
        assert!(!is_late, "{deletion:?}");
    }
    assert_eq!(world.count("task_schedules WHERE next_run_at > now()").await, 30);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_node_calls_as_many_at_a_time_as_it_may_and_of_one_project_no_more_than_its_share(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), ExecutorSettings { calls: 8, calls_of_project: 3, ..SETTINGS });
    let greedy = tasks(&world, &receiver, "/held", 10).await;
    let other = world.calling("Other", &receiver.url("/held")).await;
    for _ in 0..10 {
        world.planned(other.id, |_| {}).await;
    }
    // Due for so long that only a sweep would find them again, if they were left behind.
    world.execute("UPDATE task_schedules SET next_run_at = clock_timestamp() - interval '40 s' - interval '1 ms' * hashtext(task_id::text) / 100000000").await;
    while node.step().await.next == Next::Now {}
    // Two places are kept for projects that have fewer calls in flight than the node has free.
    receiver.until(6).await;
    node.step().await;
    let of_greedy =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM executions WHERE project_id = $1").bind(world.project.id);
    assert_eq!(of_greedy.fetch_one(&world.pool).await.unwrap(), 3);
    assert_eq!(world.count("executions").await, 6);
    receiver.open(true);
    node.until(&world, "SELECT count(*) = 20 AND bool_and(status = 'SUCCESS') FROM executions").await;
    assert_eq!((receiver.calls().len(), receiver.most_at_once()), (20, 6));
    assert_eq!(greedy.len(), 10);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_project_at_its_limit_goes_on_as_soon_as_one_of_its_calls_has_ended(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), ExecutorSettings { calls_of_project: 2, ..SETTINGS });
    tasks(&world, &receiver, "/held", 4).await;
    world.all_due().await;
    while node.step().await.next == Next::Now {}
    receiver.until(2).await;
    assert!(matches!(node.step().await.next, Next::WhenFree(_)), "nothing would wake it");
    receiver.open(true);
    node.executor.freed().await;
    node.until(&world, "SELECT count(*) = 4 AND bool_and(status = 'SUCCESS') FROM executions").await;
    assert_eq!(receiver.most_at_once(), 2);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_node_that_stops_lets_its_calls_end_and_hands_back_those_that_take_longer(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let grace = std::time::Duration::from_millis(300);
    let mut node = Node::start(world.backend.clone(), ExecutorSettings { grace, ..SETTINGS });
    tasks(&world, &receiver, "/held", 3).await;
    world.all_due().await;
    node.step().await;
    receiver.until(3).await;
    node.stop().await;
    receiver.until_hung_up(3).await;
    assert_eq!(world.count("executions WHERE status = 'RUNNING' AND lease_until <= clock_timestamp()").await, 3);
    receiver.open(true);
    let mut other = Node::start(world.node("node-2", Policies::default()), SETTINGS);
    other.rescue().await;
    other.until(&world, ALL_ENDED).await;
    assert_eq!(world.count("executions WHERE status = 'SUCCESS' AND attempt = 2").await, 3);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_waits_for_a_task_that_may_not_run_any_more_is_cancelled_and_holds_up_no_other(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/ok", |draft| draft.status = Some("DISABLED".to_owned())).await;
    // Its call failed in the very moment in which the task was disabled.
    world.in_flight(&task, "RETRY_WAIT").await;
    node.rescue().await;
    let run = world.run(&task).await;
    assert_eq!(
        (run.status.as_str(), run.error()),
        ("CANCELLED", "Cancelled before its next attempt: the task is not active.")
    );
    assert!(receiver.calls().is_empty());
    world.end().await;
}
