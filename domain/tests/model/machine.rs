//! The moves, and the world after each. What a deletion may do is asked from `domain`; who waits for whom is Postgres'.

use crate::checks;
use crate::world::{Budget, Clocks, RECORDS, RUNS, Start, World};
use domain::deletion::{FailureKind, RetryPolicy};
use domain::status::SettableStatus;
use stateright::{Model, Property};

/// A way to build it wrong. Each one breaks a promise, and the checker must say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Lock, fence and `in_flight` in one statement: it sees what was committed when it began.
    OneSnapshot,
    /// Who starts a run takes `FOR KEY SHARE`, or only reads the status: the request does not wait for it.
    StartTakesKeyShare,
    /// What waits is started whatever the task's status is.
    StartIgnoresTheStatus,
    /// A lost run is started by whoever finds it, without the task's row and whatever its status is.
    RescueStarts,
    /// A node that was held up sends its call when it can.
    SendsAfterTheLease,
    /// It trusts the monotonic clock, which stands still while its machine is suspended.
    OnlyTheMonotonicClock,
    /// It trusts the wall clock, which can be set back.
    OnlyTheWallClock,
    /// `in_flight` is what runs, without what was cancelled while a node may still send it.
    ListLeavesOutTheCancelled,
    /// An undo asks whether the deletion is open, not whether it has begun to remove things.
    UndoIgnoresThePoint,
    /// A drain ends what waits without asking whether the deletion was undone.
    DrainIgnoresTheUndo,
    /// The point of no return is passed whatever the record says.
    PointIgnoresTheUndo,
    /// `TaskDeleted` is written after the commit that removes the row.
    EventAfterTheTransaction,
    /// `TaskDeleted` is written before the transaction that removes the row.
    EventBeforeTheRow,
    /// The request leaves the schedule's row.
    NoFence,
    /// Nobody looks for what is stuck.
    NoReconciler,
    /// The 202 is sent before the commit.
    AnswerBeforeCommit,
    /// The first failure is the last.
    GivesUpAtOnce,
    /// An edit writes its status whatever the transition table says.
    EditIgnoresTheDeletion,
}

/// The system, with a flaw or none, in a world of this size.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub flaw: Option<Flaw>,
    pub budget: Budget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    // People.
    Request,
    RunByHand,
    CancelRun(usize),
    Undo(usize),
    Retry(usize),
    Edit(SettableStatus),
    // The system.
    WriteFence,
    CancelWaiting,
    CommitRequest,
    Answer,
    Claim,
    CommitClaim,
    StartWaiting(usize),
    CommitStart,
    Send(usize),
    EndRun(usize),
    FailRun(usize),
    Rescue(usize),
    Fetch(usize, usize),
    Sweep(usize),
    Work(usize),
    Cancel(usize),
    Wait(usize),
    Reconcile(usize),
    // Bad luck.
    Fail(usize, FailureKind),
    CrashWorker(usize),
    CrashRequest,
    CrashClaim,
    CrashStart,
    Lapse(usize),
    Suspend(usize),
    SetBack(usize),
    LoseJob(usize),
    Delay(usize),
}

