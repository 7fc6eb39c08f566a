//! A fault at every named point (`backend::faults`) on the way of a deletion: the process crashes there, the statement
//! fails there, or it waits there. A node without the fault must then bring the story to its end.

use crate::client::Client;
use crate::invariants;
use crate::node::{Node, until, url};
use crate::stock::{history, in_flight, tasks};
use backend::faults::{ACCEPT, CHANGE, FAILURE, RECONCILE, RETRY, TEARDOWN, UNDO};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const KINDS: [&str; 3] = ["crash", "error", "delay"];

/// The database of one family of faults.
pub struct World {
    pub pool: PgPool,
    database: String,
    /// Its deletions are due at once.
    pub project: String,
}

impl World {
    pub async fn new(pool: PgPoolOptions, on: &PgConnectOptions, window: i32) -> Self {
        let (pool, database) = (pool.max_connections(2).connect_with(on.clone()).await.unwrap(), url(on));
        let node = Node::ready(&database, &[]).await;
        let project = node.client.project(window).await;
        node.kill();
        Self { pool, database, project }
    }

    /// A node on which the fault strikes once, at the first passing, while `provoke` is done to it; then one without.
    pub async fn strike(&self, fault: Fault<'_>, provoke: impl AsyncFnOnce(&Client)) -> Node {
        let points = format!("{}{}=1*return({})", fault.besides, fault.point, fault.kind);
        let mut settings = fault.settings.to_vec();
        settings.push(("FAILPOINTS", &points));
        let mut node = Node::start(&self.database, &settings).await;
        provoke(&node.client).await;
        let said = format!("fault at {}", fault.point);
        until(&format!("{said} ({})", fault.kind), async || node.log().contains(&said)).await;
        if fault.kind == "crash" {
            until("the process has died of it", async || !node.is_running()).await;
        }
        let healthy = Node::ready(&self.database, fault.settings).await;
        drop(node);
        healthy
    }

    /// Waits until every deletion is over, and checks what must hold.
    async fn ends_well(&self, fault: Fault<'_>) {
        let open = "SELECT NOT EXISTS (SELECT FROM deletions WHERE completed_at IS NULL)";
        let what = format!("all is over after {} at {}", fault.kind, fault.point);
        until(&what, async || sqlx::query_scalar(open).fetch_one(&self.pool).await.unwrap()).await;
        invariants::hold(&self.pool).await;
    }
}

/// Where, what, and under which circumstances.
#[derive(Clone, Copy)]
pub struct Fault<'a> {
    pub point: &'a str,
    pub kind: &'a str,
    /// Other points that are set, each with a semicolon behind it.
    pub besides: &'a str,
    pub settings: &'a [(&'a str, &'a str)],
}

pub fn every(points: &'static [&'static str]) -> impl Iterator<Item = Fault<'static>> {
    let of = |point: &'static &'static str| KINDS.map(|kind| Fault { point, kind, besides: "", settings: &[] });
    points.iter().flat_map(of)
}

/// A request whose answer may be lost.
pub async fn try_to(client: &Client, method: &str, path: &str) -> Option<(u16, serde_json::Value)> {
    client.send(method, path, None).await.ok().map(|answer| (answer.status, answer.body))
}

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_while_accepting_leaves_one_deletion_or_none(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 0).await;
    for fault in every(ACCEPT) {
        let task = tasks(&world.pool, &world.project, 1).await.remove(0);
        let mut first = None;
        let healthy = world.strike(fault, async |client| first = try_to(client, "DELETE", &task).await).await;
        let again = healthy.client.delete(&task).await;
        assert_eq!(again.status, 202, "{again:?}");
        if let Some((202, body)) = first {
            assert_eq!(body["deletion"]["id"], again.body["deletion"]["id"], "{} at {}", fault.kind, fault.point);
        }
        world.ends_well(fault).await;
        let said = "SELECT count(*) FROM events WHERE task_uuid = $1 AND kind = 'TaskDeletionRequested'";
        let id = crate::stock::id_of(&task);
        assert_eq!(sqlx::query_scalar::<_, i64>(said).bind(id).fetch_one(&world.pool).await.unwrap(), 1);
    }
    world.pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_in_a_teardown_ends_gone(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 0).await;
    for fault in every(TEARDOWN) {
        let fault = Fault { settings: &[("SEXTON_DRAIN_SECONDS", "0")], ..fault };
        // One that goes with others, one with more than a batch of history, one with a call in flight.
        let tasks = tasks(&world.pool, &world.project, 3).await;
        history(&world.pool, &tasks[1], 1_200).await;
        in_flight(&world.pool, &tasks[2]).await;
        let delete = async |client: &Client| {
            for task in &tasks {
                try_to(client, "DELETE", task).await;
            }
        };
        let healthy = world.strike(fault, delete).await;
        for task in &tasks {
            assert_eq!(healthy.client.delete(task).await.status, 202);
        }
        world.ends_well(fault).await;
    }
    world.pool.close().await;
}

