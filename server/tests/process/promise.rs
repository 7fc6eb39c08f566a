//! The promise: nothing is called after the 202 on a delete but what it listed. Three nodes, tasks that fire every second at a
//! receiver, deletions at random times through all nodes, some of them undone, while nodes are killed and come back, are held
//! up for longer than their leases, and Postgres is restarted. `CHAOS_DELETIONS` says how many (`make chaos`: 2,000).

use crate::client::Client;
use crate::history::{Accepted, History, violations_in};
use crate::invariants;
use crate::node::{Node, PATIENCE, until, url};
use crate::receiver::Receiver;
use crate::spare::Spare;
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::watch;
use uuid::Uuid;

const NODES: usize = 3;
/// Clients that delete, each one request after the other, and how many tasks each keeps alive.
const CLIENTS: usize = 4;
const ALIVE: usize = 7;

const SETTINGS: [(&str, &str); 3] =
    [("SEXTON_ALLOW_PRIVATE_TARGETS", "true"), ("SEXTON_LEASE_SECONDS", "4"), ("SEXTON_SCHEDULER_CONNECTIONS", "3")];

/// Where tasks call and by which policies: quick ones, some that are always in flight, some that are always tried again.
const KINDS: [(&str, &str, &str); 6] = [
    ("/ok", "ALLOW", "RUN_ALL"),
    ("/ok", "SKIP", "RUN_ONCE"),
    ("/after/300", "SKIP", "RUN_ALL"),
    ("/after/1500", "QUEUE_ONE", "SKIP"),
    ("/after/1500", "ALLOW", "RUN_ALL"),
    ("/status/503", "SKIP", "RUN_ONCE"),
];

/// What all of them share.
struct World {
    receiver: Receiver,
    /// One client a node; a random one is asked.
    clients: Mutex<Vec<Client>>,
    /// A project for each of the kinds, and a last one whose deletions can be undone.
    projects: Vec<String>,
    history: Mutex<History>,
    accepted: watch::Sender<usize>,
    over: AtomicBool,
}

fn deletions() -> usize {
    std::env::var("CHAOS_DELETIONS").map_or(300, |number| number.parse().expect("CHAOS_DELETIONS is a number"))
}

fn random(below: usize) -> usize {
    Uuid::new_v4().as_u128() as usize % below
}

fn task(kind: usize) -> Value {
    let (_, overlap, missed) = KINDS[kind % KINDS.len()];
    json!({
        "name": "Every second", "schedule_config": { "cron_expression": "* * * * * *", "timezone": "UTC" },
        "overlap_policy": overlap, "missed_run_policy": missed,
    })
}

impl World {
    async fn new(nodes: &[Node]) -> Self {
        let receiver = Receiver::start().await;
        let mut projects = Vec::new();
        for (number, (path, ..)) in KINDS.iter().chain([&KINDS[0]]).enumerate() {
            let undo_window = if number == KINDS.len() { 600 } else { 0 };
            let name = format!("{number}: {path}");
            projects.push(nodes[0].client.project_calling(&name, &receiver.url(path), undo_window).await);
        }
        let clients = Mutex::new(nodes.iter().map(|node| node.client.impatient()).collect());
        let (history, accepted, over) = (Mutex::default(), watch::Sender::new(0), AtomicBool::new(false));
        Self { receiver, clients, projects, history, accepted, over }
    }

