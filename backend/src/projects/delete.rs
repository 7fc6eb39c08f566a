//! The durable deletion of a project, in the order in which it happens: `request → advance → failed`.
//!
//! Invariants: the accepting transaction fences all tasks of the project, so that no run of any of them starts after it. The
//! record in `project_deletions` is the truth: whoever finds it due works at it, a step a transaction, under its lock. Each task
//! is torn down like one that was deleted by itself; the project goes after the last. Lock order: projects → tasks →
//! `task_schedules` → executions → deletions; a step locks the record before them.

use super::deletions::show;
use crate::audit::{self, Subject};
use crate::db::project::{HandedOver, NewProjectDeletion, ProjectDeletionRow};
use crate::tasks::delete::BEING_DELETED;
use crate::tasks::delete_many::{Accepted, request_next};
use crate::tasks::etag::Precondition;
use crate::tasks::steer::retry_all_on;
use crate::{Actor, Backend, Error, Result, db, faults};
use chrono::TimeDelta;
use domain::audit::AuditAction;
use domain::event::EventKind;
use domain::project::ProjectDeletion;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Tasks that are handed over in one transaction; as many go in the accepting one.
const AT_ONCE: i64 = 1_000;
/// Deletions of projects that one pass works at.
const PROJECTS_AT_ONCE: i64 = 20;
/// How soon it is looked again whether the last task is gone.
const TICK: TimeDelta = TimeDelta::seconds(1);
/// How often it is looked for tasks that nobody has handed over: only a node of an older version lets them in.
const LOOK_AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);

/// What a request to delete a project is answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The record; a repeat gets the same.
    pub deletion: ProjectDeletion,
    /// The project's version: its ETag.
    pub version: i64,
}

/// Accepts the deletion of a project in one transaction: none of its tasks starts a run any more. A repeat answers the same,
/// and gives deletions of its tasks that have failed a fresh cycle of attempts.
///
/// # Errors
/// `ProjectNotFound`, `EtagMismatch`; a database error when it could not be committed, and then
/// nothing has changed.
pub async fn request(backend: &Backend, actor: &Actor, id: Uuid, precondition: &Precondition) -> Result<Answer> {
    let mut tx = backend.begin().await?;
    db::allow_long_statements(&mut tx).await?;
    let project = db::project::lock(&mut tx, id).await?.ok_or_else(super::missing)?;
    if let Some(deletion_id) = project.deletion_id {
        tx.rollback().await?;
        return repeat(backend, actor, deletion_id, project.version, precondition).await;
    }
    precondition.check(&[project.version])?;
    let tasks = db::project::lock_tasks(&mut tx, id).await?;
    let deletion_id = Uuid::now_v7();
    let version = db::project::fence(&mut tx, id, deletion_id, project.now).await?;
    // Statements of their own, after the fence: they must see a claim that committed while we waited for its lock.
    db::execution::cancel_waiting_of_project(&mut tx, id, BEING_DELETED).await?;
    let in_flight = db::execution::list_in_flight_of_project(&mut tx, id).await?;
    // A project of ordinary size is handed over at once, and looks like it.
    let (accepted, handed_to) = request_next(backend, actor, &mut tx, (id, deletion_id), Uuid::nil(), AT_ONCE).await?;
    let new = NewProjectDeletion {
        id: deletion_id,
        project_id: id,
        project_name: &project.name,
        requested_by: &actor.name,
        request_id: actor.request_id.as_deref(),
        now: project.now,
        seen_version: project.version,
        tasks,
        in_flight: &in_flight,
        handed_to,
    };
    let record = db::project::insert_deletion(&mut tx, &new).await?;
    audit::record(&mut tx, actor, AuditAction::ProjectDeleted, Subject::within(id, id).named(&project.name)).await?;
    announce(&mut tx, EventKind::ProjectDeletionRequested, &record, Some(version)).await?;
    let deletion = show(&mut tx, record).await?;
    backend.commit(tx, "project").await?;
    accepted.count();
    backend.wake_scheduler();
    backend.ring();
    Ok(Answer { deletion, version })
}

