//! Three nodes, deletions without a pause, some of them undone, and a node killed again and again, coming back under the
//! same name or a new one. `CHAOS_KILLS` says how often (`make chaos`: 3,000).

use crate::client::Client;
use crate::invariants;
use crate::node::{Node, until, url};
use crate::stock::{id_of, tasks};
use futures::future::join_all;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use uuid::Uuid;

const NODES: usize = 3;
/// Clients that delete, each one request after the other.
const CLIENTS: usize = 4;
/// Tasks that are made at a time.
const STOCK: i32 = 200;

/// What the clients have been told, and what paces the killing.
#[derive(Default)]
struct Log {
    accepted: AtomicUsize,
    over: AtomicBool,
    /// Task and deletion of every 202.
    told: Mutex<Vec<(Uuid, Uuid)>>,
    /// Deletions whose undo was answered 200.
    undone: Mutex<Vec<Uuid>>,
}

fn kills() -> usize {
    std::env::var("CHAOS_KILLS").map_or(100, |number| number.parse().expect("CHAOS_KILLS is a number"))
}

fn random(below: usize) -> usize {
    Uuid::new_v4().as_u128() as usize % below
}

#[sqlx::test(migrations = false)]
async fn a_node_killed_a_hundred_times_breaks_no_promise(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(CLIENTS as u32 + 1).connect_with(on.clone()).await.unwrap();
    let database = url(&on);
    let nodes = join_all((0..NODES).map(|_| Node::ready(&database, &[]))).await;
    let (due, undoable) = (nodes[0].client.project(0).await, nodes[0].client.project_named("Undoable", 600).await);
    let spared = tasks(&pool, &due, 50).await;
    let clients = Mutex::new(nodes.iter().map(|node| node.client.clone()).collect::<Vec<_>>());
    let log = Log::default();
    let delete = join_all((0..CLIENTS).map(|number| {
        let project = if number == 0 { &undoable } else { &due };
        deletes(&pool, project, number == 0, &clients, &log)
    }));
    let killing = async {
        let nodes = kill_again_and_again(nodes, &database, &clients, &log).await;
        log.over.store(true, Ordering::SeqCst);
        nodes
    };
    let (_, nodes) = tokio::join!(delete, killing);
    let open = "SELECT NOT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)";
    until("every deletion is over", async || sqlx::query_scalar(open).fetch_one(&pool).await.unwrap()).await;
    invariants::hold(&pool).await;
    agrees(&pool, &log, &spared).await;
    drop(nodes);
    pool.close().await;
}

/// Deletes one task after the other, each at whichever node answers, until the killing is over; undoes where it can be.
async fn deletes(pool: &PgPool, project: &str, undoes: bool, clients: &Mutex<Vec<Client>>, log: &Log) {
    let mut stock = Vec::new();
    while !log.over.load(Ordering::SeqCst) {
        let Some(task) = stock.pop() else {
            stock = tasks(pool, project, STOCK).await;
            continue;
        };
        let body = at_last(clients, "DELETE", &task, 202).await;
        let deletion = body["deletion"]["id"].as_str().or(body["evidence"].as_str()).unwrap().to_owned();
        if let Ok(deletion) = deletion.parse() {
            log.told.lock().unwrap().push((id_of(&task), deletion));
        } else {
            assert_eq!(deletion, "receipt", "a task that was there is gone without one");
        }
        if undoes {
            let body = at_last(clients, "POST", &format!("{project}/deletions/{deletion}/undo"), 200).await;
            assert_eq!(body["status"], "ACTIVE");
            log.undone.lock().unwrap().push(deletion.parse().unwrap());
        }
        log.accepted.fetch_add(1, Ordering::SeqCst);
    }
}

/// Asks one node after the other until one gives this answer.
async fn at_last(clients: &Mutex<Vec<Client>>, method: &str, path: &str, status: u16) -> Value {
    loop {
        let client = {
            let clients = clients.lock().unwrap();
            clients[random(clients.len())].clone()
        };
        match client.send(method, path, None).await {
            Ok(answer) if answer.status == status => return answer.body,
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            // Killed while it answered, or not yet back.
            Err(_) => {}
        }
    }
}

/// Kills a random node whenever so many more deletions were accepted; it comes back under its old name or a new one.
async fn kill_again_and_again(
    mut nodes: Vec<Node>,
    database: &str,
    clients: &Mutex<Vec<Client>>,
    log: &Log,
) -> Vec<Node> {
    for number in 0..kills() {
        let enough = log.accepted.load(Ordering::SeqCst) + 1 + random(20);
        until("more were accepted", async || {
            tokio::task::yield_now().await;
            log.accepted.load(Ordering::SeqCst) >= enough
        })
        .await;
        let place = random(NODES);
        let name = format!("node-{}", if number % 2 == 0 { place } else { 1_000 + number });
        nodes.remove(place).kill();
        nodes.insert(place, Node::start(database, &[("SEXTON_NODE_NAME", &name)]).await);
        clients.lock().unwrap()[place] = nodes[place].client.clone();
    }
    nodes
}

/// What the clients were told is what stands in the database.
async fn agrees(pool: &PgPool, log: &Log, spared: &[String]) {
    let rows: Vec<(Uuid, Uuid, String)> =
        sqlx::query_as("SELECT task_id, id, state FROM deletions").fetch_all(pool).await.unwrap();
    let stands: BTreeMap<_, _> = rows.iter().map(|(task, id, state)| ((*task, *id), state.as_str())).collect();
    let undone = log.undone.lock().unwrap().clone();
    for told in log.told.lock().unwrap().iter() {
        let state = stands.get(told).expect("a 202 without a deletion");
        let expected = if undone.contains(&told.1) { "UNDONE" } else { "SUCCEEDED" };
        assert_eq!(*state, expected, "{told:?}");
    }
    let requested: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE kind = 'TaskDeletionRequested'")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!(requested as usize, rows.len(), "one request, one record, one event");
    let back = "SELECT count(*) FROM tasks t JOIN task_schedules s ON s.task_id = t.id WHERE t.status = 'ACTIVE' AND t.id = ANY($1)";
    let spared: Vec<Uuid> = spared.iter().map(|task| id_of(task)).collect();
    let kept: i64 = sqlx::query_scalar(back).bind(&spared).fetch_one(pool).await.unwrap();
    assert_eq!(kept as usize, spared.len(), "a task that nobody deleted was touched");
}
