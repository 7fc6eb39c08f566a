//! What the store should say, computed without it: a task and its deletions in memory, moved by the rules of `domain`.
//!
//! Nothing here decides by itself what a status may become, what may be undone, when something is tried again, given up
//! or stuck. Times are seconds on a clock of its own. Driven beside the real store by `against_the_rules`.

use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::{DeletionState, FailureKind, RetryPolicy, StuckPolicy, Verdict, can_undo};
use domain::error::ProblemKind;
use domain::event::EventKind;
use domain::status::{SettableStatus, StatusEvent, TaskStatus, transition};
use domain::task::parse_status;
use uuid::Uuid;

/// The policies of both sides. Everything that is waited for takes whole minutes and whatever is stuck or drained half
/// ones, so that the time that the real store takes decides nothing.
pub const RETRY: RetryPolicy =
    RetryPolicy { max_attempts: 3, base: TimeDelta::seconds(60), cap: TimeDelta::seconds(300) };
pub const STUCK: StuckPolicy =
    StuckPolicy { pending_after: TimeDelta::seconds(330), failed_after: TimeDelta::seconds(1_830) };
pub const UNDO_WINDOW: i32 = 60;
pub const DRAIN: i32 = 150;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

/// What an attempt comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Deleted,
    NotYet,
    NotPending,
    AlreadyGone,
    /// It met the error that was put in its way.
    Failed,
}

/// A deletion as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub state: DeletionState,
    pub attempt: i32,
    pub can_undo: bool,
    pub in_flight: Vec<Uuid>,
    pub last_error: Option<FailureKind>,
    pub is_tried_again: bool,
    /// Executions in the receipt.
    pub receipt: Option<i64>,
    pub has_job: bool,
}

#[derive(Clone, Debug)]
pub struct Record {
    pub id: Uuid,
    state: DeletionState,
    previous: SettableStatus,
    in_flight: Vec<Uuid>,
    is_purging: bool,
    failed_attempts: i32,
    last_error: Option<FailureKind>,
    fenced_at: i64,
    wake_at: i64,
    has_job: bool,
    runs: i64,
}

impl Record {
    fn may_undo(&self) -> bool {
        can_undo(self.state, self.is_purging.then(|| at(0)))
    }

    pub fn shown(&self) -> Shown {
        let is_counted = matches!(self.state, DeletionState::Running | DeletionState::Succeeded);
        Shown {
            state: self.state,
            attempt: self.failed_attempts + i32::from(is_counted),
            can_undo: self.may_undo(),
            in_flight: self.in_flight.clone(),
            last_error: self.last_error,
            is_tried_again: matches!(self.state, DeletionState::Retrying | DeletionState::Failed),
            receipt: (self.state == DeletionState::Succeeded).then_some(self.runs),
            has_job: self.has_job,
        }
    }
}

/// A task as it should be.
#[derive(Clone, Debug)]
pub struct Expected {
    /// None is gone.
    pub status: Option<TaskStatus>,
    pub version: i64,
    /// The last one is the latest.
    pub records: Vec<Record>,
    pub events: Vec<EventKind>,
    /// Executions that have not ended, and all that there ever were.
    live: Vec<Uuid>,
    runs: i64,
}

impl Expected {
    pub fn new() -> Self {
        let (status, events) = (Some(TaskStatus::Active), vec![EventKind::TaskCreated]);
        Self { status, version: 1, records: Vec::new(), events, live: Vec::new(), runs: 0 }
    }

    pub fn open(&self) -> Option<&Record> {
        self.records.last().filter(|record| !record.state.is_final())
    }

    fn becomes(&mut self, status: TaskStatus, event: EventKind) {
        self.status = Some(status);
        self.version += 1;
        self.events.push(event);
    }

    pub fn start_run(&mut self, id: Uuid) {
        self.live.push(id);
        self.runs += 1;
    }

    pub fn end_runs(&mut self) {
        self.live.clear();
    }

    /// The deletion that a request is answered with, if it is not a new one.
    pub fn request(&mut self, now: i64) -> Option<Uuid> {
        if self.status == Some(TaskStatus::DeleteFailed) {
            self.start_over(now);
        }
        match self.status {
            None => self.records.last().map(|record| record.id),
            Some(_) => self.open().map(|record| record.id),
        }
    }

    /// A new deletion was accepted under this id.
    pub fn accept(&mut self, id: Uuid, now: i64) {
        let status = self.status.unwrap();
        let record = Record {
            id,
            state: DeletionState::Scheduled,
            previous: status.settable().unwrap(),
            in_flight: self.live.clone(),
            is_purging: false,
            failed_attempts: 0,
            last_error: None,
            fenced_at: now,
            wake_at: now + i64::from(UNDO_WINDOW),
            has_job: true,
            runs: 0,
        };
        self.becomes(transition(status, StatusEvent::RequestDeletion).unwrap(), EventKind::TaskDeletionRequested);
        self.records.push(record);
    }

