//! Every order in which things can happen to one task, tried out: a model of the durable deletion for a checker.
//!
//! Two workers, a scheduler, people and bad luck move one task, its executions, deletions and jobs. Postgres is modelled
//! where it matters: what a transaction writes is seen when it commits, a statement sees what was committed when it began,
//! row locks make others wait or (`SKIP LOCKED`) look away. A transaction that reads only what it has locked is one move;
//! the request, the claim and the start by hand, which are not like that, are several. A process may die between any two
//! moves. What may happen to a status or a deletion, and when, is asked from `domain`: the model has no rule of its own.
//! Users and faults have budgets, so that the world is finite; without a flaw no budget may lead to a broken promise, and
//! each flaw must break the promise that it is against.
//!
//! | move | what does it in `backend/src` |
//! |---|---|
//! | `Request`, `WriteFence`, `CommitRequest`, `Answer` | `tasks/delete.rs::request`, `tasks/repeat.rs` and what they call in `db` |
//! | `Claim`, `CommitClaim` | `scheduler.rs::step` |
//! | `Trigger`, `CommitTrigger`, `BeginRun`, `EndRun` | the rules for every way to start a run (`starts.rs`) |
//! | `Fetch` | the queue: `jobs/consumer.rs`, `jobs/handling.rs` |
//! | `Work` | one step of `tasks/delete.rs::perform` (`tasks/teardown.rs`), or `failed` and `give_up` |
//! | `Cancel`, `Sweep` | `tasks/teardown.rs::drain` whose time is up, `tasks/sweep.rs::sweep` |
//! | `Undo`, `Retry`, `Edit` | `tasks/steer.rs::undo` and `retry`, `tasks.rs::change` |
//! | `Reconcile`, `Wait` | `tasks/delete.rs::reconcile`, and the time that passes before it |
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]
#![allow(clippy::print_stdout, reason = "how much was tried, and the way to each broken promise")]

mod accept;
mod checks;
mod faults;
mod machine;
mod promises;
mod starts;
mod steering;
mod teardown;
mod world;
