//! What starts runs and what becomes of them: the scheduler's claim, a start by hand, the run itself.
//!
//! `backend/src/scheduler.rs::step` takes what is due by `db::schedule::take_due` and is where executions will be
//! recorded; a start by hand is the rule of `ARCHITECTURE.md` for every way to start a run, ahead of its code.

use crate::machine::{Flaw, Machine};
use crate::world::{RUNS, Request, Run, Start, World};
use domain::status::TaskStatus;

impl Machine {
    /// `take_due`: `FOR UPDATE SKIP LOCKED` on the schedule's row. It does not look at the task's status.
    pub fn claim(&self, world: &mut World) -> Option<()> {
        let is_fenced = matches!(world.request, Request::Fenced { .. }) && !self.has(Flaw::NoFence);
        if world.claim != Start::Idle || world.left.claims == 0 || !world.task.is_scheduled || is_fenced {
            return None;
        }
        world.left.claims -= 1;
        world.claim = Start::Locked;
        Some(())
    }

    /// The execution is inserted, the next run planned, and committed.
    pub fn commit_claim(&self, world: &mut World) -> Option<()> {
        if world.claim != Start::Locked {
            return None;
        }
        world.claim = Start::Idle;
        insert_run(world)
    }

    /// `SELECT … WHERE status = 'ACTIVE' FOR SHARE`: waits for a request, and is waited for.
    pub fn trigger(&self, world: &mut World) -> Option<()> {
        let waits = world.is_being_requested() && !self.has(Flaw::TriggerTakesKeyShare);
        let is_active = world.task.status == Some(TaskStatus::Active);
        if world.trigger != Start::Idle || world.left.triggers == 0 || !is_active || waits {
            return None;
        }
        world.left.triggers -= 1;
        world.trigger = Start::Locked;
        Some(())
    }

    /// The execution is inserted and committed.
    pub fn commit_trigger(&self, world: &mut World) -> Option<()> {
        if world.trigger != Start::Locked {
            return None;
        }
        world.trigger = Start::Idle;
        insert_run(world)
    }

    /// The call goes out.
    pub fn begin_run(&self, world: &mut World, run: usize) -> Option<()> {
        (world.runs[run] == Run::Pending).then(|| world.runs[run] = Run::Running)
    }

    /// The call ends.
    pub fn end_run(&self, world: &mut World, run: usize) -> Option<()> {
        (world.runs[run] == Run::Running).then(|| world.runs[run] = Run::Ended)
    }
}

/// `executions_task_exists` refuses a run of a task that is gone.
fn insert_run(world: &mut World) -> Option<()> {
    if world.task.status.is_some() {
        let run = (0..RUNS).find(|run| world.runs[*run] == Run::Absent)?;
        world.runs[run] = Run::Pending;
    }
    Some(())
}
