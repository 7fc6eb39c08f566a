//! Claiming: due tasks are locked, decided about, planned onwards and recorded in one transaction.
//!
//! Invariant: an execution is recorded under the lock of its task's schedule row, which a deletion removes. So none is
//! recorded after one was accepted, and each that was recorded before is in its `in_flight`.

use super::turns::Taken;
use super::{BATCH, BELOW, Room, SWEEP_EVERY, Scheduler, tell_started};
use crate::db::execution::{NewExecution, Unended};
use crate::db::schedule::{Due as DueRow, Plan};
use crate::executor::{Call, Planned};
use crate::{Error, Result, db, faults, planning};
use chrono::{DateTime, Utc};
use domain::execution::{ExecutionStatus, Trigger};
use domain::schedule::{Due, is_missed};
use domain::task::{Completion, Overlap, OverlapPolicy, RunState};
use sqlx::{Connection, PgConnection};
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use uuid::Uuid;

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
    /// Rows that this version cannot decide about.
    aside: Vec<Uuid>,
    left: usize,
}

impl Scheduler {
    /// Takes what is due and fits into `room`. After a claim that failed the next one takes half as many rows; the one row that
    /// is left to blame is set aside.
    pub(super) async fn claim(&mut self, conn: &mut PgConnection, room: Room, began: Instant) -> Result<Claimed> {
        // A claim that hangs is dropped: it counts as one that failed.
        let most = self.most;
        self.most = (most / 2).max(1);
        let blamed = std::mem::take(&mut self.claiming);
        if most == 1 && blamed.len() == 1 {
            tracing::warn!(task = %blamed[0], "the schedule row of this task is set aside: it cannot be claimed");
            db::schedule::set_aside(conn, &blamed).await?;
        }
        let claimed = self.claim_up_to(conn, room, began, most).await?;
        self.claiming.clear();
        self.most = (most * 2).min(BATCH);
        Ok(claimed)
    }

