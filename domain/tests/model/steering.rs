//! What steers a deletion: undo and retry (`backend/src/tasks/steer.rs`), an edit (`backend/src/tasks.rs::change`), the
//! reconciler (`delete.rs::reconcile`), and the time that it waits for.

use crate::machine::{Flaw, Machine};
use crate::world::{Claim, Job, Record, Run, Wake, World, now};
use domain::deletion::{DeletionState, StuckPolicy, can_undo};
use domain::status::{SettableStatus, StatusEvent, TaskStatus, transition};

impl Machine {
    /// `steer::undo`, decided under the locks of task and record.
    pub fn undo(&self, world: &mut World, id: usize) -> Option<()> {
        let (record, status) = (world.records[id]?, world.task.status?);
        let point = if self.has(Flaw::UndoIgnoresThePoint) { None } else { record.purge_started_at() };
        if world.left.undos == 0 || !self.may_write_task(world) || !can_undo(record.state, point) {
            return None;
        }
        world.left.undos -= 1;
        world.task.status = Some(transition(status, StatusEvent::Undo(record.previous)).ok()?);
        world.task.owner = None;
        world.task.is_scheduled = record.previous == SettableStatus::Active;
        world.records[id] = Some(Record { state: DeletionState::Undone, ..record });
        world.jobs[id] = Job::Absent;
        Some(())
    }

    /// `steer::retry` by an operator.
    pub fn retry(&self, world: &mut World, id: usize) -> Option<()> {
        let has_failed = world.records[id]?.state == DeletionState::Failed;
        (has_failed && self.may_write_task(world)).then(|| self.start_over(world, id))?
    }

    /// `steer::start_over`: a fresh cycle of attempts. The caller holds the locks.
    pub fn start_over(&self, world: &mut World, id: usize) -> Option<()> {
        let record = world.records[id]?;
        world.task.status = Some(transition(world.task.status?, StatusEvent::Retry).ok()?);
        let state = DeletionState::Scheduled;
        world.records[id] = Some(Record { state, failed_attempts: 0, wake: Wake::Due, ..record });
        world.jobs[id] = Job::Queued;
        Some(())
    }

    /// `tasks::change`: it waits for a claimer that holds the schedule's row.
    pub fn edit(&self, world: &mut World, status: SettableStatus) -> Option<()> {
        if world.left.edits == 0 || !self.may_write_task(world) || world.claim == Claim::Locked {
            return None;
        }
        world.left.edits -= 1;
        let to = match transition(world.task.status?, StatusEvent::Set(status)) {
            Err(_) if self.has(Flaw::EditIgnoresTheDeletion) => {
                world.task.owner = None;
                TaskStatus::from(status)
            }
            answer => answer.ok()?,
        };
        world.task.status = Some(to);
        world.task.is_scheduled = to == TaskStatus::Active;
        if to == TaskStatus::Disabled {
            world.end(world.those(Run::is_waiting));
        }
        Some(())
    }

    /// One deletion in a pass of the reconciler: whoever holds its job loses it.
    pub fn reconcile(&self, world: &mut World, id: usize) -> Option<()> {
        let record = world.records[id]?;
        let is_stuck = StuckPolicy::default().is_stuck(record.state, record.wake.at(), now());
        if !is_stuck || self.has(Flaw::NoReconciler) {
            return None;
        }
        if record.state == DeletionState::Failed {
            return self.may_write_task(world).then(|| self.start_over(world, id))?;
        }
        world.records[id] = Some(Record { wake: Wake::Due, ..record });
        world.jobs[id] = Job::Queued;
        Some(())
    }

    /// Time passes: a try that was ahead is due; what nobody looks after has been so for long.
    pub fn wait(&self, world: &mut World, id: usize) -> Option<()> {
        let record = world.records[id]?;
        let is_left_alone = world.jobs[id] == Job::Absent && !world.is_worked_at(id);
        let wake = match record.wake {
            _ if record.state.is_final() => return None,
            Wake::Ahead => Wake::Due,
            Wake::Due if record.state == DeletionState::Failed || is_left_alone => Wake::LongAgo,
            Wake::Due | Wake::LongAgo => return None,
        };
        world.records[id] = Some(Record { wake, ..record });
        Some(())
    }
}
