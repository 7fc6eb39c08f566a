//! Accepting many deletions in one transaction: all of them, or, where the database cannot commit, none. Each task is then
//! torn down like one that was deleted by itself.
//!
//! The same order as [`super::delete::request`]: lock, decide by `domain::status::transition`, fence, and only then read what
//! is in flight. A task that is being deleted already keeps its deletion; one whose deletion has failed starts over.

use super::delete::BEING_DELETED;
use crate::audit;
use crate::db::batch::{self, NewDeletions, Request};
use crate::db::task::LockedTask;
use crate::transaction::after_commit;
use crate::{Actor, Backend, Result, db};
use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::AuditAction;
use domain::error::{FieldError, ProblemKind, Refusal};
use domain::event::EventKind;
use domain::status::{StatusEvent, TaskStatus, transition};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Tasks of one batch, at the most.
pub const MOST: usize = 1_000;

/// What became of one task of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is fenced and will be torn down, by this deletion.
    Scheduled {
        /// The record; a repeat gets the same.
        deletion_id: Uuid,
    },
    /// There is no such task in this project.
    AlreadyDeleted {
        /// Whether a receipt says that there was one.
        has_receipt: bool,
    },
}

/// Accepts the deletion of up to [`MOST`] tasks of a project; answers what became of each, in the order of `task_ids`.
///
/// # Errors
/// [`ProblemKind::ProjectNotFound`]; [`ProblemKind::InvalidRequest`] for none or too many; a database error when it could not
/// be committed, and then nothing has changed.
pub async fn request_many(
    backend: &Backend,
    actor: &Actor,
    project_id: Uuid,
    task_ids: &[Uuid],
) -> Result<Vec<Outcome>> {
    if task_ids.is_empty() || task_ids.len() > MOST {
        let allowed = FieldError::new("task_uuids", format!("must have 1 to {MOST} ids"));
        return Err(Refusal::fields(ProblemKind::InvalidRequest, vec![allowed]).into());
    }
    let mut tx = backend.begin().await?;
    crate::projects::require(&mut tx, project_id).await?;
    let tasks = batch::lock(&mut tx, project_id, task_ids).await?;
    let missing: Vec<Uuid> = {
        let found: BTreeSet<Uuid> = tasks.iter().map(|(id, _)| *id).collect();
        task_ids.iter().filter(|id| !found.contains(id)).copied().collect()
    };
    let (new, mut outcomes) = repeat(backend, actor, &mut tx, tasks).await?;
    accept(backend, actor, &mut tx, project_id, &new, Besides::Nothing).await?;
    for (task, deletion_id) in new.tasks.task_ids.iter().zip(&new.tasks.ids) {
        outcomes.insert(*task, Outcome::Scheduled { deletion_id: *deletion_id });
    }
    let receipts: BTreeSet<Uuid> = batch::receipts(&mut tx, project_id, &missing).await?.into_iter().collect();
    backend.commit(tx, "accept").await?;
    Accepted { tasks: task_ids.len(), new: new.tasks.ids.len() }.count();
    backend.ring();
    let gone = |id: &Uuid| Outcome::AlreadyDeleted { has_receipt: receipts.contains(id) };
    Ok(task_ids.iter().map(|id| outcomes.get(id).copied().unwrap_or_else(|| gone(id))).collect())
}

/// The tasks that are not being deleted yet, what they become, and the moment of the transaction.
#[derive(Default)]
struct New {
    tasks: NewDeletions,
    to: Option<TaskStatus>,
    now: DateTime<Utc>,
}

/// Parts those that are being deleted already, and answers for them; a failed deletion starts over.
async fn repeat(
    backend: &Backend,
    actor: &Actor,
    tx: &mut PgConnection,
    tasks: Vec<(Uuid, LockedTask)>,
) -> Result<(New, BTreeMap<Uuid, Outcome>)> {
    let (mut new, mut known) = (New::default(), BTreeMap::new());
    for (id, task) in tasks {
        new.now = task.now;
        match (task.deletion_id, task.status.settable()) {
            (Some(deletion_id), _) => {
                if task.status == TaskStatus::DeleteFailed {
                    let record = db::deletion::lock(tx, deletion_id).await?.ok_or(sqlx::Error::RowNotFound)?;
                    super::steer::start_over(backend, actor, tx, id, &record).await?;
                }
                known.insert(id, Outcome::Scheduled { deletion_id });
            }
            (None, Some(previous)) => {
                new.to = Some(transition(task.status, StatusEvent::RequestDeletion).map_err(Refusal::from)?);
                new.tasks.ids.push(Uuid::now_v7());
                new.tasks.task_ids.push(id);
                new.tasks.task_names.push(task.name);
                new.tasks.previous.push(previous.to_string());
                new.tasks.versions.push(task.version);
            }
            // The database refuses such a row: `tasks_deletion_id_tied`.
            (None, None) => return Err(sqlx::Error::RowNotFound.into()),
        }
    }
    Ok((new, known))
}

