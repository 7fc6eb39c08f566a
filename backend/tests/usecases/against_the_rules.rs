//! The real store, driven at random beside a reference that has only the rules of `domain`: after each step both must
//! say the same of every task, its deletions, events and jobs.

use crate::moves::{Op, Step, TASKS, steps};
use crate::reference::{Attempt, DRAIN, Expected, RETRY, STUCK, Shown, UNDO_WINDOW};
use crate::support::{ADA, World, actor, message, task_draft};
use backend::error::failure_kind;
use backend::jobs::{DeleteJobHandler, Handled};
use backend::tasks::delete::{self, Answer, Outcome};
use backend::tasks::etag::Precondition;
use backend::tasks::worker::Teardown;
use backend::tasks::{self, Change, steer};
use backend::{Error, Policies};
use domain::deletion::{Deletion, FailureKind};
use domain::error::ProblemKind;
use domain::status::TaskStatus;
use domain::task::Task;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

const CASES: u32 = 60;

/// Both sides.
struct Pair<'a> {
    world: &'a World,
    now: i64,
    tasks: Vec<(Task, Expected)>,
    deletions: HashMap<Uuid, Deletion>,
}

impl<'a> Pair<'a> {
    async fn new(world: &'a World) -> Self {
        // What the last case has left would be swept and reconciled with ours.
        world.execute("TRUNCATE deletions, apalis.jobs CASCADE").await;
        let mut tasks = Vec::new();
        for n in 0..TASKS {
            tasks.push((world.task(&n.to_string()).await, Expected::new()));
        }
        Self { world, now: 0, tasks, deletions: HashMap::new() }
    }

    async fn step(&mut self, (op, task, back): &Step) -> Result<(), TestCaseError> {
        match op {
            Op::Create => self.create(*task).await,
            Op::Delete => return self.delete(*task).await,
            Op::Put(status) => return self.change(*task, *status, Self::put(*status)).await,
            Op::Patch(status) => return self.change(*task, *status, Self::patch(*status)).await,
            Op::SetStatus(status) => {
                return self.change(*task, Some(status), Change::Status((*status).to_owned())).await;
            }
            Op::StartRun => self.start_run(*task).await,
            Op::EndRuns => self.end_runs(*task).await,
            Op::Reconcile => {
                let rescued = delete::reconcile_now(&self.world.backend).await.unwrap();
                let stuck = self.tasks.iter_mut().map(|(_, expected)| expected.reconcile(self.now));
                prop_assert_eq!(rescued, stuck.map(usize::from).sum::<usize>());
            }
            Op::LoseJobs => {
                self.world.execute("TRUNCATE apalis.jobs").await;
                self.tasks.iter_mut().for_each(|(_, expected)| expected.lose_jobs());
            }
            Op::Wait(seconds) => self.wait(*seconds).await,
            Op::Undo | Op::Retry | Op::Perform | Op::Deliver | Op::PerformRefused(_) | Op::Fail(_) => {
                let records = self.tasks[*task].1.records.len();
                if let Some(n) = records.checked_sub(1 + back) {
                    return self.step_of_deletion(op, *task, n).await;
                }
            }
        }
        Ok(())
    }

    async fn step_of_deletion(&mut self, op: &Op, task: usize, n: usize) -> Result<(), TestCaseError> {
        let (backend, now, expected) = (&self.world.backend, self.now, &mut self.tasks[task].1);
        let (project, id) = (self.world.project.id, expected.records[n].id);
        match op {
            Op::Undo => {
                let answer = steer::undo(backend, &ADA, project, id).await.map(drop);
                prop_assert_eq!(answer.map_err(kind), expected.undo(n));
            }
            Op::Retry => {
                let answer = steer::retry(backend, &actor(), project, id).await.map(drop);
                prop_assert_eq!(answer.map_err(kind), expected.retry(n, now));
            }
            Op::Perform => {
                let outcome = delete::perform(backend, id).await.unwrap();
                prop_assert_eq!(attempt(outcome), expected.perform(n, now, false));
            }
            Op::Deliver => return self.deliver(task, n).await,
            Op::PerformRefused(code) => return self.perform_refused(task, n, code).await,
            Op::Fail(kind) => return self.fail(task, n, *kind).await,
            _ => unreachable!("not about a deletion"),
        }
        Ok(())
    }

