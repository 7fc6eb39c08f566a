//! The invariants of a deletion as the checker sees them, and what a run must have shown to be worth something.
//!
//! A promise that something happens is checked where the system has come to rest: the checker's own `eventually` forgets
//! on which of several ways it came to a state. That no run goes on for ever is proved apart.

use crate::machine::Machine;
use crate::world::{BATCHES, Call, Clocks, RECORDS, Record, Run, World};
use domain::deletion::DeletionState;
use domain::status::TaskStatus;
use stateright::Property;

pub const STARTS: &str = "nothing is recorded or started after a deletion";
pub const LISTS: &str = "what runs after a deletion is what it lists";
pub const CALLS: &str = "no call goes out after a deletion but those that it lists";
pub const ACCEPTED: &str = "a 202 means a committed record and a fenced task";
pub const ENDS: &str = "every accepted deletion ends gone, undone or failed";
pub const TOLD_ONCE: &str = "exactly one TaskDeleted, never before the row is gone";
pub const FINAL: &str = "what is gone stays gone, and what is undone has lost nothing";
pub const WHOLE_POLICY: &str = "a deletion is given up only after the whole policy";

pub const PROMISES: [&str; 8] = [STARTS, LISTS, CALLS, ACCEPTED, ENDS, TOLD_ONCE, FINAL, WHOLE_POLICY];

pub const LISTED: &str = "a call in flight is listed";
pub const CALLED_GONE: &str = "a call goes out for a task that is gone";
pub const LATE: &str = "a node that was held up has a call of a deleted task in its hands";
pub const RETRIED: &str = "a run waits for its next attempt when its task is deleted";
pub const TWO_AT_ONE: &str = "two workers are at one deletion";
pub const FAILED_AND_GONE: &str = "a deletion that was given up ends gone";
pub const UNDONE_AND_GONE: &str = "a deletion after an undone one ends gone";

pub fn properties() -> Vec<Property<Machine>> {
    vec![
        Property::always(STARTS, |_, world: &World| !world.started_after),
        Property::always(LISTS, lists),
        Property::always(CALLS, |_, world: &World| !world.called_after),
        Property::always(ACCEPTED, accepted),
        Property::always(ENDS, ends),
        Property::always(TOLD_ONCE, told_once),
        Property::always(FINAL, is_final),
        Property::always(WHOLE_POLICY, whole_policy),
        Property::sometimes(LISTED, |_, world: &World| world.open().is_some_and(|(_, record)| record.in_flight != 0)),
        Property::sometimes(CALLED_GONE, |_, world: &World| is_gone(world) && has_call(world, Call::Held)),
        Property::sometimes(LATE, |_, world: &World| world.is_deleted() && has_call(world, Call::Late(Clocks::ALL))),
        Property::sometimes(RETRIED, |_, world: &World| world.is_deleted() && world.those(Run::is_waiting) != 0),
        Property::sometimes(
            TWO_AT_ONE,
            |_, world: &World| matches!(world.workers, [Some((one, _)), Some((other, _))] if one == other),
        ),
        Property::sometimes(FAILED_AND_GONE, |_, world: &World| {
            let starts_over = |record: Record| record.failed_attempts == 0 && record.last_error.is_some();
            records(world).any(|record| record.state == DeletionState::Succeeded && starts_over(record))
        }),
        Property::sometimes(UNDONE_AND_GONE, |_, world: &World| {
            let state = |id: usize| world.record(id).map(|record| record.state);
            (state(0), state(1)) == (Some(DeletionState::Undone), Some(DeletionState::Succeeded))
        }),
    ]
}

fn records(world: &World) -> impl Iterator<Item = Record> {
    world.records.iter().copied().flatten()
}

fn is_gone(world: &World) -> bool {
    world.task.status.is_none()
}

fn has_call(world: &World, call: Call) -> bool {
    world.runs.iter().any(|run| run.call == call)
}

fn lists(_: &Machine, world: &World) -> bool {
    !world.is_deleted() || world.those(Run::is_running) & !world.listed() == 0
}

fn accepted(_: &Machine, world: &World) -> bool {
    (0..RECORDS).filter(|id| world.told[*id]).all(|id| match world.record(id) {
        None => false,
        Some(record) if record.state.is_final() => true,
        Some(record) => {
            let has_failed = world.task.status == Some(TaskStatus::DeleteFailed);
            world.task.status.is_some_and(TaskStatus::is_being_deleted)
                && has_failed == (record.state == DeletionState::Failed)
                && world.task.owner == Some(id)
                && !world.task.is_scheduled
        }
    })
}

fn ends(machine: &Machine, world: &World) -> bool {
    let is_over = |record: Record| record.state.is_final() || record.state == DeletionState::Failed;
    records(world).all(is_over) || !machine.is_at_rest(world)
}

fn told_once(machine: &Machine, world: &World) -> bool {
    match world.deleted_events {
        0 => !is_gone(world) || !machine.is_at_rest(world),
        1 => is_gone(world),
        _ => false,
    }
}

fn is_final(_: &Machine, world: &World) -> bool {
    let task = &world.task;
    let nothing_is_left = !task.is_scheduled && task.history == 0 && world.is_purged();
    let is_removed = |record: &Record| record.state == DeletionState::Succeeded;
    let is_purged = task.history < BATCHES;
    !world.ended_after_undo
        && is_gone(world) == records(world).any(|record| is_removed(&record))
        && (!is_gone(world) || nothing_is_left)
        && records(world).all(|record| record.state != DeletionState::Undone || !record.is_purging)
        && (!is_purged || records(world).any(|record| record.is_purging))
}

fn whole_policy(machine: &Machine, world: &World) -> bool {
    let is_spent = |record: Record| {
        record.failed_attempts >= machine.policy().max_attempts
            || record.last_error.is_some_and(domain::deletion::FailureKind::is_permanent)
    };
    records(world).all(|record| record.state != DeletionState::Failed || is_spent(record))
}
