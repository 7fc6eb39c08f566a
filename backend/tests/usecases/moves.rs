//! What may be done to the store, in a random order: the moves of `against_the_rules`.

use domain::deletion::FailureKind;
use proptest::prelude::*;

/// Two tasks, so that one sweep has two to take.
pub const TASKS: usize = 2;
const STATUSES: [&str; 5] = ["ACTIVE", "DISABLED", "PENDING_DELETE", "DELETE_FAILED", "nonsense"];
/// Whole minutes: see the policies of `reference`.
const WAITS: [i64; 5] = [60, 60, 120, 360, 1_860];

#[derive(Clone, Debug)]
pub enum Op {
    Create,
    Delete,
    Undo,
    Retry,
    Put(Option<&'static str>),
    Patch(Option<&'static str>),
    SetStatus(&'static str),
    StartRun,
    EndRuns,
    /// One attempt; also one that nobody asked for, or for a deletion that is over.
    Perform,
    /// A job is delivered: a sweep, then an attempt; also a second time.
    Deliver,
    /// An attempt that cannot remove the row.
    PerformRefused(&'static str),
    /// An attempt that failed somewhere.
    Fail(FailureKind),
    Reconcile,
    LoseJobs,
    Wait(i64),
}

/// What is done, to which task, and to which of its deletions, counted from the latest.
pub type Step = (Op, usize, usize);

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = || prop::sample::select(&STATUSES[..]);
    let op = prop_oneof![
        1 => Just(Op::Create),
        6 => Just(Op::Delete),
        3 => Just(Op::Undo),
        2 => Just(Op::Retry),
        1 => prop::option::of(status()).prop_map(Op::Put),
        1 => prop::option::of(status()).prop_map(Op::Patch),
        2 => status().prop_map(Op::SetStatus),
        2 => Just(Op::StartRun),
        1 => Just(Op::EndRuns),
        3 => Just(Op::Perform),
        3 => Just(Op::Deliver),
        3 => prop::sample::select(&["40001", "57014", "23503"][..]).prop_map(Op::PerformRefused),
        2 => prop::sample::select(FailureKind::ALL).prop_map(Op::Fail),
        2 => Just(Op::Fail(FailureKind::Conflict)),
        4 => Just(Op::Reconcile),
        1 => Just(Op::LoseJobs),
        8 => prop::sample::select(&WAITS[..]).prop_map(Op::Wait),
    ];
    // Mostly the latest deletion: older ones are over.
    let back = prop_oneof![4 => Just(0_usize), 1 => Just(1_usize)];
    // Mostly the same task: long stories are worth more than two short ones.
    let task = prop_oneof![4 => Just(0_usize), 1 => 1..TASKS];
    prop::collection::vec((op, task, back), 1..50)
}
