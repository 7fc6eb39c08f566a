//! Claiming: due tasks are locked, decided about, planned onwards and recorded in one transaction.
//!
//! Invariant: an execution is recorded under the lock of its task's schedule row, which a deletion removes. So none is
//! recorded after one was accepted, and each that was recorded before is in its `in_flight`.

use super::{BATCH, BELOW, Room, SWEEP_EVERY, Scheduler, tell_started};
use crate::db::execution::NewExecution;
use crate::db::group::WindowRow;
use crate::db::schedule::{Due as DueRow, Plan, Sight};
use crate::executor::{Call, Planned};
use crate::{Result, db, faults};
use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::{ExecutionStatus, Trigger};
use domain::group::Window;
use domain::schedule::{Due, Schedule};
use domain::task::{Overlap, OverlapPolicy, ScheduleType};
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use uuid::Uuid;

/// How soon a schedule that cannot be read is looked at again.
const UNREADABLE_FOR: TimeDelta = TimeDelta::minutes(1);
/// Why a run that is too late is skipped.
const MISSED: &str = "Missed: no node was up when it was due.";

/// What a claim came to.
pub(super) struct Claimed {
    pub started: usize,
    /// Nothing that is due was left behind.
    pub is_all: bool,
}

/// What one claim writes.
#[derive(Default)]
pub(super) struct Decided {
    pub new: Vec<NewExecution>,
    pub calls: Vec<Planned>,
    planned: Vec<Plan>,
    ended: Vec<Uuid>,
    left: usize,
}

impl Scheduler {
    /// Takes what is due and fits into `room`.
    pub(super) async fn claim(&mut self, conn: &mut PgConnection, room: &Room, began: Instant) -> Result<Claimed> {
        let leased_at = self.executor.now();
        let mut tx = conn.begin().await?;
        let now = db::now(&mut tx).await?;
        let sweeps = self.swept_at.is_none_or(|at| began - at >= SWEEP_EVERY);
        let low_water = if sweeps { DateTime::UNIX_EPOCH } else { self.low_water };
        let limit = room.calls.min(BATCH);
        let sight = Sight { now, low_water, busy_projects: &room.busy_projects };
        let due = db::schedule::take_due(&mut tx, &sight, limit as i64).await?;
        let is_short = due.len() < limit;
        let mut decided = if due.is_empty() { Decided::default() } else { decide(&mut tx, due, now, room).await? };
        super::quota::limit(&mut tx, &self.backend, &mut decided, now).await?;
        let is_all = is_short && decided.left == 0;
        // What is left behind, or could not be committed, must stay in sight.
        let mut saw_all = || {
            if is_all && room.busy_projects.is_empty() {
                self.low_water = now - BELOW;
                self.swept_at = if sweeps { Some(began) } else { self.swept_at };
            }
        };
        if decided.planned.is_empty() && decided.ended.is_empty() {
            saw_all();
            return Ok(Claimed { started: 0, is_all });
        }
        db::schedule::plan_many(&mut tx, &decided.planned, &decided.ended).await?;
        let lease = self.executor.lease().as_secs() as i32;
        let recorded = db::execution::record(&mut tx, &decided.new, &self.backend.node, lease).await?;
        let recorded: HashSet<Uuid> = recorded.into_iter().collect();
        decided.calls.retain(|call| recorded.contains(&call.execution_id));
        tell_started(&mut tx, decided.new.iter().map(|new| (new.project_id, new.task_id))).await?;
        decided.new.retain(|new| recorded.contains(&new.id));
        super::quota::tell(&mut tx, &decided.new, now).await?;
        tell_skipped(&mut tx, &decided.new, now).await?;
        faults::commit(tx, "claim").await?;
        saw_all();
        let started = decided.calls.len();
        for planned in decided.calls {
            self.executor.start(Call { planned, now, began: leased_at });
        }
        self.backend.tell();
        Ok(Claimed { started, is_all })
    }
}

/// Writes what follows from what was skipped or missed: alerts and, last, counts.
async fn tell_skipped(conn: &mut PgConnection, new: &[NewExecution], now: DateTime<Utc>) -> Result<()> {
    let missed = new.iter().filter(|new| new.all_missed() > 0);
    let missed: Vec<_> = missed.map(|new| (new, new.all_missed())).collect();
    crate::alerts::tell_missed(conn, &missed, now).await?;
    let skipped = new.iter().filter(|new| new.status == ExecutionStatus::Skipped);
    let skipped: Vec<_> = skipped.map(|new| (new.task_id, new.project_id, now, new.status)).collect();
    Ok(db::execution::count_ends(conn, &skipped).await?)
}

