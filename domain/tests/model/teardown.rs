//! A worker at a deletion: `backend/src/tasks/worker.rs` (`handle`), `delete.rs` (`perform`, `stopped`, `failed`,
//! `give_up`), `teardown.rs` (the steps) and `sweep.rs`.
//!
//! Invariant: a step reads only what it locks, so it is one move; between two moves anything may happen.

use crate::machine::{Flaw, Machine};
use crate::world::{Doing, Job, Record, Run, Wake, World, now};
use domain::deletion::{DeletionState, FailureKind, Verdict};
use domain::status::{StatusEvent, TaskStatus, transition};

impl Machine {
    /// The queue hands a job over when its time has come.
    pub fn fetch(&self, world: &mut World, worker: usize, id: usize) -> Option<()> {
        let is_due = world.records[id]?.wake != Wake::Ahead;
        if world.workers[worker].is_some() || world.jobs[id] != Job::Queued || !is_due {
            return None;
        }
        world.jobs[id] = Job::Taken(worker);
        world.workers[worker] = Some((id, Doing::Look));
        Some(())
    }

    /// The next statement or transaction of `perform`, or `failed`.
    pub fn work(&self, world: &mut World, worker: usize) -> Option<()> {
        let (id, doing) = world.workers[worker]?;
        let record = world.records[id]?;
        let goes_on = record.state == DeletionState::Running || self.has(Flaw::PointIgnoresTheUndo);
        let next = match doing {
            Doing::Look if record.state != DeletionState::Running && record.wake.at() > now() => None,
            Doing::Look => Some(Doing::Begin),
            Doing::Begin => start_attempt(world, id, record),
            Doing::Drain if world.those(Run::is_waiting) != 0 => self.end_waiting(world, record),
            Doing::Drain if world.is_in_flight() => return None,
            Doing::Drain => Some(Doing::PassThePoint),
            Doing::PassThePoint | Doing::Purge if !goes_on => None,
            Doing::PassThePoint => {
                world.records[id] = Some(Record { is_purging: true, wake: Wake::Due, ..record });
                Some(Doing::Purge)
            }
            Doing::Purge => Some(self.purge_batch(world, id, record)),
            Doing::DeleteRow => return self.delete_row(world, worker, id),
            Doing::Tell => {
                world.deleted_events += 1;
                return finish(world, worker, Job::Absent);
            }
            Doing::Fail(kind) => return self.failed(world, worker, id, kind),
        };
        match next {
            Some(next) => world.workers[worker] = Some((id, next)),
            None => return stopped(world, worker, id),
        }
        Some(())
    }

    /// What failed while the deletion was accepted waits for an attempt that nobody will start, unless it was undone.
    fn end_waiting(&self, world: &mut World, record: Record) -> Option<Doing> {
        let is_running = record.state == DeletionState::Running;
        (is_running || self.has(Flaw::DrainIgnoresTheUndo)).then(|| {
            world.ended_after_undo |= record.state == DeletionState::Undone;
            world.end(world.those(Run::is_waiting));
            Doing::Drain
        })
    }

    /// The drain's time is up: calls in flight are cancelled, unless the deletion was undone meanwhile.
    pub fn cancel(&self, world: &mut World, worker: usize) -> Option<()> {
        let (id, Doing::Drain) = world.workers[worker]? else { return None };
        if !world.is_in_flight() {
            return None;
        }
        if world.records[id]?.state == DeletionState::Running {
            world.end(world.those(|run| run.is_waiting() || run.is_running()));
        }
        world.workers[worker] = Some((id, Doing::PassThePoint));
        Some(())
    }

    /// `purge_batch`; after the last one, on to the row.
    fn purge_batch(&self, world: &mut World, id: usize, record: Record) -> Doing {
        world.records[id] = Some(Record { wake: Wake::Due, ..record });
        if world.task.history > 0 {
            world.task.history -= 1;
        } else if !world.is_purged() {
            world.purge();
        } else {
            world.deleted_events += u8::from(self.has(Flaw::EventBeforeTheRow));
            return Doing::DeleteRow;
        }
        Doing::Purge
    }

