//! Every order in which things can happen to one task, tried out: a model of the durable deletion for a checker.
//!
//! Two workers, a scheduler, people and bad luck move one task, its executions, deletions and jobs. Postgres is modelled
//! where it matters: what a transaction writes is seen when it commits, a statement sees what was committed when it began,
//! row locks make others wait or (`SKIP LOCKED`) look away. A transaction that reads only what it has locked is one move;
//! the request, the claim and a start, which are not like that, are several. A call is in the hands of a node: what its row
//! says meanwhile the node does not know. A process may die between any two
//! moves. What may happen to a status or a deletion, and when, is asked from `domain`: the model has no rule of its own.
//! Users and faults have budgets, so that the world is finite; without a flaw no budget may lead to a broken promise, and
//! each flaw must break the promise that it is against.
//!
//! | move | what does it in `backend/src` |
//! |---|---|
//! | `Request`, `WriteFence`, `CancelWaiting`, `CommitRequest`, `Answer` | `tasks/delete.rs::request`, `tasks/repeat.rs` and what they call in `db` |
//! | `Claim`, `CommitClaim` | `scheduler/claim.rs` |
//! | `StartWaiting`, `CommitStart`, `Rescue` | `scheduler/waiting.rs`, `scheduler.rs::rescue` |
//! | `RunByHand`, `CommitStart`, `CancelRun` | `executions/trigger.rs`, `executions/cancel.rs` |
//! | `Send`, `EndRun`, `FailRun` | `executor/wire.rs`, `executor/finish.rs` |
//! | `Lapse`, `Suspend`, `SetBack` | a lease that nobody renews: the node was stopped, its machine suspended, or its wall clock set back (`clock.rs`) |
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
mod runs;
mod starts;
mod steering;
mod teardown;
mod world;
