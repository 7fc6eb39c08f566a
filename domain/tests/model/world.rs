//! One state of the world: what Postgres has committed, where every process stands, and what may still go wrong.
//!
//! Invariant: a value is a whole state, small enough to copy; no state leads back to itself (`checks.rs` proves it), so
//! that a run that stops is a run that ended. Moved by `moves.rs`.

use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::{DeletionState, FailureKind};
use domain::status::{SettableStatus, TaskStatus};

/// Executions that may start in one run.
pub const RUNS: usize = 2;
/// Deletions of the one task: the second one follows an undo.
pub const RECORDS: usize = 2;
/// Batches that the task's history is removed in.
pub const BATCHES: u8 = 2;

/// The row in `tasks`, with its row in `task_schedules`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// None is gone.
    pub status: Option<TaskStatus>,
    /// `deletion_id`.
    pub owner: Option<usize>,
    /// Whether the scheduler sees it.
    pub is_scheduled: bool,
    /// Batches of history that are left.
    pub history: u8,
}

/// A row in `executions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Run {
    /// Never inserted, or removed with the history.
    Absent,
    Pending,
    Running,
    Ended,
}

impl Run {
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// `wake_at`, seen from now: only its place among the thresholds matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wake {
    Ahead,
    Due,
    LongAgo,
}

impl Wake {
    pub fn at(self) -> DateTime<Utc> {
        let minutes = match self {
            Self::Ahead => 1,
            Self::Due => 0,
            Self::LongAgo => -31,
        };
        now() + TimeDelta::minutes(minutes)
    }
}

/// The moment at which every state is looked at.
pub fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

/// A row in `deletions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    pub state: DeletionState,
    pub previous: SettableStatus,
    /// The ids of `in_flight`, a bit a run.
    pub in_flight: u8,
    /// `purge_started_at` is set.
    pub is_purging: bool,
    pub failed_attempts: i32,
    pub last_error: Option<FailureKind>,
    pub wake: Wake,
}

impl Record {
    pub fn purge_started_at(&self) -> Option<DateTime<Utc>> {
        self.is_purging.then(now)
    }
}

/// A row in `apalis.jobs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    Absent,
    Queued,
    /// In the hands of this worker.
    Taken(usize),
}

/// The transaction of a request to delete, by whoever serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    Idle,
    /// The task's row is locked and the decision made. `seen`: what a statement that began now would see in flight.
    Locked {
        seen: u8,
    },
    /// Status and fence are written, not committed.
    Fenced {
        seen: u8,
    },
    /// Committed; the 202 is on its way.
    Committed(usize),
}

/// A transaction that starts a run: the scheduler's claim, or somebody who starts it by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    Idle,
    /// It holds its lock: the claim the schedule's row, the trigger the task's row.
    Locked,
}

/// What a worker does next for a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doing {
    Look,
    Begin,
    Drain,
    PassThePoint,
    Purge,
    DeleteRow,
    /// Only with a flaw: writes the event in a transaction of its own.
    Tell,
    /// Its attempt failed; it has yet to be written down.
    Fail(FailureKind),
}

/// A worker, and the deletion that it is at.
pub type Worker = Option<(usize, Doing)>;

/// What people may still ask for, and what may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    pub requests: u8,
    pub undos: u8,
    pub edits: u8,
    pub claims: u8,
    pub triggers: u8,
    pub crashes: u8,
    pub failures: u8,
    pub lost_jobs: u8,
    /// A worker that is slow enough to be taken for dead: its job is handed over again.
    pub delays: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub task: Task,
    pub runs: [Run; RUNS],
    pub records: [Option<Record>; RECORDS],
    pub jobs: [Job; RECORDS],
    /// Rows of `TaskDeleted` in `events`.
    pub deleted_events: u8,
    pub request: Request,
    pub claim: Start,
    pub trigger: Start,
    pub workers: [Worker; 2],
    /// Which deletions a client has been told of.
    pub told: [bool; RECORDS],
    pub left: Budget,
}

impl World {
    pub fn new(left: Budget) -> Self {
        let status = Some(TaskStatus::Active);
        Self {
            task: Task { status, owner: None, is_scheduled: true, history: BATCHES },
            runs: [Run::Absent; RUNS],
            records: [None; RECORDS],
            jobs: [Job::Absent; RECORDS],
            deleted_events: 0,
            request: Request::Idle,
            claim: Start::Idle,
            trigger: Start::Idle,
            workers: [None; 2],
            told: [false; RECORDS],
            left,
        }
    }

    /// The executions that have not ended, a bit each, as a statement sees them that begins now.
    pub fn live(&self) -> u8 {
        (0..RUNS).filter(|run| self.runs[*run].is_live()).map(|run| 1 << run).sum()
    }

    /// Whether a request holds the task's row `FOR NO KEY UPDATE`.
    pub fn is_being_requested(&self) -> bool {
        matches!(self.request, Request::Locked { .. } | Request::Fenced { .. })
    }

    pub fn record(&self, id: usize) -> Option<Record> {
        self.records[id]
    }

    /// The deletion that is not over.
    pub fn open(&self) -> Option<(usize, Record)> {
        let record = |id: usize| self.records[id].map(|record| (id, record));
        (0..RECORDS).filter_map(record).find(|(_, record)| !record.state.is_final())
    }

    pub fn is_worked_at(&self, id: usize) -> bool {
        self.workers.iter().flatten().any(|(deletion, _)| *deletion == id)
    }

    /// The workers are alike: of two states that differ only in their names one is enough.
    pub fn in_order(mut self) -> Self {
        if self.workers[0] > self.workers[1] {
            self.workers.swap(0, 1);
            for job in &mut self.jobs {
                if let Job::Taken(worker) = job {
                    *worker = 1 - *worker;
                }
            }
        }
        self
    }
}