    async fn claim_up_to(
        &mut self,
        conn: &mut PgConnection,
        room: Room,
        began: Instant,
        most: usize,
    ) -> Result<Claimed> {
        let leased_at = self.executor.now();
        let mut tx = conn.begin().await?;
        let now = db::now(&mut tx).await?;
        let sweeps = self.swept_at.is_none_or(|at| began - at >= SWEEP_EVERY);
        let busy_projects = room.busy_projects.clone();
        let Taken { due, mut is_all } = self.take(&mut tx, now, &busy_projects, sweeps, room.calls.min(most)).await?;
        self.claiming = due.iter().map(|row| row.task_id).collect();
        let mut decided = if due.is_empty() { Decided::default() } else { decide(&mut tx, due, now, room).await? };
        super::quota::limit(&mut tx, &self.backend, &mut decided, now).await?;
        is_all &= decided.left == 0;
        self.is_crowded = !is_all;
        // What is left behind, or could not be committed, must stay in sight.
        let mut saw_all = || {
            if is_all && busy_projects.is_empty() {
                self.low_water = now - BELOW;
                self.swept_at = if sweeps { Some(began) } else { self.swept_at };
            }
        };
        if decided.is_empty() {
            saw_all();
            return Ok(Claimed { started: 0, is_all });
        }
        db::schedule::plan_many(&mut tx, &decided.planned, &decided.ended).await?;
        if !decided.aside.is_empty() {
            db::schedule::set_aside(&mut tx, &decided.aside).await?;
        }
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

/// Decides about each task by its policies and what of it has not ended. Schedules are computed beside the runtime and for
/// [`planning::WITHIN`] at most; what is left by then stays due. Groups are held as they are: what one is stopped for has not
/// started, or has before.
async fn decide(conn: &mut PgConnection, due: Vec<DueRow>, now: DateTime<Utc>, mut room: Room) -> Result<Decided> {
    let groups: HashSet<Uuid> = due.iter().filter_map(|row| row.task_group_id).collect();
    let held = db::group::hold_versions(conn, &groups.into_iter().collect::<Vec<_>>()).await?;
    let held: HashSet<(Uuid, i64)> = held.into_iter().collect();
    let is_held = |row: &DueRow| row.task_group_id.zip(row.group_version).is_none_or(|version| held.contains(&version));
    let guarded: Vec<Uuid> =
        due.iter().filter(|row| row.overlap_policy != OverlapPolicy::Allow.as_str()).map(|row| row.task_id).collect();
    let unended = db::execution::unended(conn, &guarded).await?;
    let unended: HashMap<Uuid, Unended> = unended.into_iter().collect();
    let (due, changing): (Vec<_>, Vec<_>) = due.into_iter().partition(is_held);
    let deciding = move || {
        let (mut decided, until) =
            (Decided { left: changing.len(), ..Decided::default() }, Instant::now() + planning::WITHIN);
        for (nth, row) in due.iter().enumerate() {
            // At least one row per claim, so that the slowest one is done with in the end.
            if (nth > 0 && Instant::now() >= until) || !room.is_free_for(row.project_id) {
                decided.left += 1;
                continue;
            }
            let calls = decided.calls.len();
            if let Err(error) = decided.one(row, now, &unended) {
                tracing::error!(task = %row.task_id, %error, "the task is set aside: this version cannot read it");
                decided.aside.push(row.task_id);
            }
            room.take(row.project_id, decided.calls.len() - calls);
        }
        decided
    };
    tokio::task::spawn_blocking(deciding).await.map_err(|_| Error::Broken("a schedule could not be computed"))
}

impl Decided {
    /// Nothing is to be written.
    fn is_empty(&self) -> bool {
        self.planned.is_empty() && self.ended.is_empty() && self.aside.is_empty()
    }

    /// # Errors
    /// A value that this version does not know; nothing is decided then.
    fn one(&mut self, row: &DueRow, now: DateTime<Utc>, unended: &HashMap<Uuid, Unended>) -> Result<()> {
        let policy = db::text("missed_run_policy", &row.missed_run_policy)?;
        let overlap: OverlapPolicy = db::text("overlap_policy", &row.overlap_policy)?;
        let completion: Completion = db::text("completion", &row.completion)?;
        let schedule = db::schedule::stored(&row.schedule_type, &row.schedule_config, row.documented_cron.as_deref())?;
        let window = row.window.window();
        let what = if row.fires {
            schedule.due(row.next_run_at, now, window.as_ref(), policy)
        } else {
            Due { next: schedule.next_open_after(row.next_run_at, window.as_ref()), ..Due::default() }
        };
        match what.next {
            Some(next) => self.planned.push(Plan { task_id: row.task_id, next_run_at: next }),
            None => self.ended.push(row.task_id),
        }
        let unended = unended.get(&row.task_id).copied().unwrap_or_default();
        let is_closed = window.is_some_and(|window| window.state(now) != RunState::Running);
        let decided = match (overlap.decide(unended.has_begun, unended.is_waiting), what.fire.first()) {
            // Made up for, and its group has closed since: it waits for the group.
            (Overlap::Start, Some(first)) if is_closed && is_missed(*first, now) => Overlap::Wait,
            (decided, _) => decided,
        };
        self.fire(row, &what, decided, skip_reason(unended), completion);
        Ok(())
    }

    /// Records what is fired and what is not: the first starts or waits, as the overlap says; further ones, made up for, wait.
    fn fire(&mut self, row: &DueRow, what: &Due, overlap: Overlap, skipped_for: &str, completion: Completion) {
        let missed = i32::try_from(what.missed).unwrap_or(i32::MAX);
        let (Some(first), missed_too) = (what.fire.first(), missed) else {
            if let Some(at) = what.last_missed {
                self.record(row, ExecutionStatus::Skipped, at, missed - 1, Some(MISSED));
            }
            return;
        };
        let (status, reason) = match overlap {
            Overlap::Start => (ExecutionStatus::Running, None),
            Overlap::Wait => (ExecutionStatus::Pending, None),
            Overlap::Skip => (ExecutionStatus::Skipped, Some(skipped_for)),
        };
        let id = self.record(row, status, *first, missed_too, reason);
        if status == ExecutionStatus::Running {
            self.calls.push(row.planned(id, *first, completion));
        }
        for at in &what.fire[1..] {
            self.record(row, ExecutionStatus::Pending, *at, 0, None);
        }
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

/// Why a run is skipped for those that have not ended.
fn skip_reason(unended: Unended) -> &'static str {
    if unended.has_begun && !unended.is_called {
        "The run before it waits for its next attempt."
    } else {
        "The run before it had not ended."
    }
}

impl NewExecution {
    /// How many due times were missed, its own included if it is skipped for that.
    fn all_missed(&self) -> i32 {
        self.missed + i32::from(self.error.as_deref() == Some(MISSED))
    }
}

impl DueRow {
    fn planned(&self, execution_id: Uuid, scheduled_at: DateTime<Utc>, completion: Completion) -> Planned {
        Planned {
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
            completion,
            endpoint: self.endpoint.clone(),
            secrets: [Some(self.signing_secret.clone()), self.previous_signing_secret.clone()],
        }
    }
}
