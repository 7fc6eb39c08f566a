//! The promises hold in every order of things, and each flaw breaks one.

use crate::checks::{self, ACCEPTED, CALLS, ENDS, FINAL, LISTS, STARTS, TOLD_ONCE, WHOLE_POLICY};
use crate::machine::{Flaw, Machine};
use crate::world::{Budget, World};
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::HashMap;

/// Nothing is asked for and nothing goes wrong.
const NOTHING: Budget = Budget {
    requests: 0,
    undos: 0,
    edits: 0,
    claims: 0,
    triggers: 0,
    cancels: 0,
    retries: 0,
    lapses: 0,
    crashes: 0,
    failures: 0,
    lost_jobs: 0,
    delays: 0,
};

/// Runs start while a deletion is requested, undone, requested again.
const STARTING: Budget = Budget { requests: 2, undos: 1, edits: 1, claims: 1, triggers: 1, crashes: 1, ..NOTHING };

/// Runs fail, are cancelled, lose their node and are tried again meanwhile.
const RETRYING: Budget =
    Budget { requests: 2, undos: 1, claims: 1, triggers: 1, cancels: 1, retries: 1, lapses: 1, ..NOTHING };

/// Everything goes wrong while a task is torn down.
const TEARING_DOWN: Budget =
    Budget { requests: 2, undos: 1, crashes: 1, failures: 2, lost_jobs: 1, delays: 1, ..NOTHING };

/// A bit of both.
const MIXED: Budget = Budget {
    requests: 1,
    undos: 1,
    claims: 1,
    triggers: 1,
    crashes: 1,
    failures: 1,
    lost_jobs: 1,
    delays: 1,
    ..NOTHING
};