/// Decides about each task by its policies and what of it has not ended.
async fn decide(conn: &mut PgConnection, due: Vec<DueRow>, now: DateTime<Utc>, room: &Room) -> Result<Decided> {
    let guarded: Vec<Uuid> =
        due.iter().filter(|row| row.overlap_policy != OverlapPolicy::Allow.as_str()).map(|row| row.task_id).collect();
    let unended = db::execution::unended(conn, &guarded).await?;
    let unended: HashMap<Uuid, (bool, bool)> =
        unended.into_iter().map(|(id, runs, waits)| (id, (runs, waits))).collect();
    let mut decided = Decided::default();
    let mut starting = HashMap::<Uuid, usize>::new();
    for row in due {
        let of_project = starting.entry(row.project_id).or_default();
        if *of_project >= room.of_project(row.project_id) {
            decided.left += 1;
            continue;
        }
        let calls = decided.calls.len();
        decided.one(&row, now, &unended)?;
        *of_project += decided.calls.len() - calls;
    }
    Ok(decided)
}

impl Decided {
    fn one(&mut self, row: &DueRow, now: DateTime<Utc>, unended: &HashMap<Uuid, (bool, bool)>) -> Result<()> {
        let kind: ScheduleType = db::text("schedule_type", &row.schedule_type)?;
        let config = serde_json::from_value(row.schedule_config.clone()).ok();
        let schedule = config.and_then(|config| Schedule::read(kind, &config).ok());
        let window = row.window();
        let what = match &schedule {
            None => {
                self.postpone(row, now);
                return Ok(());
            }
            Some(schedule) if !row.fires => {
                Due { next: schedule.next_open_after(row.next_run_at, window.as_ref()), ..Due::default() }
            }
            Some(schedule) => {
                let policy = db::text("missed_run_policy", &row.missed_run_policy)?;
                schedule.due(row.next_run_at, now, window.as_ref(), policy)
            }
        };
        match what.next {
            Some(next) => self.planned.push(Plan { task_id: row.task_id, next_run_at: next, fires: true }),
            None => self.ended.push(row.task_id),
        }
        let overlap: OverlapPolicy = db::text("overlap_policy", &row.overlap_policy)?;
        let (runs, waits) = unended.get(&row.task_id).copied().unwrap_or_default();
        self.fire(row, &what, overlap.decide(runs, waits))
    }

    /// A schedule that this version cannot read holds up no other; perhaps another node can.
    fn postpone(&mut self, row: &DueRow, now: DateTime<Utc>) {
        tracing::error!(task = %row.task_id, "the schedule cannot be read");
        self.planned.push(Plan { task_id: row.task_id, next_run_at: now + UNREADABLE_FOR, fires: false });
    }

    /// Records what is fired and what is not: the first starts or waits, as the overlap says; further ones, made up for, wait.
    fn fire(&mut self, row: &DueRow, what: &Due, overlap: Overlap) -> Result<()> {
        let missed = i32::try_from(what.missed).unwrap_or(i32::MAX);
        let (Some(first), missed_too) = (what.fire.first(), missed) else {
            if let Some(at) = what.last_missed {
                self.record(row, ExecutionStatus::Skipped, at, missed - 1, Some(MISSED));
            }
            return Ok(());
        };
        let (status, reason) = match overlap {
            Overlap::Start => (ExecutionStatus::Running, None),
            Overlap::Wait => (ExecutionStatus::Pending, None),
            Overlap::Skip => (ExecutionStatus::Skipped, Some("The run before it had not ended.")),
        };
        let id = self.record(row, status, *first, missed_too, reason);
        if status == ExecutionStatus::Running {
            self.calls.push(row.planned(id, *first)?);
        }
        for at in &what.fire[1..] {
            self.record(row, ExecutionStatus::Pending, *at, 0, None);
        }
        Ok(())
    }

    fn record(
        &mut self,
        row: &DueRow,
        status: ExecutionStatus,
        at: DateTime<Utc>,
        missed: i32,
        reason: Option<&str>,
    ) -> Uuid {
        let id = Uuid::now_v7();
        let (task_id, project_id, error) = (row.task_id, row.project_id, reason.map(str::to_owned));
        self.new.push(NewExecution { id, task_id, project_id, status, scheduled_at: at, missed, error });
        id
    }
}

impl NewExecution {
    /// How many due times were missed, its own included if it is skipped for that.
    fn all_missed(&self) -> i32 {
        self.missed + i32::from(self.error.as_deref() == Some(MISSED))
    }
}

impl DueRow {
    /// The window of the task's group, if it is in one.
    fn window(&self) -> Option<Window> {
        let (start_time, end_time, by_hand_until) = (self.start_time, self.end_time, self.by_hand_until);
        let (timezone, by_hand) = (self.timezone.clone(), self.by_hand.clone());
        WindowRow { start_time, end_time, timezone, by_hand, by_hand_until }.window()
    }

    fn planned(&self, execution_id: Uuid, scheduled_at: DateTime<Utc>) -> Result<Planned> {
        Ok(Planned {
            execution_id,
            task_id: self.task_id,
            project_id: self.project_id,
            task_name: self.name.clone(),
            scheduled_at,
            recorded_at: None,
            attempt: 1,
            held_up: 0,
            trigger: Trigger::Scheduled,
            metadata: self.metadata.clone(),
            timeout_seconds: self.timeout_seconds,
            max_attempts: self.max_attempts,
            completion: db::text("completion", &self.completion)?,
            endpoint: self.endpoint.clone(),
            secrets: [Some(self.signing_secret.clone()), self.previous_signing_secret.clone()],
        })
    }
}
