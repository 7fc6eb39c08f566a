//! A fault at every named point on the way of an execution: while it is claimed, started by hand, called, kept alive, ended,
//! cancelled, taken over. A node without the fault must then bring it to its end, and no attempt may be called twice.

use crate::client::Client;
use crate::faults::{Fault, World, every, try_to};
use crate::history::History;
use crate::invariants;
use crate::node::{Node, until};
use crate::receiver::Receiver;
use crate::stock::{id_of, tasks};
use backend::faults::{CALLBACK, CLAIM, END, START};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Instant;
use uuid::Uuid;

/// Nodes with a short lease, so that what is lost is soon found; and one whose signs of life are rare.
const SETTINGS: [(&str, &str); 2] = [("SEXTON_ALLOW_PRIVATE_TARGETS", "true"), ("SEXTON_LEASE_SECONDS", "2")];
const RARE: [(&str, &str); 2] = [("SEXTON_ALLOW_PRIVATE_TARGETS", "true"), ("SEXTON_LEASE_SECONDS", "15")];

/// Crash and error at every point; and, at the last one, a delay there and at all the others.
struct Trials {
    points: &'static [&'static str],
    slow: String,
}

impl Trials {
    fn new(points: &'static [&'static str]) -> Self {
        Self { points, slow: points.iter().map(|point| format!("{point}=return(delay);")).collect() }
    }

    fn all(&self) -> impl Iterator<Item = Fault<'_>> {
        let last = self.points.last();
        let slow = |fault: Fault<'_>| fault.kind == "delay" && Some(&fault.point) == last;
        let mut faults: Vec<Fault<'_>> =
            every(self.points).filter(|fault| fault.kind != "delay" || slow(*fault)).collect();
        faults.iter_mut().filter(|fault| fault.kind == "delay").for_each(|fault| fault.besides = &self.slow);
        faults.into_iter()
    }
}

/// A family of faults with the endpoint that is called.
struct Firing {
    world: World,
    receiver: Receiver,
    history: History,
}

impl Firing {
    async fn new(pool: PgPoolOptions, on: &PgConnectOptions, path: &str) -> Self {
        let (world, receiver) = (World::new(pool, on, 0).await, Receiver::start().await);
        let statement = "UPDATE projects SET execution_endpoint = $1";
        sqlx::query(statement).bind(receiver.url(path)).execute(&world.pool).await.unwrap();
        Self { world, receiver, history: History::default() }
    }

    async fn task(&self) -> String {
        tasks(&self.world.pool, &self.world.project, 1).await.remove(0)
    }

    async fn execute(&self, statement: &'static str, task: &str) {
        sqlx::query(statement).bind(id_of(task)).execute(&self.world.pool).await.unwrap();
    }

    /// Lets the fault strike while `provoke` is done.
    async fn strike(&mut self, fault: Fault<'_>, provoke: impl AsyncFnOnce(&Client)) -> Node {
        self.history.faults.push(Instant::now());
        let healthy = self.world.strike(fault, provoke).await;
        self.history.faults.push(Instant::now());
        healthy
    }

    /// Waits until every execution of the task has ended, one at least, and checks all that must hold.
    async fn ends_well(&mut self, task: &str, fault: Fault<'_>, statuses: &str) {
        let condition = format!(
            "SELECT count(*) > 0 AND coalesce(bool_and(status IN ({statuses})), false) FROM executions WHERE task_id = '{}'",
            id_of(task)
        );
        let ended =
            async || sqlx::query_scalar(AssertSqlSafe(condition.clone())).fetch_one(&self.world.pool).await.unwrap();
        until(&format!("all has ended after {} at {}", fault.kind, fault.point), ended).await;
        self.history.calls = self.receiver.calls();
        let violations = self.history.violations();
        assert!(violations.is_empty(), "{} at {}: {violations:#?}", fault.kind, fault.point);
        invariants::hold(&self.world.pool).await;
    }
}

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_in_a_claim_only_delays_the_run(pool: PgPoolOptions, on: PgConnectOptions) {
    let mut firing = Firing::new(pool, &on, "/ok").await;
    let trials = Trials::new(CLAIM);
    for fault in trials.all() {
        let (task, fault) = (firing.task().await, Fault { settings: &SETTINGS, ..fault });
        firing
            .execute("UPDATE task_schedules SET next_run_at = now() - interval '1 s' WHERE task_id = $1", &task)
            .await;
        let _healthy = firing.strike(fault, async |_| {}).await;
        firing.ends_well(&task, fault, "'SUCCESS'").await;
        let runs = "SELECT count(*) FROM executions e JOIN task_schedules s USING (task_id) WHERE task_id = $1 AND next_run_at > now()";
        let runs: i64 = sqlx::query_scalar(runs).bind(id_of(&task)).fetch_one(&firing.world.pool).await.unwrap();
        assert_eq!(runs, 1, "{} at {}", fault.kind, fault.point);
    }
    firing.world.pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_while_a_task_is_run_by_hand_loses_no_run_that_was_confirmed(
    pool: PgPoolOptions,
    on: PgConnectOptions,
) {
    let mut firing = Firing::new(pool, &on, "/ok").await;
    let trials = Trials::new(START);
    for fault in trials.all() {
        let (task, fault) = (firing.task().await, Fault { settings: &SETTINGS, ..fault });
        let (run, mut confirmed) = (format!("{task}/trigger"), 1);
        let provoke = async |client: &Client| {
            let answer = try_to(client, "POST", &run).await;
            confirmed += i64::from(answer.is_some_and(|(status, _)| status < 300));
        };
        let healthy = firing.strike(fault, provoke).await;
        assert!(healthy.client.send("POST", &run, None).await.unwrap().status < 300);
        firing.ends_well(&task, fault, "'SUCCESS'").await;
        let runs = "SELECT count(*) FROM executions WHERE task_id = $1";
        let runs: i64 = sqlx::query_scalar(runs).bind(id_of(&task)).fetch_one(&firing.world.pool).await.unwrap();
        assert!((confirmed..=2).contains(&runs), "{} at {}: {runs}", fault.kind, fault.point);
    }
    firing.world.pool.close().await;
}

/// One that a node which is dead had.
const LOST: &str = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, node, lease_until)
     SELECT gen_random_uuid(), id, project_id, 'RUNNING', 'SCHEDULED', now(), now(), 'dead', now() FROM tasks WHERE id = $1";