/// Tries everything that can happen in this world; it must have shown what makes it worth trying.
fn every_promise_holds(budget: Budget, shown: &[&'static str]) {
    let checker = Machine { flaw: None, budget }.checker().threads(2).spawn_bfs().join();
    println!("{} states, the longest way {} moves", checker.unique_state_count(), checker.max_depth());
    checks::PROMISES.iter().for_each(|promise| checker.assert_no_discovery(promise));
    for name in shown {
        checker.assert_any_discovery(name);
    }
}

#[test]
fn every_promise_holds_whenever_runs_start() {
    every_promise_holds(STARTING, &[checks::LISTED, checks::UNDONE_AND_GONE]);
}

#[test]
fn every_promise_holds_whatever_becomes_of_the_runs() {
    let shown = [checks::LISTED, checks::CALLED_GONE, checks::LATE, checks::RETRIED, checks::UNDONE_AND_GONE];
    every_promise_holds(RETRYING, &shown);
}

#[test]
fn every_promise_holds_whatever_goes_wrong_in_a_teardown() {
    every_promise_holds(TEARING_DOWN, &[checks::TWO_AT_ONE, checks::FAILED_AND_GONE, checks::UNDONE_AND_GONE]);
}

#[test]
fn every_promise_holds_when_runs_start_and_things_go_wrong() {
    every_promise_holds(MIXED, &[checks::LISTED, checks::TWO_AT_ONE, checks::FAILED_AND_GONE]);
}

/// Walks every way to its end. None may come back to where it was: the checks at rest would not see such a run.
fn no_way_is_endless(budget: Budget) {
    let machine = Machine { flaw: None, budget };
    let moves = |world: &World| {
        let mut moves = Vec::new();
        machine.actions(world, &mut moves);
        moves
    };
    let start = World::new(budget);
    // False while the walk is behind this state, true when all that follows has been seen.
    let mut seen = HashMap::from([(start, false)]);
    let mut way = vec![(start, moves(&start))];
    while let Some((world, left)) = way.last_mut() {
        let Some(step) = left.pop() else {
            seen.insert(*world, true);
            way.pop();
            continue;
        };
        let next = machine.after(world, step).unwrap();
        match seen.get(&next) {
            Some(is_done) => assert!(is_done, "{step:?} leads back to {next:?}"),
            None => {
                seen.insert(next, false);
                way.push((next, moves(&next)));
            }
        }
    }
    println!("{} states", seen.len());
}

#[test]
fn no_run_goes_on_for_ever() {
    [STARTING, RETRYING, TEARING_DOWN, MIXED].into_iter().for_each(no_way_is_endless);
}

/// The checker must find a way to the broken promise.
fn is_broken_by(promise: &'static str, flaw: Flaw, budget: Budget) {
    let until = HasDiscoveries::AnyOf([promise].into());
    let checker = Machine { flaw: Some(flaw), budget }.checker().threads(2).finish_when(until).spawn_bfs().join();
    let way = checker.assert_any_discovery(promise).into_actions();
    println!("{flaw:?}: {way:?}");
}

#[test]
fn with_one_snapshot_for_everything_a_run_is_missing_from_in_flight() {
    is_broken_by(LISTS, Flaw::OneSnapshot, STARTING);
}

#[test]
fn with_a_key_share_lock_a_run_starts_after_the_deletion() {
    is_broken_by(STARTS, Flaw::StartTakesKeyShare, STARTING);
    is_broken_by(CALLS, Flaw::StartTakesKeyShare, STARTING);
}

#[test]
fn without_the_status_a_run_that_waited_starts_after_the_deletion() {
    is_broken_by(STARTS, Flaw::StartIgnoresTheStatus, RETRYING);
    is_broken_by(CALLS, Flaw::StartIgnoresTheStatus, RETRYING);
}

#[test]
fn a_rescue_that_does_not_ask_for_the_status_starts_a_run_after_the_deletion() {
    is_broken_by(STARTS, Flaw::RescueStarts, RETRYING);
}

#[test]
fn a_node_that_ignores_its_lease_sends_what_the_deletion_does_not_list() {
    is_broken_by(CALLS, Flaw::SendsAfterTheLease, RETRYING);
}

#[test]
fn a_node_that_trusts_the_monotonic_clock_sends_after_its_machine_was_suspended() {
    is_broken_by(CALLS, Flaw::OnlyTheMonotonicClock, RETRYING);
}

#[test]
fn a_node_that_trusts_the_wall_clock_sends_after_it_was_set_back() {
    is_broken_by(CALLS, Flaw::OnlyTheWallClock, RETRYING);
}

#[test]
fn a_run_that_was_cancelled_before_its_call_goes_out_unlisted_if_only_what_runs_is_listed() {
    is_broken_by(CALLS, Flaw::ListLeavesOutTheCancelled, RETRYING);
}

#[test]
fn without_the_fence_the_scheduler_starts_a_run_after_the_deletion() {
    is_broken_by(STARTS, Flaw::NoFence, STARTING);
    is_broken_by(CALLS, Flaw::NoFence, STARTING);
}

#[test]
fn an_undo_that_ignores_the_point_of_no_return_gives_back_a_task_without_its_history() {
    is_broken_by(FINAL, Flaw::UndoIgnoresThePoint, TEARING_DOWN);
}

#[test]
fn a_drain_that_ignores_the_undo_ends_a_run_of_a_task_that_was_given_back() {
    is_broken_by(FINAL, Flaw::DrainIgnoresTheUndo, RETRYING);
}

#[test]
fn a_point_of_no_return_that_ignores_the_undo_purges_what_was_given_back() {
    is_broken_by(FINAL, Flaw::PointIgnoresTheUndo, TEARING_DOWN);
}

#[test]
fn an_event_after_the_transaction_is_lost_by_a_crash() {
    is_broken_by(TOLD_ONCE, Flaw::EventAfterTheTransaction, TEARING_DOWN);
}

#[test]
fn an_event_before_the_transaction_is_told_of_a_row_that_is_there() {
    is_broken_by(TOLD_ONCE, Flaw::EventBeforeTheRow, TEARING_DOWN);
}

#[test]
fn without_the_reconciler_a_lost_job_is_a_deletion_that_never_ends() {
    is_broken_by(ENDS, Flaw::NoReconciler, TEARING_DOWN);
}

#[test]
fn an_answer_before_the_commit_promises_a_deletion_that_is_not_there() {
    is_broken_by(ACCEPTED, Flaw::AnswerBeforeCommit, STARTING);
}

#[test]
fn a_policy_cut_short_gives_up_too_early() {
    is_broken_by(WHOLE_POLICY, Flaw::GivesUpAtOnce, TEARING_DOWN);
}

#[test]
fn an_edit_that_ignores_the_deletion_revives_the_task() {
    is_broken_by(ACCEPTED, Flaw::EditIgnoresTheDeletion, STARTING);
}
