//! Clients that create tasks and delete them without a pause, come what may, and write down how they were answered.

use crate::client::{Answer, Client};
use crate::node::PATIENCE;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a request may take, whatever is broken.
pub const IN_TIME: Duration = Duration::from_secs(5);

/// Clients at work.
pub struct Load {
    log: Arc<watch::Sender<Log>>,
    stop: CancellationToken,
    clients: JoinSet<()>,
}

/// What they were answered.
#[derive(Default)]
pub struct Log {
    /// Of every 202: when, which task, which deletion.
    pub accepted: Vec<(Instant, Uuid, Uuid)>,
    /// Requests that were answered 503 or lost their connection.
    pub refused: usize,
    /// The longest that any request took.
    pub slowest: Duration,
}

impl Load {
    /// Starts `per_node` clients at each of these nodes.
    pub fn start(nodes: &[&Client], project: &str, per_node: usize) -> Self {
        let (log, stop) = (Arc::new(watch::Sender::new(Log::default())), CancellationToken::new());
        let mut clients = JoinSet::new();
        for node in nodes.iter().flat_map(|node| std::iter::repeat_n(*node, per_node)) {
            let (node, log) = (node.clone(), Arc::clone(&log));
            clients.spawn(Deleter { node, tasks: format!("{project}/tasks"), log }.work(stop.clone()));
        }
        Self { log, stop, clients }
    }

    /// Waits until so many more deletions have been accepted.
    pub async fn goes_on(&self, more: usize) {
        let wanted = self.log.borrow().accepted.len() + more;
        self.until(|log| (log.accepted.len() >= wanted).then_some(())).await;
    }

    /// Waits for the first 202 after a moment; answers how long it took.
    pub async fn first_after(&self, moment: Instant) -> Duration {
        let first = |log: &Log| log.accepted.iter().map(|(at, ..)| *at).find(|at| *at > moment);
        self.until(first).await - moment
    }

    async fn until<T>(&self, look: impl Fn(&Log) -> Option<T>) -> T {
        let mut log = self.log.subscribe();
        let found = log.wait_for(|log| look(log).is_some());
        let log = tokio::time::timeout(PATIENCE, found).await.expect("no deletion is accepted any more").unwrap();
        look(&log).unwrap()
    }

    /// Lets the clients end what they have begun; answers what they have written down.
    pub async fn end(self) -> Log {
        self.stop.cancel();
        self.clients.join_all().await;
        self.log.send_replace(Log::default())
    }
}

impl Log {
    /// Every 202 is in the database.
    pub async fn is_true(&self, pool: &PgPool) {
        let (tasks, deletions): (Vec<_>, Vec<_>) = self.accepted.iter().map(|(_, task, id)| (*task, *id)).unzip();
        let lost = "SELECT count(*) FROM unnest($1::uuid[], $2::uuid[]) AS said (task, id)
                    WHERE NOT EXISTS (SELECT FROM deletions d WHERE d.id = said.id AND d.task_id = said.task)";
        let lost: i64 = sqlx::query_scalar(lost).bind(tasks).bind(deletions).fetch_one(pool).await.unwrap();
        assert_eq!(lost, 0, "of {} deletions that were accepted the database does not know some", self.accepted.len());
    }
}

/// One of the clients.
struct Deleter {
    node: Client,
    tasks: String,
    log: Arc<watch::Sender<Log>>,
}

impl Deleter {
    async fn work(self, stop: CancellationToken) {
        let schedule = json!({ "cron_expression": "0 3 * * *", "timezone": "UTC" });
        let draft = json!({ "name": "Short-lived", "schedule_config": schedule });
        while !stop.is_cancelled() {
            let task = self.insist("POST", &self.tasks, Some(&draft), 201).await.location;
            let answer = self.insist("DELETE", &task, None, 202).await.body;
            let id = |value: &Value| value.as_str().unwrap().parse::<Uuid>().unwrap();
            let entry = (Instant::now(), id(&answer["task_uuid"]), id(&answer["deletion"]["id"]));
            self.log.send_modify(|log| log.accepted.push(entry));
        }
    }

    /// Sends a request until it succeeds. Until then it may only be answered 503, or lose its connection.
    async fn insist(&self, method: &str, path: &str, body: Option<&Value>, wanted: u16) -> Answer {
        loop {
            let began = Instant::now();
            let answer = self.node.send(method, path, body.cloned()).await;
            self.log.send_modify(|log| log.slowest = log.slowest.max(began.elapsed()));
            match answer {
                Ok(answer) if answer.status == wanted => return answer,
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => {}
            }
            self.log.send_modify(|log| log.refused += 1);
        }
    }
}