/// As a callback does it, before the answer.
const CALLED_BACK: &str =
    "UPDATE executions SET status = 'SUCCESS', finished_at = now() WHERE task_id = $1 AND status = 'RUNNING'";

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_at_the_end_of_an_execution_ends_it_once(pool: PgPoolOptions, on: PgConnectOptions) {
    let mut firing = Firing::new(pool, &on, "/after/700").await;
    let trials = Trials::new(END);
    for fault in trials.all() {
        let settings = if fault.point == "execution.keep_answers" { &RARE } else { &SETTINGS };
        let (task, fault) = (firing.task().await, Fault { settings, ..fault });
        if fault.point.contains("rescue") {
            firing.execute(LOST, &task).await;
        }
        let (project, calls) = (firing.world.project.clone(), firing.receiver.calls().len());
        let (pool, receiver) = (firing.world.pool.clone(), &firing.receiver);
        let provoke = async |client: &Client| {
            let Some((_, run)) = try_to(client, "POST", &format!("{task}/trigger")).await else { return };
            receiver.until(calls + 1).await;
            if fault.point == "execution.keep_answers" {
                sqlx::query(CALLED_BACK).bind(id_of(&task)).execute(&pool).await.unwrap();
            } else if fault.point.contains("cancel") {
                try_to(client, "POST", &format!("{project}/executions/{}/cancel", run["id"].as_str().unwrap())).await;
            }
        };
        firing.history.faults.push(Instant::now());
        let healthy = firing.world.strike(fault, provoke).await;
        firing.history.faults.push(Instant::now());
        firing.ends_well(&task, fault, "'SUCCESS', 'CANCELLED'").await;
        drop(healthy);
    }
    firing.world.pool.close().await;
}

/// One that waits for its callback.
const AWAITED: &str = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, lease_until)
     SELECT gen_random_uuid(), id, project_id, 'RUNNING', 'SCHEDULED', now(), now(), now() + interval '1 h' FROM tasks WHERE id = $1";

#[sqlx::test(migrations = false)]
async fn a_fault_anywhere_in_a_callback_loses_none_that_was_taken(pool: PgPoolOptions, on: PgConnectOptions) {
    let mut firing = Firing::new(pool, &on, "/ok").await;
    let node = Node::ready(&crate::node::url(&on), &[]).await;
    let draft = json!({ "name": "Client", "scopes": ["callbacks"] });
    let key = node.client.send("POST", &format!("{}/api-keys", firing.world.project), Some(draft)).await.unwrap();
    let key = key.body["key"].as_str().unwrap().to_owned();
    node.kill();
    let trials = Trials::new(CALLBACK);
    for fault in trials.all() {
        let (task, fault) = (firing.task().await, Fault { settings: &SETTINGS, ..fault });
        firing.execute(AWAITED, &task).await;
        let run = "SELECT id FROM executions WHERE task_id = $1";
        let run: Uuid = sqlx::query_scalar(run).bind(id_of(&task)).fetch_one(&firing.world.pool).await.unwrap();
        let call_back = async |client: &Client, run: Uuid| {
            let path = format!("/api/v1/executions/{run}");
            let (line, end) = (json!({ "message": "At work" }), json!({ "status": "SUCCESS" }));
            client.call_back("POST", &format!("{path}/logs"), &key, line).await;
            client.call_back("PATCH", &format!("{path}/status"), &key, end).await
        };
        let provoke = async |client: &Client| {
            // The second one is of no task that is there.
            for run in [run, Uuid::now_v7()] {
                call_back(client, run).await;
            }
        };
        let healthy = firing.strike(fault, provoke).await;
        assert_eq!(call_back(&healthy.client, run).await, Some(200), "{} at {}", fault.kind, fault.point);
        firing.ends_well(&task, fault, "'SUCCESS'").await;
    }
    firing.world.pool.close().await;
}