    /// `delete_row`: the row, the receipt, the event and the job in one transaction.
    fn delete_row(&self, world: &mut World, worker: usize, id: usize) -> Option<()> {
        if !self.may_delete_task(world) {
            return None;
        }
        if !owns(world, id) {
            return stopped(world, worker, id);
        }
        if world.task.history > 0 || !world.is_purged() {
            // The foreign key of what is left.
            world.workers[worker] = Some((id, Doing::Fail(FailureKind::Conflict)));
            return Some(());
        }
        let tells_later = self.has(Flaw::EventAfterTheTransaction);
        let told_before = self.has(Flaw::EventBeforeTheRow);
        remove(world, id, !tells_later && !told_before)?;
        world.workers[worker] = tells_later.then_some((id, Doing::Tell));
        Some(())
    }

    /// `sweep`: a due deletion with nothing in flight goes in one transaction, whichever job was heard.
    pub fn sweep(&self, world: &mut World, worker: usize) -> Option<()> {
        let (heard, Doing::Look) = world.workers[worker]? else { return None };
        let (id, record) = world.open()?;
        let is_small = record.state == DeletionState::Scheduled && record.wake != Wake::Ahead && !world.is_in_flight();
        if !is_small || !owns(world, id) || !self.may_delete_task(world) {
            return None;
        }
        world.task.history = 0;
        world.purge();
        world.records[id] = Some(Record { is_purging: true, ..record });
        remove(world, id, true)?;
        if heard == id {
            world.workers[worker] = None;
        }
        Some(())
    }

    /// `failed`: the record says when it is tried again, or that it is given up.
    fn failed(&self, world: &mut World, worker: usize, id: usize, kind: FailureKind) -> Option<()> {
        if !self.may_write_task(world) {
            return None;
        }
        let record = world.records[id]?;
        if !owns(world, id) {
            return finish(world, worker, Job::Absent);
        }
        if record.state != DeletionState::Running && record.wake.at() > now() {
            return finish(world, worker, Job::Queued);
        }
        let failed_attempts = record.failed_attempts + 1;
        let verdict = match self.policy().after_failure(kind, failed_attempts, now(), 0.5) {
            Verdict::RetryAt(_) if self.has(Flaw::GivesUpAtOnce) => Verdict::GiveUp,
            verdict => verdict,
        };
        let (state, wake, job) = match verdict {
            Verdict::RetryAt(_) => (DeletionState::Retrying, Wake::Ahead, Job::Queued),
            Verdict::GiveUp => {
                world.task.status = Some(transition(world.task.status?, StatusEvent::GiveUp).ok()?);
                (DeletionState::Failed, Wake::Due, Job::Absent)
            }
        };
        world.records[id] = Some(Record { state, failed_attempts, last_error: Some(kind), wake, ..record });
        if verdict == Verdict::GiveUp {
            world.jobs[id] = Job::Absent;
        }
        finish(world, worker, job)
    }
}

/// `start_attempt`, one conditional write.
fn start_attempt(world: &mut World, id: usize, record: Record) -> Option<Doing> {
    let can = match record.state {
        DeletionState::Scheduled | DeletionState::Retrying | DeletionState::Running => true,
        DeletionState::Succeeded | DeletionState::Failed | DeletionState::Undone => false,
    };
    can.then(|| {
        world.records[id] = Some(Record { state: DeletionState::Running, wake: Wake::Due, ..record });
        Doing::Drain
    })
}

fn owns(world: &World, id: usize) -> bool {
    world.task.status == Some(TaskStatus::PendingDelete) && world.task.owner == Some(id)
}

/// The transaction that ends a deletion well.
fn remove(world: &mut World, id: usize, tells: bool) -> Option<()> {
    (world.task.status, world.task.owner) = (None, None);
    world.records[id].as_mut()?.state = DeletionState::Succeeded;
    world.jobs[id] = Job::Absent;
    world.deleted_events += u8::from(tells);
    Some(())
}

/// `stopped`: the record says why, and whether its job is still needed.
fn stopped(world: &mut World, worker: usize, id: usize) -> Option<()> {
    let job = match world.records[id]?.state {
        DeletionState::Scheduled | DeletionState::Retrying | DeletionState::Running => Job::Queued,
        DeletionState::Succeeded | DeletionState::Failed | DeletionState::Undone => Job::Absent,
    };
    finish(world, worker, job)
}

/// The worker lets go, and of the job if that is still its own.
fn finish(world: &mut World, worker: usize, job: Job) -> Option<()> {
    let (id, _) = world.workers[worker]?;
    world.workers[worker] = None;
    if world.jobs[id] == Job::Taken(worker) {
        world.jobs[id] = job;
    }
    Some(())
}
