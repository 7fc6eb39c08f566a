//! One state of the world: what Postgres has committed, where every process stands, and what may still go wrong.
//!
//! Invariant: a value is a whole state, small enough to copy; no state leads back to itself (`checks.rs` proves it), so
//! that a run that stops is a run that ended. Moved by `moves.rs`.

pub use crate::runs::{Call, Clocks, Run, Status};
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
    /// The task's row is locked and the decision made. `seen`: what ran then.
    Locked {
        seen: u8,
    },
    /// Status and fence are written, not committed.
    Fenced {
        seen: u8,
    },
    /// So is the end of what waited.
    Cancelled {
        seen: u8,
        waited: u8,
    },
    /// Committed; the 202 is on its way.
    Committed(usize),
}

/// The scheduler's claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    Idle,
    /// It holds the schedule's row.
    Locked,
}

/// A transaction that holds the task's row to record or start a run. One at a time is enough: they lock each other out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    Idle,
    /// Somebody runs the task by hand.
    ByHand,
    /// A scheduler starts this run, which waited.
    Waiting(usize),
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
    /// Runs that a person cancels.
    pub cancels: u8,
    /// Attempts beyond the first, of all runs together.
    pub retries: u8,
    /// Leases that run out: a node has died, or is held up for as long.
    pub lapses: u8,
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
    pub claim: Claim,
    pub start: Start,
    pub workers: [Worker; 2],
    /// Which deletions a client has been told of.
    pub told: [bool; RECORDS],
    /// A run was recorded or started in a transaction that committed after the deletion's.
    pub started_after: bool,
    /// A call went out after a deletion that does not list it.
    pub called_after: bool,
    /// A deletion that was undone has ended a run.
    pub ended_after_undo: bool,
    pub left: Budget,
}

impl World {
    pub fn new(left: Budget) -> Self {
        let status = Some(TaskStatus::Active);
        Self {
            task: Task { status, owner: None, is_scheduled: true, history: BATCHES },
            runs: [Run::ABSENT; RUNS],
            records: [None; RECORDS],
            jobs: [Job::Absent; RECORDS],
            deleted_events: 0,
            request: Request::Idle,
            claim: Claim::Idle,
            start: Start::Idle,
            workers: [None; 2],
            told: [false; RECORDS],
            started_after: false,
            called_after: false,
            ended_after_undo: false,
            left,
        }
    }

    /// The runs that are like this, a bit each, as a statement sees them that begins now.
    pub fn those(&self, is: impl Fn(Run) -> bool) -> u8 {
        (0..RUNS).filter(|run| is(self.runs[*run])).map(|run| 1 << run).sum()
    }

    /// Whether something has not ended.
    pub fn is_in_flight(&self) -> bool {
        self.runs.iter().any(|run| run.is_waiting() || run.is_running())
    }

    /// Ends these runs. What a node has in its hands it may still send.
    pub fn end(&mut self, runs: u8) {
        for (run, row) in self.runs.iter_mut().enumerate() {
            if runs & 1 << run != 0 {
                row.status = Status::Ended;
            }
        }
    }

    /// Removes all executions.
    pub fn purge(&mut self) {
        self.runs.iter_mut().for_each(|run| run.status = Status::Absent);
    }

    pub fn is_purged(&self) -> bool {
        self.runs.iter().all(|run| run.status == Status::Absent)
    }

    /// What the deletions list that were not undone.
    pub fn listed(&self) -> u8 {
        let lists = self.records.iter().flatten().filter(|record| record.state != DeletionState::Undone);
        lists.fold(0, |listed, record| listed | record.in_flight)
    }

    /// Whether a deletion of the task was accepted, and not undone.
    pub fn is_deleted(&self) -> bool {
        self.task.status.is_none_or(TaskStatus::is_being_deleted)
    }

    /// Whether a request holds the task's row `FOR NO KEY UPDATE`.
    pub fn is_being_requested(&self) -> bool {
        matches!(self.request, Request::Locked { .. } | Request::Fenced { .. } | Request::Cancelled { .. })
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
