//! Any interleaving of what can happen to a deletion, over the pure rules alone.
//!
//! The model is a task and its record with the conditions under which the backend writes them, and nothing else; every
//! decision is asked from `domain`.

use crate::at;
use chrono::{DateTime, TimeDelta, Utc};
use domain::deletion::{DeletionState, FailureKind, RetryPolicy, StuckPolicy, Verdict, can_undo};
use domain::status::{SettableStatus, StatusEvent, TaskStatus, transition};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Move {
    Request,
    SetActive,
    /// A worker begins an attempt, also a second one of a duplicate job.
    Begin,
    /// It passes the point of no return.
    Purge,
    /// It removes the row.
    Remove,
    Fail(FailureKind),
    /// It dies and says nothing.
    Crash,
    Undo,
    Retry,
    Reconcile,
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Move> {
    let kind = prop::sample::select(FailureKind::ALL);
    prop_oneof![
        1 => Just(Move::Request),
        1 => Just(Move::SetActive),
        3 => Just(Move::Begin),
        2 => Just(Move::Purge),
        2 => Just(Move::Remove),
        2 => kind.prop_map(Move::Fail),
        1 => Just(Move::Crash),
        1 => Just(Move::Undo),
        1 => Just(Move::Retry),
        1 => Just(Move::Reconcile),
        2 => (0..2_000_i64).prop_map(Move::Wait),
    ]
}

struct Record {
    state: DeletionState,
    failed_attempts: i32,
    wake_at: DateTime<Utc>,
    purge_started_at: Option<DateTime<Utc>>,
}

struct World {
    now: DateTime<Utc>,
    /// None is gone.
    task: Option<TaskStatus>,
    record: Option<Record>,
    /// Attempts that have begun and not ended; a duplicate makes a second.
    working: usize,
    deleted_events: usize,
}

impl World {
    fn new() -> Self {
        let now = at("2026-01-01T00:00:00Z");
        Self { now, task: Some(TaskStatus::Active), record: None, working: 0, deleted_events: 0 }
    }

    fn status(&mut self, event: StatusEvent) -> bool {
        let Some(to) = self.task.and_then(|from| transition(from, event).ok()) else { return false };
        self.task = Some(to);
        true
    }

    fn request(&mut self) {
        let fresh = self.task.is_some_and(|status| !status.is_being_deleted());
        if self.status(StatusEvent::RequestDeletion) {
            if fresh {
                self.record = None;
            }
            let now = self.now;
            let new =
                Record { state: DeletionState::Scheduled, failed_attempts: 0, wake_at: now, purge_started_at: None };
            let record = self.record.get_or_insert(new);
            if record.state == DeletionState::Failed {
                (record.state, record.failed_attempts) = (DeletionState::Scheduled, 0);
            }
        }
    }

    fn step(&mut self, step: Move) {
        let (now, working) = (self.now, self.working > 0);
        match (step, &mut self.record) {
            (Move::Wait(seconds), _) => self.now += TimeDelta::seconds(seconds),
            (Move::Request, _) => self.request(),
            (Move::SetActive, _) => drop(self.status(StatusEvent::Set(SettableStatus::Active))),
            (Move::Crash, _) => self.working = self.working.saturating_sub(1),
            (Move::Begin, Some(record)) => {
                let due = record.state == DeletionState::Running
                    || matches!(record.state, DeletionState::Scheduled | DeletionState::Retrying)
                        && record.wake_at <= now;
                if due {
                    (record.state, record.wake_at) = (DeletionState::Running, now);
                    self.working += 1;
                }
            }
            (Move::Purge, Some(record)) if working && record.state == DeletionState::Running => {
                record.purge_started_at.get_or_insert(now);
            }
            (Move::Remove, Some(record)) if working && record.purge_started_at.is_some() => {
                if self.task == Some(TaskStatus::PendingDelete) && record.state == DeletionState::Running {
                    record.state = DeletionState::Succeeded;
                    self.task = None;
                    self.deleted_events += 1;
                }
            }
            (Move::Fail(kind), Some(record)) if working && record.state == DeletionState::Running => {
                record.failed_attempts += 1;
                match RetryPolicy::default().after_failure(kind, record.failed_attempts, now, 0.5) {
                    Verdict::RetryAt(retry_at) => {
                        (record.state, record.wake_at) = (DeletionState::Retrying, retry_at);
                    }
                    Verdict::GiveUp => {
                        (record.state, record.wake_at) = (DeletionState::Failed, now);
                        assert!(self.status(StatusEvent::GiveUp));
                    }
                }
            }
            (Move::Undo, Some(record)) if can_undo(record.state, record.purge_started_at) => {
                record.state = DeletionState::Undone;
                assert!(self.status(StatusEvent::Undo(SettableStatus::Active)));
            }
            (Move::Retry, Some(record)) if record.state == DeletionState::Failed => self.request(),
            (Move::Reconcile, Some(record)) if StuckPolicy::default().is_stuck(record.state, record.wake_at, now) => {
                record.wake_at = now;
                self.request();
            }
            (
                Move::Begin | Move::Purge | Move::Remove | Move::Fail(_) | Move::Undo | Move::Retry | Move::Reconcile,
                _,
            ) => {}
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let state = self.record.as_ref().map(|record| record.state);
        let removed = self.record.as_ref().is_some_and(|record| record.purge_started_at.is_some());
        prop_assert_eq!(self.deleted_events, usize::from(self.task.is_none()), "one TaskDeleted, when it is gone");
        prop_assert_eq!(self.task.is_none(), state == Some(DeletionState::Succeeded), "gone is final");
        prop_assert!(!(state == Some(DeletionState::Undone) && removed), "undo and delete exclude each other");
        let open = state.is_some_and(|state| !state.is_final());
        prop_assert_eq!(
            self.task.is_some_and(TaskStatus::is_being_deleted),
            open,
            "an open record and a fence are one"
        );
        prop_assert_eq!(self.task == Some(TaskStatus::DeleteFailed), state == Some(DeletionState::Failed));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_revives_what_is_gone_or_undoes_what_was_removed(
        moves in prop::collection::vec(moves(), 1..60),
    ) {
        let mut world = World::new();
        for step in moves {
            world.step(step);
            world.check()?;
        }
    }

    #[test]
    fn from_wherever_it_stands_the_reconciler_alone_finishes_a_deletion(
        moves in prop::collection::vec(moves(), 1..60),
    ) {
        let mut world = World::new();
        moves.into_iter().for_each(|step| world.step(step));
        world.step(Move::Request);
        for step in [Move::Wait(3_600), Move::Reconcile, Move::Begin, Move::Purge, Move::Remove] {
            world.step(step);
        }
        prop_assert_eq!(world.task, None);
    }
}