/// Accepts the deletion of all tasks of a group that is locked, however many; they are in it no more, also those that were being
/// deleted already.
pub(crate) async fn request_group(
    backend: &Backend,
    actor: &Actor,
    tx: &mut PgConnection,
    project_id: Uuid,
    group_id: Uuid,
) -> Result<Accepted> {
    let tasks = batch::lock_group(tx, group_id).await?;
    let all = tasks.len();
    let (new, _) = repeat(backend, actor, tx, tasks).await?;
    accept(backend, actor, tx, project_id, &new, Besides::Group).await?;
    db::group::release_tasks(tx, group_id).await?;
    Ok(Accepted { tasks: all, new: new.tasks.ids.len() })
}

/// Accepts the deletion of up to `limit` tasks above `after` of a project that is being deleted; answers the id of the last,
/// none when there was none left. They cannot be undone by themselves, so nothing waits for the end of an undo window.
pub(crate) async fn request_next(
    backend: &Backend,
    actor: &Actor,
    tx: &mut PgConnection,
    (project_id, project_deletion_id): (Uuid, Uuid),
    after: Uuid,
    limit: i64,
) -> Result<(Accepted, Option<Uuid>)> {
    let tasks = batch::lock_next(tx, project_id, after, limit).await?;
    let (all, last) = (tasks.len(), tasks.last().map(|(id, _)| *id));
    let (mut new, _) = repeat(backend, actor, tx, tasks).await?;
    // Locking many tasks takes a while: what was claimed meanwhile, before the fence, began before this moment.
    new.now = db::now(tx).await?;
    accept(backend, actor, tx, project_id, &new, Besides::Project(project_deletion_id)).await?;
    Ok((Accepted { tasks: all, new: new.tasks.ids.len() }, last))
}

/// What a transaction that is not committed yet accepts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Accepted {
    /// Tasks that are being deleted then.
    pub tasks: usize,
    /// Those among them that were not before.
    new: usize,
}

impl Accepted {
    /// Counts deletions whose acceptance has been committed.
    pub fn count(self) {
        let new = self.new as u64;
        after_commit(move || metrics::counter!("sexton_deletions_accepted_total").increment(new));
    }
}

/// What goes besides the tasks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Besides {
    Nothing,
    /// Their group, at once.
    Group,
    /// Their project, after them, by this deletion.
    Project(Uuid),
}

/// Fences the new ones, then writes records, jobs and events.
async fn accept(
    backend: &Backend,
    actor: &Actor,
    tx: &mut PgConnection,
    project_id: Uuid,
    new: &New,
    besides: Besides,
) -> Result<()> {
    let Some(to) = new.to else { return Ok(()) };
    batch::fence(tx, &new.tasks, to.as_str(), besides == Besides::Group).await?;
    db::execution::cancel_waiting(tx, &new.tasks.task_ids, BEING_DELETED).await?;
    let window = db::project::undo_window(tx, project_id).await?.unwrap_or(backend.policies.undo_window_seconds);
    let request = Request {
        project_id,
        requested_by: &actor.name,
        request_id: actor.request_id.as_deref(),
        now: new.now,
        undo_until: new.now + TimeDelta::seconds(window.into()),
        max_attempts: backend.policies.retry.max_attempts,
        project_deletion_id: match besides {
            Besides::Project(id) => Some(id),
            Besides::Nothing | Besides::Group => None,
        },
    };
    let records = batch::insert(tx, &new.tasks, &request).await?;
    let messages: Vec<_> = records.iter().map(db::deletion::DeletionRow::message).collect();
    backend.jobs.publish_many(tx, &messages, request.undo_until).await?;
    audit::record_many(tx, actor, AuditAction::TaskDeleted, project_id, &new.tasks.task_ids).await?;
    Ok(batch::announce(tx, EventKind::TaskDeletionRequested.as_str(), &new.tasks, project_id).await?)
}
