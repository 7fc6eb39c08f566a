//! Starting what waits: attempts that are tried again, runs by hand, runs that waited for another one to end.
//!
//! Invariant: an execution is started only in a transaction that holds its task's row, ACTIVE: a deletion that was accepted
//! before has cancelled it, one that comes after lists it. And the transaction holds the group of the task, open: a run whose
//! group is closed or stopped waits for it, at most as long as a run may take.

use super::{BATCH, Scheduler, tell_started};
use crate::db::execution::{CallRow, Waiting};
use crate::executor::{Call, Planned, Room};
use crate::{Result, db, faults};
use chrono::{DateTime, Utc};
use domain::execution::CallRetryPolicy;
use domain::group::{Gate, Window};
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

impl Scheduler {
    /// Starts what waits and fits. What waits for its group makes room for others: it is put off, or passed over next time.
    pub(super) async fn start_waiting(&mut self, conn: &mut PgConnection) -> Result<Waited> {
        let mut room = self.executor.room(BATCH);
        if room.is_none() {
            return Ok(Waited::default());
        }
        let began = self.executor.now();
        let mut tx = conn.begin().await?;
        let (limit, passed_over) = (room.calls.max(LOOKED_AT), std::mem::take(&mut self.changing));
        let waiting = db::execution::take_waiting(&mut tx, limit as i64, &room.busy_projects, &passed_over).await?;
        if waiting.is_empty() {
            return Ok(Waited::default());
        }
        let is_full = waiting.len() == limit;
        let now = db::now(&mut tx).await?;
        let gates = Gates::of(&mut tx, &waiting, now).await?;
        let Sorted { ids, held, over, changing } = gates.sort(waiting, &mut room);
        let is_more = !held.is_empty() || !over.is_empty() || (is_full && !changing.is_empty());
        let lease = self.executor.lease().as_secs() as i32;
        let rows = db::execution::start(&mut tx, &ids, &self.backend.node, lease).await?;
        tell_started(&mut tx, rows.iter().map(|row| (row.project_id, row.task_id))).await?;
        put_off(&mut tx, &held, &over).await?;
        faults::commit(tx, "start").await?;
        self.changing = changing.into_iter().collect();
        let mut started = 0;
        for row in rows {
            let id = row.execution_id;
            match Planned::try_from(row) {
                Ok(planned) => {
                    self.executor.start(Call { planned, now, began });
                    started += 1;
                }
                // Committed as RUNNING: it is handed back like a run whose node has died, and the others start all the same.
                Err(error) => tracing::error!(execution = %id, %error, "this version cannot read the run"),
            }
        }
        self.backend.tell();
        Ok(Waited { started, is_more })
    }
}

/// Waiting runs that are looked at, at least, however few may start: most of them may wait for their groups.
const LOOKED_AT: usize = 100;

/// What a look at waiting runs came to.
#[derive(Default)]
pub(super) struct Waited {
    pub started: usize,
    /// Runs that could not start have made room for others that may.
    pub is_more: bool,
}

/// Runs that wait, by what becomes of them.
#[derive(Default)]
struct Sorted {
    /// They start.
    ids: Vec<Uuid>,
    held: Vec<(Uuid, DateTime<Utc>)>,
    over: Vec<(Uuid, String)>,
    /// Groups that somebody is changing.
    changing: HashSet<Uuid>,
}

/// What the groups of runs say, which are held.
struct Gates {
    windows: HashMap<Uuid, Option<Window>>,
    now: DateTime<Utc>,
}

impl Gates {
    async fn of(conn: &mut PgConnection, waiting: &[Waiting], now: DateTime<Utc>) -> Result<Self> {
        let groups: HashSet<Uuid> = waiting.iter().filter_map(|waiting| waiting.group_id).collect();
        let windows = db::group::hold_windows(conn, &groups.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self { windows: windows.into_iter().collect(), now })
    }

    /// Sorts runs; those that start take their places in `room`.
    fn sort(&self, waiting: Vec<Waiting>, room: &mut Room) -> Sorted {
        let (mut sorted, mut of_task) = (Sorted::default(), HashSet::new());
        for waiting in waiting {
            match self.of_run(&waiting) {
                None => sorted.changing.extend(waiting.group_id),
                Some(Gate::Closed(until)) => sorted.held.push((waiting.id, until)),
                Some(Gate::Over(reason)) => sorted.over.push((waiting.id, reason)),
                Some(Gate::Open) => {
                    let is_first = waiting.is_free || of_task.insert(waiting.task_id);
                    if is_first && room.is_free_for(waiting.project_id) {
                        room.take(waiting.project_id, 1);
                        sorted.ids.push(waiting.id);
                    }
                }
            }
        }
        sorted
    }

    /// None when somebody is changing the group: the run is looked at again.
    fn of_run(&self, waiting: &Waiting) -> Option<Gate> {
        let Some(group) = waiting.group_id else { return Some(Gate::Open) };
        let give_up_at = CallRetryPolicy::default().give_up_at(waiting.created_at);
        let gate = |window: &Window| window.gate(self.now, give_up_at, waiting.is_manual);
        Some(self.windows.get(&group)?.as_ref().map_or(Gate::Open, gate))
    }
}

/// Has runs wait for their groups, and, last, ends those that have waited for too long, and counts them.
async fn put_off(conn: &mut PgConnection, held: &[(Uuid, DateTime<Utc>)], over: &[(Uuid, String)]) -> Result<()> {
    if !held.is_empty() {
        db::execution::hold(conn, held).await?;
    }
    if !over.is_empty() {
        let ended = db::execution::end_held(conn, over).await?;
        crate::executor::tell_ended(conn, &ended).await?;
    }
    Ok(())
}

impl TryFrom<CallRow> for Planned {
    type Error = sqlx::Error;
    fn try_from(row: CallRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            execution_id: row.execution_id,
            task_id: row.task_id,
            project_id: row.project_id,
            task_name: row.task_name,
            scheduled_at: row.scheduled_at,
            recorded_at: Some(row.created_at),
            attempt: row.attempt,
            held_up: row.held_up,
            trigger: db::text("trigger", &row.trigger)?,
            metadata: row.metadata,
            timeout_seconds: row.timeout_seconds,
            max_attempts: row.max_attempts,
            completion: db::text("completion", &row.completion)?,
            endpoint: row.endpoint,
            secrets: [Some(row.signing_secret), row.previous_signing_secret],
        })
    }
}