    async fn deliver(&mut self, task: usize, n: usize) -> Result<(), TestCaseError> {
        let now = self.now;
        let swept: Vec<bool> = self.tasks.iter_mut().map(|(_, expected)| expected.sweep(now)).collect();
        let expected = &mut self.tasks[task].1;
        let is_swept = swept[task] && n + 1 == expected.records.len();
        let waits = !is_swept && expected.perform(n, now, false) == Attempt::NotYet;
        let job = message(&self.deletions[&expected.records[n].id]);
        let handled = Teardown::new(self.world.backend.clone()).handle(job).await;
        prop_assert_eq!(matches!(handled.unwrap(), Handled::NotYet(_)), waits);
        Ok(())
    }

    async fn perform_refused(&mut self, task: usize, n: usize, code: &str) -> Result<(), TestCaseError> {
        let expected = &mut self.tasks[task].1;
        self.world.refuse("DELETE ON tasks", code).await;
        let answer = delete::perform(&self.world.backend, expected.records[n].id).await;
        self.world.allow().await;
        let real = answer.as_ref().map_or(Attempt::Failed, |outcome| attempt(*outcome));
        prop_assert_eq!(real, expected.perform(n, self.now, true));
        match answer {
            Err(Error::Database(error)) => self.fail(task, n, failure_kind(&error)).await,
            _ => Ok(()),
        }
    }

    async fn fail(&mut self, task: usize, n: usize, kind: FailureKind) -> Result<(), TestCaseError> {
        let expected = &mut self.tasks[task].1;
        let id = expected.records[n].id;
        let next = delete::failed(&self.world.backend, id, kind, "by the test", 1.0).await.unwrap();
        prop_assert_eq!(next.is_some(), expected.failed(n, kind, self.now));
        Ok(())
    }

    /// A new task of the same name where the old one is gone.
    async fn create(&mut self, task: usize) {
        let (real, expected) = &mut self.tasks[task];
        if expected.status.is_none() {
            (*real, *expected) = (self.world.task(&real.name).await, Expected::new());
        }
    }

    async fn delete(&mut self, task: usize) -> Result<(), TestCaseError> {
        let (real, expected) = &mut self.tasks[task];
        let answer = self.world.answer(real.uuid, &Precondition::None).await.unwrap();
        let (is_gone, known) = (expected.status.is_none(), expected.request(self.now));
        match answer {
            Answer::AlreadyDeleted { receipt } => {
                prop_assert!(is_gone);
                prop_assert_eq!(receipt.map(|receipt| receipt.id), known);
            }
            Answer::Scheduled { deletion, version } => {
                prop_assert!(!is_gone);
                match known {
                    Some(id) => prop_assert_eq!(deletion.id, id, "a repeat gets the same"),
                    None => expected.accept(deletion.id, self.now),
                }
                prop_assert_eq!(version, expected.version);
                self.deletions.insert(deletion.id, *deletion);
            }
        }
        Ok(())
    }

    fn put(status: Option<&str>) -> Change {
        let mut draft = task_draft("Replaced");
        draft.status = status.map(str::to_owned);
        Change::Replace(Box::new(draft))
    }

    fn patch(status: Option<&str>) -> Change {
        let mut patch = json!({ "description": "Patched" });
        if let Some(status) = status {
            patch["status"] = json!(status);
        }
        Change::Merge(patch)
    }

    async fn change(&mut self, task: usize, asked: Option<&str>, change: Change) -> Result<(), TestCaseError> {
        let (real, expected) = &mut self.tasks[task];
        let answer = self.world.change(real, change).await.map(drop);
        prop_assert_eq!(answer.map_err(kind), expected.change(asked));
        Ok(())
    }

    /// What every way to start a run asks first: is the task active?
    async fn start_run(&mut self, task: usize) {
        let (real, expected) = &mut self.tasks[task];
        if expected.status == Some(TaskStatus::Active) {
            expected.start_run(self.world.in_flight(real, "RUNNING").await);
        }
    }

