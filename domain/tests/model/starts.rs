//! What records and starts runs, and what becomes of them: the scheduler's claim, a start by hand, what waited, the call
//! itself, its end, and its rescue when its node shows no sign of life.

use crate::machine::{Flaw, Machine};
use crate::world::{Call, Claim, Clocks, RUNS, Request, Run, Start, Status, World};
use domain::status::TaskStatus;

impl Machine {
    /// `take_due`: `FOR UPDATE SKIP LOCKED` on the schedule's row. It does not look at the task's status.
    pub fn claim(&self, world: &mut World) -> Option<()> {
        let is_written = matches!(world.request, Request::Fenced { .. } | Request::Cancelled { .. });
        let is_fenced = is_written && !self.has(Flaw::NoFence);
        if world.claim != Claim::Idle || world.left.claims == 0 || !world.task.is_scheduled || is_fenced {
            return None;
        }
        world.left.claims -= 1;
        world.claim = Claim::Locked;
        Some(())
    }

    /// The execution is recorded RUNNING, the next run planned, and committed; then the node makes the call.
    pub fn commit_claim(&self, world: &mut World) -> Option<()> {
        if world.claim != Claim::Locked {
            return None;
        }
        world.claim = Claim::Idle;
        record_run(world, Run { status: Status::Running, call: Call::Held })
    }

    /// `db::task::share`: `FOR SHARE` of the task's row, which is ACTIVE; waits for a request, and is waited for.
    pub fn run_by_hand(&self, world: &mut World) -> Option<()> {
        let is_active = world.task.status == Some(TaskStatus::Active);
        if world.left.triggers == 0 || !is_active || !self.may_hold_task(world) {
            return None;
        }
        world.left.triggers -= 1;
        world.start = Start::ByHand;
        Some(())
    }

    /// `take_waiting` and `start`: the task's row is locked, `SKIP LOCKED`, ACTIVE, and the run still waits.
    pub fn start_waiting(&self, world: &mut World, run: usize) -> Option<()> {
        let may_start = world.task.status == Some(TaskStatus::Active) || self.has(Flaw::StartIgnoresTheStatus);
        (world.runs[run].is_waiting() && may_start && self.may_hold_task(world))
            .then(|| world.start = Start::Waiting(run))
    }

    /// Whether the task's row would be given to one who wants to start a run.
    fn may_hold_task(&self, world: &World) -> bool {
        let waits = world.is_being_requested() && !self.has(Flaw::StartTakesKeyShare);
        world.start == Start::Idle && !waits
    }

    /// The run by hand is recorded, or the one that waited is RUNNING; committed.
    pub fn commit_start(&self, world: &mut World) -> Option<()> {
        match std::mem::replace(&mut world.start, Start::Idle) {
            Start::Idle => None,
            Start::ByHand => record_run(world, Run { status: Status::Pending, call: Call::None }),
            Start::Waiting(run) => {
                if world.runs[run].is_waiting() {
                    world.runs[run] = Run { status: Status::Running, call: Call::Held };
                    world.started_after |= world.is_deleted();
                }
                Some(())
            }
        }
    }

    /// The call goes out, unless a clock of the node shows that the lease is over: what its row says is unknown to it.
    pub fn send(&self, world: &mut World, run: usize) -> Option<()> {
        match world.runs[run].call {
            Call::Held => {}
            Call::Late(clocks) if !self.shows(clocks) => {}
            Call::None | Call::Late(_) => return None,
        }
        world.runs[run].call = Call::None;
        world.called_after |= world.is_deleted() && world.listed() & 1 << run == 0;
        Some(())
    }

    /// Whether the node finds out, before it sends, that the lease is over: by the clock since boot or by the wall clock.
    fn shows(&self, clocks: Clocks) -> bool {
        match self.flaw {
            Some(Flaw::SendsAfterTheLease) => false,
            Some(Flaw::OnlyTheMonotonicClock) => clocks.monotonic,
            Some(Flaw::OnlyTheWallClock) => clocks.wall,
            _ => clocks.boot || clocks.wall,
        }
    }

    /// `finish`: the call was answered.
    pub fn end_run(&self, world: &mut World, run: usize) -> Option<()> {
        let row = world.runs[run];
        (row.is_running() && row.call == Call::None).then(|| world.runs[run].status = Status::Ended)
    }

    /// `finish`: the call failed. It is tried again while the task is ACTIVE, which it reads without a lock.
    pub fn fail_run(&self, world: &mut World, run: usize) -> Option<()> {
        let row = world.runs[run];
        let is_last = world.left.retries == 0 || world.task.status != Some(TaskStatus::Active);
        if !row.is_running() || row.call != Call::None || is_last {
            return None;
        }
        world.left.retries -= 1;
        world.runs[run].status = Status::RetryWait;
        Some(())
    }

    /// `rescue`: a lost run is tried again by another node while the task is ACTIVE, which it reads without a lock.
    pub fn rescue(&self, world: &mut World, run: usize) -> Option<()> {
        if world.runs[run].status != Status::Lost {
            return None;
        }
        let again = world.left.retries > 0;
        world.left.retries -= u8::from(again);
        world.runs[run].status = match world.task.status {
            _ if !again => Status::Ended,
            Some(_) if self.has(Flaw::RescueStarts) => {
                world.started_after |= world.is_deleted();
                world.runs[run].call = Call::Held;
                Status::Running
            }
            Some(TaskStatus::Active) => Status::RetryWait,
            Some(TaskStatus::Disabled | TaskStatus::PendingDelete | TaskStatus::DeleteFailed) | None => Status::Ended,
        };
        Some(())
    }

    /// A person cancels a run. One that a request has just cancelled waits for it.
    pub fn cancel_run(&self, world: &mut World, run: usize) -> Option<()> {
        let row = world.runs[run];
        let is_locked = matches!(world.request, Request::Cancelled { waited, .. } if waited & 1 << run != 0)
            || world.start == Start::Waiting(run);
        if world.left.cancels == 0 || is_locked || !(row.is_waiting() || row.is_running()) {
            return None;
        }
        world.left.cancels -= 1;
        world.end(1 << run);
        Some(())
    }
}

/// `executions_task_exists` refuses a run of a task that is gone.
fn record_run(world: &mut World, run: Run) -> Option<()> {
    if world.task.status.is_some() {
        let free = (0..RUNS).find(|free| world.runs[*free] == Run::ABSENT)?;
        world.runs[free] = run;
        world.started_after |= world.is_deleted();
    }
    Some(())
}