/// What makes a teardown fail for good, quickly.
const FAILS: Fault<'_> = Fault {
    point: "",
    kind: "",
    besides: "deletion.start_purge=return(error);",
    settings: &[("SEXTON_DELETE_ATTEMPTS", "2"), ("SEXTON_RETRY_BASE_MS", "1")],
};

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_while_giving_up_or_starting_over_loses_nothing(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 0).await;
    for fault in every(FAILURE).chain(every(RETRY)) {
        let fault = Fault { besides: FAILS.besides, settings: FAILS.settings, ..fault };
        let task = tasks(&world.pool, &world.project, 1).await.remove(0);
        history(&world.pool, &task, 200).await;
        let starts_over = RETRY.contains(&fault.point);
        let provoke = async |client: &Client| {
            let record = try_to(client, "DELETE", &task).await.unwrap().1["deletion"]["id"].clone();
            let record = format!("{}/deletions/{}", world.project, record.as_str().unwrap());
            if starts_over {
                until("it has failed", async || client.state(&record).await == "FAILED").await;
                try_to(client, "POST", &format!("{record}/retry")).await;
            }
        };
        let healthy = world.strike(fault, provoke).await;
        // A repeat gives one that has failed a fresh cycle, and changes nothing of any other.
        assert_eq!(healthy.client.delete(&task).await.status, 202);
        world.ends_well(fault).await;
    }
    world.pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_while_undoing_undoes_once_or_not_at_all(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 600).await;
    for fault in every(UNDO) {
        let task = tasks(&world.pool, &world.project, 1).await.remove(0);
        let mut undo = String::new();
        let provoke = async |client: &Client| {
            undo = format!("{}/undo", client.accept(&task).await);
            try_to(client, "POST", &undo).await;
        };
        let healthy = world.strike(fault, provoke).await;
        let answer = healthy.client.send("POST", &undo, None).await.unwrap();
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("ACTIVE")), "{answer:?}");
        assert!(answer.body["next_run_at"].is_string(), "{answer:?}");
        world.ends_well(fault).await;
    }
    world.pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_fault_while_a_task_is_created_leaves_all_of_it_or_nothing(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 0).await;
    let whole =
        "SELECT count(*) FILTER (WHERE s.task_id IS NOT NULL AND e.task_uuid IS NOT NULL) = count(*) FROM tasks t
                 FULL JOIN task_schedules s ON s.task_id = t.id
                 FULL JOIN (SELECT task_uuid FROM events WHERE kind = 'TaskCreated') e ON e.task_uuid = t.id";
    for fault in every(CHANGE) {
        let schedule = json!({ "cron_expression": "0 3 * * *", "timezone": "UTC" });
        let task = json!({ "name": fault.kind, "schedule_config": schedule });
        let path = format!("{}/tasks", world.project);
        world.strike(fault, async |client| drop(client.send("POST", &path, Some(task)).await)).await;
        assert!(sqlx::query_scalar::<_, bool>(whole).fetch_one(&world.pool).await.unwrap(), "{}", fault.kind);
    }
    world.pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_in_the_reconciler_only_delays(pool: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(pool, &on, 1).await;
    for fault in every(RECONCILE) {
        let task = tasks(&world.pool, &world.project, 1).await.remove(0);
        let provoke = async |client: &Client| {
            try_to(client, "DELETE", &task).await;
            sqlx::query("DELETE FROM apalis.jobs").execute(&world.pool).await.unwrap();
        };
        let healthy = world.strike(fault, provoke).await;
        assert_eq!(healthy.client.delete(&task).await.status, 202);
        world.ends_well(fault).await;
    }
    world.pool.close().await;
}