    async fn end_runs(&mut self, task: usize) {
        let (real, expected) = &mut self.tasks[task];
        let end =
            "UPDATE executions SET status = 'SUCCESS', finished_at = now() WHERE task_id = $1 AND status = 'RUNNING'";
        sqlx::query(end).bind(real.uuid).execute(&self.world.pool).await.unwrap();
        expected.end_runs();
    }

    /// Time passes: everything in the database is older by as much.
    async fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        let age = "UPDATE deletions SET wake_at = wake_at - make_interval(secs => $1),
                   fenced_at = fenced_at - make_interval(secs => $1), undo_until = undo_until - make_interval(secs => $1)";
        sqlx::query(age).bind(seconds as f64).execute(&self.world.pool).await.unwrap();
    }

    async fn compare(&self) -> Result<(), TestCaseError> {
        let keys = "SELECT idempotency_key FROM apalis.jobs";
        let jobs: Vec<String> = sqlx::query_scalar(keys).fetch_all(&self.world.pool).await.unwrap();
        let jobs = jobs.into_iter().collect();
        for (real, expected) in &self.tasks {
            let events: Vec<_> = expected.events.iter().map(|kind| kind.as_str()).collect();
            prop_assert_eq!(self.world.events(real).await, events);
            let read = tasks::get(&self.world.backend, self.world.project.id, real.uuid).await;
            match (read, expected.status) {
                (Ok(task), Some(status)) => {
                    prop_assert_eq!((task.status, task.version), (status, expected.version));
                    prop_assert_eq!(task.next_run_at.is_some(), status == TaskStatus::Active, "the schedule's row");
                    prop_assert_eq!(task.deletion.map(|d| d.id), expected.open().map(|record| record.id));
                }
                (Err(error), None) => prop_assert_eq!(kind(error), ProblemKind::TaskDeleted),
                (read, status) => prop_assert!(false, "{:?} should be {:?}", read, status),
            }
            for record in &expected.records {
                prop_assert_eq!(shown(self.world.deletion(record.id).await, &jobs), record.shown());
            }
        }
        Ok(())
    }
}

fn kind(error: Error) -> ProblemKind {
    error.into_refusal().kind
}

fn attempt(outcome: Outcome) -> Attempt {
    match outcome {
        Outcome::Deleted => Attempt::Deleted,
        Outcome::NotYet(_) => Attempt::NotYet,
        Outcome::NotPending => Attempt::NotPending,
        Outcome::AlreadyGone => Attempt::AlreadyGone,
    }
}

fn shown(deletion: Deletion, jobs: &BTreeSet<String>) -> Shown {
    Shown {
        state: deletion.state,
        attempt: deletion.attempt,
        can_undo: deletion.can_undo,
        in_flight: deletion.in_flight,
        last_error: deletion.last_error.map(|error| error.kind),
        is_tried_again: deletion.next_retry_at.is_some(),
        receipt: deletion.receipt.map(|receipt| receipt.executions),
        has_job: jobs.contains(&deletion.id.to_string()),
    }
}

/// On a thread and a runtime of its own: proptest shrinks what fails by calling a plain function again and again.
fn drive(options: &PgConnectOptions) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let policies = Policies { retry: RETRY, stuck: STUCK, drain_seconds: DRAIN, ..Policies::default() };
    let world = runtime.block_on(World::with(options, policies));
    let window = sqlx::query("UPDATE projects SET undo_window_seconds = $1").bind(UNDO_WINDOW);
    runtime.block_on(window.execute(&world.pool)).unwrap();
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let run = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let mut pair = Pair::new(&world).await;
            for step in &steps {
                pair.step(step).await?;
                pair.compare().await?;
            }
            Ok(())
        })
    });
    runtime.block_on(world.end());
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

#[sqlx::test(migrations = false)]
async fn whatever_is_done_in_whatever_order_the_store_says_what_the_rules_say(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let driver = std::thread::spawn(move || drive(&options));
    assert!(driver.join().is_ok(), "see the panic above");
}