    pub fn change(&mut self, asked: Option<&str>) -> Result<(), ProblemKind> {
        let status = self.status.ok_or(ProblemKind::TaskDeleted)?;
        let asked = asked.map(parse_status).transpose().map_err(|refusal| refusal.kind)?;
        let asked = asked.or(status.settable()).unwrap_or(SettableStatus::Active);
        let to = transition(status, StatusEvent::Set(asked)).map_err(|_| ProblemKind::TaskPendingDelete)?;
        self.becomes(to, EventKind::TaskUpdated);
        Ok(())
    }

    pub fn undo(&mut self, n: usize) -> Result<(), ProblemKind> {
        let (record, status) = (&mut self.records[n], self.status.ok_or(ProblemKind::PointOfNoReturn)?);
        if record.state == DeletionState::Undone {
            return Ok(());
        }
        if !record.may_undo() {
            return Err(ProblemKind::PointOfNoReturn);
        }
        (record.state, record.has_job) = (DeletionState::Undone, false);
        let previous = record.previous;
        self.becomes(transition(status, StatusEvent::Undo(previous)).unwrap(), EventKind::TaskDeletionUndone);
        Ok(())
    }

    pub fn retry(&mut self, n: usize, now: i64) -> Result<(), ProblemKind> {
        if self.records[n].state != DeletionState::Failed {
            return Err(ProblemKind::NotFailed);
        }
        self.start_over(now);
        Ok(())
    }

    fn start_over(&mut self, now: i64) {
        let to = transition(self.status.unwrap(), StatusEvent::Retry).unwrap();
        let record = self.records.last_mut().unwrap();
        (record.state, record.failed_attempts) = (DeletionState::Scheduled, 0);
        (record.wake_at, record.has_job) = (now, true);
        self.becomes(to, EventKind::TaskDeletionRetried);
    }

    /// One attempt, by itself; `is_refused` says that the row's deletion fails.
    pub fn perform(&mut self, n: usize, now: i64, is_refused: bool) -> Attempt {
        let has_live_runs = !self.live.is_empty();
        let record = &mut self.records[n];
        match record.state {
            DeletionState::Succeeded => return Attempt::AlreadyGone,
            DeletionState::Failed | DeletionState::Undone => return Attempt::NotPending,
            DeletionState::Scheduled | DeletionState::Retrying if record.wake_at > now => return Attempt::NotYet,
            DeletionState::Scheduled | DeletionState::Retrying | DeletionState::Running => {}
        }
        (record.state, record.wake_at) = (DeletionState::Running, now);
        if has_live_runs && now < record.fenced_at + i64::from(DRAIN) {
            return Attempt::NotYet;
        }
        record.is_purging = true;
        self.live.clear();
        if is_refused {
            return Attempt::Failed;
        }
        self.remove();
        Attempt::Deleted
    }

    fn remove(&mut self) {
        let record = self.records.last_mut().unwrap();
        (record.state, record.is_purging, record.has_job) = (DeletionState::Succeeded, true, false);
        record.runs = self.runs;
        self.status = None;
        self.events.push(EventKind::TaskDeleted);
    }

    /// Whether a sweep takes it; then it is gone.
    pub fn sweep(&mut self, now: i64) -> bool {
        let is_due = |record: &Record| record.state == DeletionState::Scheduled && record.wake_at <= now;
        let takes = self.live.is_empty() && self.open().is_some_and(is_due);
        if takes {
            self.remove();
        }
        takes
    }

    /// A failed attempt is written down: whether there will be another one.
    pub fn failed(&mut self, n: usize, kind: FailureKind, now: i64) -> bool {
        let (status, is_latest) = (self.status, n + 1 == self.records.len());
        let record = &mut self.records[n];
        if status != Some(TaskStatus::PendingDelete) || !is_latest {
            return false;
        }
        if record.state != DeletionState::Running && record.wake_at > now {
            return true;
        }
        record.failed_attempts += 1;
        record.last_error = Some(kind);
        match RETRY.after_failure(kind, record.failed_attempts, at(now), 1.0) {
            Verdict::RetryAt(retry_at) => {
                (record.state, record.wake_at) = (DeletionState::Retrying, retry_at.timestamp());
                self.events.push(EventKind::TaskDeletionRetried);
                true
            }
            Verdict::GiveUp => {
                (record.state, record.wake_at, record.has_job) = (DeletionState::Failed, now, false);
                let to = transition(TaskStatus::PendingDelete, StatusEvent::GiveUp).unwrap();
                self.becomes(to, EventKind::TaskDeletionFailed);
                false
            }
        }
    }

    /// Whether the reconciler takes it for stuck; then it is handed over again.
    pub fn reconcile(&mut self, now: i64) -> bool {
        let is_stuck = |record: &Record| STUCK.is_stuck(record.state, at(record.wake_at), at(now));
        match self.open().filter(|record| is_stuck(record)).map(|record| record.state) {
            None => return false,
            Some(DeletionState::Failed) => self.start_over(now),
            Some(_) => {
                let record = self.records.last_mut().unwrap();
                (record.wake_at, record.has_job) = (now, true);
            }
        }
        true
    }

    pub fn lose_jobs(&mut self) {
        self.records.iter_mut().for_each(|record| record.has_job = false);
    }
}
