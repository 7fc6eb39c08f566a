//! What goes wrong: a process dies, an attempt fails, a job is lost, a worker is so slow that it is taken for dead.
//!
//! Each has its budget. A process that dies takes its open transaction with it, and nothing that it has committed.

use crate::machine::Machine;
use crate::world::{Call, Claim, Clocks, Doing, Job, Record, Request, Start, Status, Wake, World};
use domain::deletion::{DeletionState, FailureKind};

impl Machine {
    /// An attempt meets an error, in whatever step it is.
    pub fn fail(&self, world: &mut World, worker: usize, kind: FailureKind) -> Option<()> {
        let (id, doing) = world.workers[worker]?;
        if world.left.failures == 0 || matches!(doing, Doing::Fail(_) | Doing::Tell) {
            return None;
        }
        world.left.failures -= 1;
        world.workers[worker] = Some((id, Doing::Fail(kind)));
        Some(())
    }

    /// A worker dies between two transactions; the queue notices and hands its job to another.
    pub fn crash_worker(&self, world: &mut World, worker: usize) -> Option<()> {
        let (id, _) = world.workers[worker]?;
        if world.left.crashes == 0 {
            return None;
        }
        world.left.crashes -= 1;
        world.workers[worker] = None;
        if world.jobs[id] == Job::Taken(worker) {
            world.jobs[id] = Job::Queued;
        }
        Some(())
    }

    /// The server of a request dies, before its commit or before its answer.
    pub fn crash_request(&self, world: &mut World) -> Option<()> {
        if world.request == Request::Idle || world.left.crashes == 0 {
            return None;
        }
        world.left.crashes -= 1;
        world.request = Request::Idle;
        Some(())
    }

    /// The scheduler dies with its claim.
    pub fn crash_claim(&self, world: &mut World) -> Option<()> {
        if world.claim == Claim::Idle || world.left.crashes == 0 {
            return None;
        }
        world.left.crashes -= 1;
        world.claim = Claim::Idle;
        Some(())
    }

    /// Whoever is about to start a run dies.
    pub fn crash_start(&self, world: &mut World) -> Option<()> {
        if world.start == Start::Idle || world.left.crashes == 0 {
            return None;
        }
        world.left.crashes -= 1;
        world.start = Start::Idle;
        Some(())
    }

    /// A lease runs out: the node is dead, or held up with the call in its hands, and these of its clocks show it.
    pub fn lapse(&self, world: &mut World, run: usize, clocks: Clocks) -> Option<()> {
        let row = &mut world.runs[run];
        if world.left.lapses == 0 || !(row.status == Status::Running || row.call == Call::Held) {
            return None;
        }
        if row.call != Call::Held && clocks != Clocks::ALL {
            // Nobody is left to look at a clock.
            return None;
        }
        world.left.lapses -= 1;
        if row.status == Status::Running {
            row.status = Status::Lost;
        }
        if row.call == Call::Held {
            row.call = Call::Late(clocks);
        }
        Some(())
    }

    /// A job row is gone, whoever holds it.
    pub fn lose_job(&self, world: &mut World, id: usize) -> Option<()> {
        if world.jobs[id] == Job::Absent || world.left.lost_jobs == 0 {
            return None;
        }
        world.left.lost_jobs -= 1;
        world.jobs[id] = Job::Absent;
        Some(())
    }

    /// A worker hangs: its deletion looks as if nobody were at it.
    pub fn delay(&self, world: &mut World, id: usize) -> Option<()> {
        let record = world.records[id]?;
        let is_running = record.state == DeletionState::Running && record.wake == Wake::Due;
        if !is_running || !world.is_worked_at(id) || world.left.delays == 0 {
            return None;
        }
        world.left.delays -= 1;
        world.records[id] = Some(Record { wake: Wake::LongAgo, ..record });
        Some(())
    }
}
