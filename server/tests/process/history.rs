//! What clients were told and what an endpoint saw, and whether it agrees: the promise of a deletion, and what firing owes.

use crate::receiver::Call;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A fault may be over a moment before the call that it has lost is seen.
const JUST_BEFORE: Duration = Duration::from_secs(1);

/// A deletion that a client has read a 202 of.
#[derive(Debug)]
pub struct Accepted {
    pub at: Instant,
    pub task: Uuid,
    pub in_flight: BTreeSet<Uuid>,
    /// When the client asked to undo it.
    pub undone_at: Option<Instant>,
}

impl Accepted {
    /// From the body of the 202.
    pub fn read(body: &Value) -> Self {
        let at = Instant::now();
        let id = |value: &Value| value.as_str().unwrap().parse::<Uuid>().unwrap();
        let in_flight = body["deletion"]["in_flight"].as_array().unwrap().iter().map(id).collect();
        Self { at, task: id(&body["task_uuid"]), in_flight, undone_at: None }
    }
}

/// All that happened.
#[derive(Default)]
pub struct History {
    pub accepted: Vec<Accepted>,
    /// Moments at which something was killed, stopped or restarted.
    pub faults: Vec<Instant>,
    pub calls: Vec<Call>,
}

/// What the body of a call says.
#[derive(Deserialize)]
struct Said {
    task_uuid: Uuid,
    execution_id: Uuid,
    scheduled_at: DateTime<Utc>,
    attempt: i32,
}

impl History {
    /// What must not be; empty when every promise was kept.
    pub fn violations(&self) -> Vec<String> {
        let calls: Vec<(&Call, Said)> =
            self.calls.iter().map(|call| (call, serde_json::from_str(&call.body).unwrap())).collect();
        let mut found = Vec::new();
        self.unlisted(&calls, &mut found);
        Self::twice_due(&calls, &mut found);
        self.called_again(&calls, &mut found);
        found
    }

    /// Calls that came after the client had read the 202 and are not in its list.
    fn unlisted(&self, calls: &[(&Call, Said)], found: &mut Vec<String>) {
        let mut deletions = BTreeMap::<Uuid, Vec<&Accepted>>::new();
        for accepted in &self.accepted {
            deletions.entry(accepted.task).or_default().push(accepted);
        }
        for (call, said) in calls {
            let is_broken = |accepted: &&&Accepted| {
                let is_undone = accepted.undone_at.is_some_and(|at| call.at > at);
                call.at > accepted.at && !is_undone && !accepted.in_flight.contains(&said.execution_id)
            };
            if let Some(accepted) = deletions.get(&said.task_uuid).and_then(|all| all.iter().find(is_broken)) {
                let late = call.at - accepted.at;
                found
                    .push(format!("unlisted: {} of {} came {late:?} after the 202", said.execution_id, said.task_uuid));
            }
        }
    }

    /// Due times that were fired as two executions.
    fn twice_due(calls: &[(&Call, Said)], found: &mut Vec<String>) {
        let mut due = BTreeMap::<(Uuid, DateTime<Utc>), BTreeSet<Uuid>>::new();
        for (_, said) in calls {
            due.entry((said.task_uuid, said.scheduled_at)).or_default().insert(said.execution_id);
        }
        for ((task, at), ids) in due.iter().filter(|(_, ids)| ids.len() > 1) {
            found.push(format!("two executions: {ids:?} of {task} at {at}"));
        }
    }

    /// Attempts that were called twice; and, where the endpoint always answers well, calls made again without a fault.
    fn called_again(&self, calls: &[(&Call, Said)], found: &mut Vec<String>) {
        let mut executions = BTreeMap::<Uuid, Vec<(&Call, i32)>>::new();
        for (call, said) in calls {
            assert_eq!(call.id(), said.execution_id);
            executions.entry(said.execution_id).or_default().push((call, said.attempt));
        }
        for (id, mut calls) in executions {
            calls.sort_by_key(|(call, _)| call.at);
            let attempts: BTreeSet<i32> = calls.iter().map(|(_, attempt)| *attempt).collect();
            if attempts.len() < calls.len() {
                found.push(format!("an attempt of {id} was called twice"));
            }
            for two in calls.windows(2).filter(|two| !two[0].0.path.starts_with("/status")) {
                let between = (two[0].0.at - JUST_BEFORE)..two[1].0.at;
                if !self.faults.iter().any(|at| between.contains(at)) {
                    found.push(format!("without a fault: {id} was called again after {:?}", two[1].0.at - two[0].0.at));
                }
            }
        }
    }
}

/// What must not be in the database of tasks that fire every second, when no node runs any more.
const BROKEN: [(&str, &str); 5] = [
    (
        "a due time has no execution and is not counted as missed",
        "SELECT count(*) FROM (
             SELECT scheduled_at - missed * interval '1 s' AS from_at, lag(scheduled_at) OVER (PARTITION BY task_id ORDER BY scheduled_at) AS before
             FROM executions e WHERE trigger = 'SCHEDULED' AND NOT EXISTS (SELECT FROM deletions d WHERE d.task_id = e.task_id)) AS run
         WHERE from_at <> before + interval '1 s'",
    ),
    (
        "the first due time was not fired",
        "SELECT count(*) FROM tasks t WHERE NOT EXISTS (SELECT FROM deletions d WHERE d.task_id = t.id) AND t.created_at + interval '2 s' <
             (SELECT min(scheduled_at - missed * interval '1 s') FROM executions e WHERE e.task_id = t.id AND trigger = 'SCHEDULED')",
    ),
    (
        "the plan does not go on where the last execution is",
        "SELECT count(*) FROM task_schedules s WHERE NOT EXISTS (SELECT FROM deletions d WHERE d.task_id = s.task_id)
             AND next_run_at - interval '1 s' <> (SELECT max(scheduled_at) FROM executions e WHERE e.task_id = s.task_id AND trigger = 'SCHEDULED')",
    ),
    ("a task that was not deleted has no plan", "SELECT count(*) FROM tasks t WHERE status = 'ACTIVE' AND NOT EXISTS (SELECT FROM task_schedules s WHERE s.task_id = t.id)"),
    ("a call has no end and no node", "SELECT count(*) FROM executions WHERE status = 'RUNNING'"),
];

/// The same for the database.
pub async fn violations_in(pool: &PgPool) -> Vec<String> {
    let mut found = Vec::new();
    for (what, statement) in BROKEN {
        let count: i64 = sqlx::query_scalar(statement).fetch_one(pool).await.unwrap();
        if count > 0 {
            found.push(format!("{what}: {count}"));
        }
    }
    found
}