/// It is being deleted already: the same record.
async fn repeat(
    backend: &Backend,
    actor: &Actor,
    deletion_id: Uuid,
    version: i64,
    precondition: &Precondition,
) -> Result<Answer> {
    let mut conn = backend.pool.acquire().await?;
    let record = db::project::get_deletion(&mut conn, deletion_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    precondition.check(&[version, record.seen_version])?;
    let mut retried = 0;
    if record.completed_at.is_none() {
        retried = retry_all_on(backend, actor, &mut conn, Some(record.project_id)).await?;
    }
    match show(&mut conn, record).await {
        Ok(deletion) => Ok(Answer { deletion, version }),
        Err(error) if retried > 0 => Err(error.after_a_commit()),
        Err(error) => Err(error),
    }
}

/// Works off what is due, a step of each deletion: hands over more of its tasks, or looks whether the last one is gone, and
/// then removes the project. Any node may, at any time, also twice at once. Answers whether there is more to do now.
///
/// # Errors
/// When the database cannot even say what is due, or that a step failed: the next pass takes it up.
pub async fn advance(backend: &Backend) -> Result<bool> {
    let due = {
        let mut conn = backend.pool.acquire().await?;
        db::project::due_deletions(&mut conn, PROJECTS_AT_ONCE).await?
    };
    let mut is_more = false;
    for id in due {
        match step(backend, id).await {
            Ok(step) => is_more |= step == Step::More,
            Err(error) => failed(backend, id, error).await?,
        }
    }
    Ok(is_more)
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There is more to do at once.
    More,
    /// Its tasks are still being torn down.
    Waits,
    /// The project is gone, or another node is at it.
    Done,
}

async fn step(backend: &Backend, id: Uuid) -> Result<Step> {
    let mut conn = backend.pool.acquire().await?;
    let mut tx = conn.begin().await?;
    let Some(record) = db::project::take_deletion(&mut tx, id).await? else { return Ok(Step::Done) };
    let now = db::now(&mut tx).await?;
    let mut accepted = Accepted::default();
    let is_handed_over = record.handed_over().at.is_some_and(|at| at > now - LOOK_AGAIN_AFTER);
    let (step, handed_over) = if is_handed_over {
        (remove(&mut tx, &record).await?, record.handed_over())
    } else {
        let to = hand_over(backend, &mut tx, &record, &mut accepted).await?;
        (Step::More, HandedOver { to, at: to.is_none().then_some(now) })
    };
    match step {
        Step::More => db::project::go_on(&mut tx, id, TimeDelta::zero(), handed_over).await?,
        Step::Waits => db::project::go_on(&mut tx, id, TICK, handed_over).await?,
        Step::Done => {}
    }
    faults::commit(tx, "project").await?;
    accepted.count();
    backend.ring();
    Ok(step)
}

/// Gives the next tasks a deletion of their own, and at last has those not wait that could be undone until now. Answers how
/// far it came; none when all are done.
async fn hand_over(
    backend: &Backend,
    tx: &mut PgConnection,
    record: &ProjectDeletionRow,
    accepted: &mut Accepted,
) -> Result<Option<Uuid>> {
    let actor = Actor { request_id: record.request_id.clone(), ..Actor::system(&record.requested_by) };
    let (ids, before) = ((record.project_id, record.id), record.handed_over().to);
    let (new, last) = request_next(backend, &actor, tx, ids, before.unwrap_or_default(), AT_ONCE).await?;
    *accepted = new;
    if last.is_some() {
        return Ok(last);
    }
    let hastened = db::project::hasten(tx, record.project_id, record.id, AT_ONCE).await?;
    let messages: Vec<_> = hastened.iter().map(db::deletion::DeletionRow::message).collect();
    backend.jobs.publish_again(tx, &messages).await?;
    // The greatest id stands for "all of them": only what waits is looked for again.
    Ok((!messages.is_empty()).then_some(Uuid::max()))
}

/// Once no task is left: removes what hangs on the project, a batch at a time, and at last the project.
async fn remove(tx: &mut PgConnection, record: &ProjectDeletionRow) -> Result<Step> {
    if db::project::has_tasks(tx, record.project_id).await? {
        return Ok(Step::Waits);
    }
    if db::project::remove_some(tx, record.project_id, AT_ONCE).await? >= AT_ONCE {
        return Ok(Step::More);
    }
    if db::project::remove(tx, record.project_id).await? {
        announce(tx, EventKind::ProjectDeleted, record, None).await?;
        tracing::info!(project = %record.project_id, deletion = %record.id, "project gone");
    }
    Ok(Step::Done)
}

/// A step failed, and nothing of it has happened: says why, and tries again later, for as long as it takes.
async fn failed(backend: &Backend, id: Uuid, error: Error) -> Result<()> {
    let message = match error {
        Error::Database(error) | Error::Unconfirmed(error) => error.to_string(),
        Error::Refused(refusal) => refusal.detail,
        Error::Broken(what) => what.to_owned(),
    };
    tracing::warn!(deletion = %id, message, "a step of the deletion of a project failed");
    let mut conn = backend.pool.acquire().await?;
    let Some(record) = db::project::get_deletion(&mut conn, id).await? else { return Ok(()) };
    let attempts = record.failed_attempts.saturating_add(1);
    let delay = backend.policies.retry.longest_delay(attempts);
    Ok(db::project::record_step_failure(&mut conn, id, attempts, &message, delay).await?)
}

async fn announce(
    conn: &mut PgConnection,
    kind: EventKind,
    record: &ProjectDeletionRow,
    version: Option<i64>,
) -> Result<()> {
    let payload = json!({ "project_deletion_id": record.id, "name": record.project_name, "version": version });
    Ok(db::outbox::insert(conn, kind, record.project_id, None, payload).await?)
}
