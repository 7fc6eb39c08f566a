//! A request to delete, statement by statement: `backend/src/tasks/delete.rs::request`.
//!
//! Invariant: what it writes is seen by others when it commits and not before; its locks hold until then.

use crate::machine::{Flaw, Machine};
use crate::world::{Call, Claim, Job, RECORDS, Record, Request, Run, Status, Wake, World};
use domain::deletion::DeletionState;
use domain::status::{StatusEvent, TaskStatus, transition};

impl Machine {
    /// `db::task::lock`, and the decision: nothing to delete, a repeat, or a new deletion.
    pub fn request(&self, world: &mut World) -> Option<()> {
        if world.request != Request::Idle || world.left.requests == 0 || !self.may_write_task(world) {
            return None;
        }
        world.left.requests -= 1;
        let Some(status) = world.task.status else { return Some(()) };
        if let Some(id) = world.task.owner {
            if status == TaskStatus::DeleteFailed {
                self.start_over(world, id)?;
            }
            world.request = Request::Committed(id);
            return Some(());
        }
        transition(status, StatusEvent::RequestDeletion).ok()?;
        // Only the flaw reads by the old snapshot; without it there is none to remember.
        let seen = if self.has(Flaw::OneSnapshot) { self.in_flight(world) } else { 0 };
        world.request = Request::Locked { seen };
        Some(())
    }

    /// `db::task::fence`: waits for a claimer that holds the schedule's row.
    pub fn write_fence(&self, world: &mut World) -> Option<()> {
        let Request::Locked { seen } = world.request else { return None };
        if world.claim == Claim::Locked && !self.has(Flaw::NoFence) {
            return None;
        }
        world.request = Request::Fenced { seen };
        if self.has(Flaw::AnswerBeforeCommit) {
            world.told[next_id(world)?] = true;
        }
        Some(())
    }

    /// `db::execution::cancel_waiting`: others see it with the commit.
    pub fn cancel_waiting(&self, world: &mut World) -> Option<()> {
        let Request::Fenced { seen } = world.request else { return None };
        world.request = Request::Cancelled { seen, waited: world.those(Run::is_waiting) };
        Some(())
    }

    /// `list_in_flight`: what runs, and what was cancelled while a node may still send it.
    fn in_flight(&self, world: &World) -> u8 {
        let may_be_sent = |run: Run| run.status == Status::Ended && run.call == Call::Held;
        world.those(|run| run.is_running() || may_be_sent(run) && !self.has(Flaw::ListLeavesOutTheCancelled))
    }

    /// `db::execution::list_in_flight`, `db::deletion::insert`, the job, the commit.
    pub fn commit_request(&self, world: &mut World) -> Option<()> {
        let Request::Cancelled { seen, waited } = world.request else { return None };
        let (status, id) = (world.task.status?, next_id(world)?);
        world.records[id] = Some(Record {
            state: DeletionState::Scheduled,
            previous: status.settable()?,
            in_flight: if self.has(Flaw::OneSnapshot) { seen } else { self.in_flight(world) },
            is_purging: false,
            failed_attempts: 0,
            last_error: None,
            wake: Wake::Due,
        });
        world.end(waited & world.those(Run::is_waiting));
        world.task.status = Some(transition(status, StatusEvent::RequestDeletion).ok()?);
        world.task.owner = Some(id);
        world.task.is_scheduled &= self.has(Flaw::NoFence);
        world.jobs[id] = Job::Queued;
        world.request = Request::Committed(id);
        Some(())
    }

    /// The client reads its 202.
    pub fn answer(&self, world: &mut World) -> Option<()> {
        let Request::Committed(id) = world.request else { return None };
        world.told[id] = true;
        world.request = Request::Idle;
        Some(())
    }
}

fn next_id(world: &World) -> Option<usize> {
    (0..RECORDS).find(|id| world.records[*id].is_none())
}
