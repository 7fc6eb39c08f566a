//! The names of all points, by the part of the story in which they are passed.
//!
//! Invariant: [`super::point`] is called with no other name. A new one gets its trials in `server/tests/process` by being
//! listed here.

/// While a deletion is accepted.
pub const ACCEPT: &[&str] = &[
    "task.lock",
    "task.fence",
    "execution.cancel_waiting",
    "execution.list_in_flight",
    "project.undo_window",
    "deletion.insert",
    "job.publish",
    "audit.insert",
    "outbox.insert",
    "accept.commit",
    "accept.committed",
];
/// While it is torn down, with others or by itself, and told.
pub const TEARDOWN: &[&str] = &[
    "job.handle",
    "job.handled",
    "deletion.take_small",
    "deletion.finish_small",
    "job.forget",
    "sweep.commit",
    "sweep.committed",
    "deletion.start_attempt",
    "execution.count_unended",
    "execution.cancel_unended",
    "drain.commit",
    "drain.committed",
    "execution.count",
    "deletion.start_purge",
    "execution.oldest",
    "execution.purge_logs",
    "execution.purge",
    "deletion.add_progress",
    "purge.commit",
    "purge.committed",
    "deletion.enter_step",
    "task.delete",
    "execution.forget_counts",
    "deletion.succeed",
    "delete_row.commit",
    "delete_row.committed",
    "outbox.read",
];
/// While an attempt is recorded as failed, or given up.
pub const FAILURE: &[&str] = &[
    "deletion.record_failure",
    "deletion.insert_entry",
    "task.set_status",
    "failed.commit",
    "failed.committed",
    "job.postpone",
];
/// While it starts over.
pub const RETRY: &[&str] = &["deletion.start_over", "job.publish_again", "retry.commit", "retry.committed"];
/// While it is undone.
pub const UNDO: &[&str] = &["deletion.undo", "schedule.plan", "undo.commit", "undo.committed"];
/// While the reconciler looks.
pub const RECONCILE: &[&str] =
    &["deletion.lock_reconciler", "deletion.stuck", "deletion.touch", "reconcile.commit", "reconcile.committed"];
/// While the scheduler takes what is due.
pub const CLAIM: &[&str] = &[
    "schedule.take_due",
    "execution.unended",
    "schedule.plan_many",
    "execution.record",
    "claim.commit",
    "claim.committed",
];
/// While what waited is started, also by hand.
pub const START: &[&str] = &[
    "task.share",
    "execution.record_manual",
    "trigger.commit",
    "trigger.committed",
    "execution.take_waiting",
    "execution.start",
    "start.commit",
    "start.committed",
];
/// While an execution is kept alive, ends, is cancelled or taken over.
pub const END: &[&str] = &[
    "execution.finish",
    "execution.keep_answers",
    "execution.count_ends",
    "finish.commit",
    "finish.committed",
    "execution.renew",
    "execution.rescue",
    "rescue.commit",
    "rescue.committed",
    "execution.cancel",
    "cancel.commit",
    "cancel.committed",
];
/// While a client calls back.
pub const CALLBACK: &[&str] = &[
    "execution.lock_for_callback",
    "execution.add_line",
    "execution.end_as_reported",
    "deletion.count_late_callback",
    "callback.commit",
    "callback.committed",
];
/// While a task or a project is created or changed.
pub const CHANGE: &[&str] = &["project.share", "change.commit", "change.committed"];
/// While old executions are removed.
pub const RETENTION: &[&str] = &["retention.commit", "retention.committed"];

/// While a group is changed, started, stopped or deleted.
pub const GROUP: &[&str] =
    &["group.lock", "group.update", "group.share_tasks", "group.replan", "group.release_tasks", "group.delete"];

/// While the deletion of a project is accepted and worked off.
pub const PROJECT: &[&str] = &[
    "project.lock",
    "project.lock_tasks",
    "project.fence",
    "project.insert_deletion",
    "project.take_deletion",
    "project.hasten",
    "project.go_on",
    "project.record_step_failure",
    "project.remove_some",
    "project.remove",
    "project.commit",
    "project.committed",
];

/// All of them.
pub(super) const FAMILIES: [&[&str]; 14] =
    [ACCEPT, TEARDOWN, FAILURE, RETRY, UNDO, RECONCILE, CLAIM, START, END, CALLBACK, CHANGE, RETENTION, GROUP, PROJECT];