impl Machine {
    /// Whether it is built in this way.
    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Two attempts are the whole policy here.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy { max_attempts: 2, ..RetryPolicy::default() }
    }

    /// Whether `FOR NO KEY UPDATE` on the task's row would be granted: it conflicts with itself and with `FOR SHARE`.
    pub fn may_write_task(&self, world: &World) -> bool {
        let is_held = world.start != Start::Idle && !self.has(Flaw::StartTakesKeyShare);
        !world.is_being_requested() && !is_held
    }

    /// Whether the row could be deleted, for which every lock is in the way.
    pub fn may_delete_task(&self, world: &World) -> bool {
        !world.is_being_requested() && world.start == Start::Idle
    }

    fn moves_of_the_system() -> impl Iterator<Item = Move> {
        use Move::*;
        let single = [WriteFence, CancelWaiting, CommitRequest, Answer, Claim, CommitClaim, CommitStart];
        let runs = (0..RUNS).flat_map(|run| [StartWaiting(run), Send(run), EndRun(run), FailRun(run), Rescue(run)]);
        let workers = (0..2).flat_map(|w| [Fetch(w, 0), Fetch(w, 1), Sweep(w), Work(w), Cancel(w)]);
        let records = (0..RECORDS).flat_map(|id| [Wait(id), Reconcile(id)]);
        single.into_iter().chain(runs).chain(workers).chain(records)
    }

    fn moves_of_others() -> impl Iterator<Item = Move> {
        use Move::*;
        let single = [Request, RunByHand, CrashRequest, CrashClaim, CrashStart];
        let runs = (0..RUNS).flat_map(|run| [CancelRun(run), Lapse(run), Suspend(run), SetBack(run)]);
        let edits = SettableStatus::ALL.iter().map(|status| Edit(*status));
        let kinds = [FailureKind::Timeout, FailureKind::Conflict];
        let workers = (0..2).flat_map(move |w| kinds.map(|kind| Fail(w, kind)).into_iter().chain([CrashWorker(w)]));
        let records = (0..RECORDS).flat_map(|id| [Undo(id), Retry(id), LoseJob(id), Delay(id)]);
        single.into_iter().chain(edits).chain(runs).chain(workers).chain(records)
    }

    /// True when nobody but people and bad luck could still change anything.
    pub fn is_at_rest(&self, world: &World) -> bool {
        !Self::moves_of_the_system().any(|step| self.after(world, step).is_some())
    }

    /// The world after a move, if it is possible.
    pub fn after(&self, world: &World, step: Move) -> Option<World> {
        let mut world = *world;
        let next = &mut world;
        match step {
            Move::Request => self.request(next),
            Move::WriteFence => self.write_fence(next),
            Move::CancelWaiting => self.cancel_waiting(next),
            Move::CommitRequest => self.commit_request(next),
            Move::Answer => self.answer(next),
            Move::Claim => self.claim(next),
            Move::CommitClaim => self.commit_claim(next),
            Move::RunByHand => self.run_by_hand(next),
            Move::StartWaiting(run) => self.start_waiting(next, run),
            Move::CommitStart => self.commit_start(next),
            Move::Send(run) => self.send(next, run),
            Move::EndRun(run) => self.end_run(next, run),
            Move::FailRun(run) => self.fail_run(next, run),
            Move::Rescue(run) => self.rescue(next, run),
            Move::CancelRun(run) => self.cancel_run(next, run),
            Move::Fetch(worker, id) => self.fetch(next, worker, id),
            Move::Sweep(worker) => self.sweep(next, worker),
            Move::Work(worker) => self.work(next, worker),
            Move::Cancel(worker) => self.cancel(next, worker),
            Move::Undo(id) => self.undo(next, id),
            Move::Retry(id) => self.retry(next, id),
            Move::Edit(status) => self.edit(next, status),
            Move::Wait(id) => self.wait(next, id),
            Move::Reconcile(id) => self.reconcile(next, id),
            Move::Fail(worker, kind) => self.fail(next, worker, kind),
            Move::CrashWorker(worker) => self.crash_worker(next, worker),
            Move::CrashRequest => self.crash_request(next),
            Move::CrashClaim => self.crash_claim(next),
            Move::CrashStart => self.crash_start(next),
            Move::Lapse(run) => self.lapse(next, run, Clocks::ALL),
            Move::Suspend(run) => self.lapse(next, run, Clocks::SUSPENDED),
            Move::SetBack(run) => self.lapse(next, run, Clocks::SET_BACK),
            Move::LoseJob(id) => self.lose_job(next, id),
            Move::Delay(id) => self.delay(next, id),
        }?;
        Some(world.in_order())
    }
}

impl Model for Machine {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.budget)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Move>) {
        let all = Self::moves_of_the_system().chain(Self::moves_of_others());
        actions.extend(all.filter(|step| self.after(world, *step).is_some()));
    }

    fn next_state(&self, world: &World, step: Move) -> Option<World> {
        self.after(world, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        checks::properties()
    }
}