    /// Asks one node after the other until one gives this answer.
    async fn insist(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> crate::client::Answer {
        loop {
            let client = {
                let clients = self.clients.lock().unwrap();
                clients[random(clients.len())].clone()
            };
            match client.send(method, path, body.cloned()).await {
                Ok(answer) if answer.status == status => return answer,
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                // Killed while it answered, held up, or not yet back.
                Err(_) => {}
            }
        }
    }

    async fn create(&self, kind: usize) -> String {
        let path = format!("{}/tasks", self.projects[kind]);
        self.insist("POST", &path, Some(&task(kind)), 201).await.location
    }

    /// Deletes one of its tasks after the other, a random time after the one before, until it is over.
    async fn delete_again_and_again(&self) {
        let mut own = Vec::new();
        while !self.over.load(Ordering::SeqCst) {
            while own.len() < ALIVE {
                let kind = random(self.projects.len());
                own.push((kind, self.create(kind).await));
            }
            self.receiver.goes_on(random(30)).await;
            let (kind, task) = own.swap_remove(random(own.len()));
            let answer = self.insist("DELETE", &task, None, 202).await;
            let mut accepted = Accepted::read(&answer.body);
            if kind == KINDS.len() {
                self.receiver.goes_on(random(40)).await;
                accepted.undone_at = Some(Instant::now());
                let undo = format!(
                    "{}/deletions/{}/undo",
                    self.projects[kind],
                    answer.body["deletion"]["id"].as_str().unwrap()
                );
                self.insist("POST", &undo, None, 200).await;
            }
            self.history.lock().unwrap().accepted.push(accepted);
            self.accepted.send_modify(|count| *count += 1);
        }
    }

    fn fault(&self) {
        self.history.lock().unwrap().faults.push(Instant::now());
    }

    async fn goes_on(&self, more: usize) {
        let enough = *self.accepted.borrow() + more;
        let mut accepted = self.accepted.subscribe();
        let reached = tokio::time::timeout(PATIENCE, accepted.wait_for(|count| *count >= enough)).await;
        drop(reached.expect("no deletion is accepted any more").unwrap());
    }

    /// Does something bad whenever some more deletions were accepted.
    async fn break_again_and_again(&self, spare: &Spare, mut nodes: Vec<Node>) -> Vec<Node> {
        while *self.accepted.borrow() < deletions() {
            self.goes_on(3 + random(8)).await;
            let place = random(NODES);
            self.fault();
            match random(10) {
                0 => spare.restart().await,
                1..4 => {
                    let ask = |node: &Node| self.clients.lock().unwrap()[place] = node.client.impatient();
                    nodes[place].pause();
                    // Some requests are lost on it; with more the test would only wait.
                    self.goes_on(1).await;
                    ask(&nodes[(place + 1) % NODES]);
                    self.goes_on(random(30)).await;
                    nodes[place].resume();
                    ask(&nodes[place]);
                }
                _ => {
                    nodes.remove(place).kill();
                    nodes.insert(place, Node::start(&spare.url(), &SETTINGS).await);
                    self.clients.lock().unwrap()[place] = nodes[place].client.impatient();
                }
            }
            self.fault();
        }
        self.over.store(true, Ordering::SeqCst);
        nodes
    }
}

/// Waits until what the faults have broken is whole again, and ends all nodes as an operator does.
async fn comes_to_rest(pool: &PgPool, world: &World, nodes: Vec<Node>) {
    let whole = "SELECT NOT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)
                    AND NOT EXISTS (SELECT FROM executions WHERE status = 'RUNNING' AND started_at < now() - interval '3 s')";
    until("all is whole again", async || sqlx::query_scalar(whole).fetch_one(pool).await.unwrap()).await;
    world.receiver.goes_on(200).await;
    nodes.iter().for_each(Node::terminate);
    for status in join_all(nodes.into_iter().map(Node::ended)).await {
        assert!(status.success(), "{status}");
    }
}

#[tokio::test]
async fn nothing_is_called_after_a_202_but_what_it_listed_whatever_breaks() {
    let spare = Spare::new().await;
    let database = spare.url();
    let nodes = join_all((0..NODES).map(|_| Node::ready(&database, &SETTINGS))).await;
    let world = World::new(&nodes).await;
    for kind in (0..KINDS.len()).chain(0..KINDS.len()) {
        world.create(kind).await;
    }
    let delete = join_all((0..CLIENTS).map(|_| world.delete_again_and_again()));
    let began = Instant::now();
    let (_, nodes) = tokio::join!(delete, world.break_again_and_again(&spare, nodes));
    println!("deleted within {:?}", began.elapsed());
    let pool = spare.connect().await;
    comes_to_rest(&pool, &world, nodes).await;
    let mut history = world.history.into_inner().unwrap();
    history.calls = world.receiver.calls();
    println!(
        "{} calls, {} deletions, {} faults",
        history.calls.len(),
        history.accepted.len(),
        history.faults.len() / 2
    );
    let mut violations = history.violations();
    violations.extend(violations_in(&pool).await);
    assert!(violations.is_empty(), "{violations:#?}");
    invariants::hold(&pool).await;
    pool.close().await;
}

/// As if the accepting transaction did not fence.
const UNFENCED: &str = "CREATE FUNCTION unfence() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO task_schedules (task_id, next_run_at, version) VALUES (OLD.task_id, OLD.next_run_at, OLD.version);
         RETURN NULL; END $$;
     CREATE TRIGGER unfence AFTER DELETE ON task_schedules FOR EACH ROW EXECUTE FUNCTION unfence();";

#[sqlx::test(migrations = false)]
async fn without_the_fence_the_promise_is_seen_to_be_broken(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let node = Node::ready(&url(&on), &SETTINGS).await;
    let receiver = Receiver::start().await;
    let project = node.client.project_calling("Without a fence", &receiver.url("/ok"), 600).await;
    let mut history = History::default();
    for is_broken in [false, true] {
        if is_broken {
            sqlx::raw_sql(UNFENCED).execute(&pool).await.unwrap();
        }
        for _ in 0..5 {
            // One goes on: its calls show that time passes.
            for deletes in [false, true] {
                let answer = node.client.send("POST", &format!("{project}/tasks"), Some(task(0))).await.unwrap();
                receiver.goes_on(1).await;
                if deletes {
                    history.accepted.push(Accepted::read(&node.client.delete(&answer.location).await.body));
                }
            }
        }
        receiver.goes_on(20).await;
        history.calls = receiver.calls();
        let violations = history.violations();
        let is_seen = violations.iter().any(|violation| violation.starts_with("unlisted"));
        assert_eq!(is_seen, is_broken, "{violations:#?}");
    }
    node.kill();
    pool.close().await;
}
