//! Refused sign-ins, lockouts and refused permissions: each is counted, and logged and audited at most once a minute for
//! one caller and address, with how many there were.
//!
//! Invariant: whoever is refused cannot fill the audit or the memory. A node remembers [`MOST_KEYS`] callers of the last
//! minute; what comes beside them is written down together. Counts that are still open are written by [`flush`].

use crate::audit::Subject;
use crate::{Actor, Backend, db};
use domain::audit::AuditAction;
use domain::error::ProblemKind;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Refusals of one caller within this time are one row.
const TOGETHER: Duration = Duration::from_secs(60);
/// Callers of the last minute that are told apart.
const MOST_KEYS: usize = 200;

/// What the refusals of one row have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    action: AuditAction,
    project_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    subject_id: Option<Uuid>,
    address: Option<String>,
}

/// A row that is open for a minute.
struct Open {
    since: Instant,
    /// Refusals that no row says yet.
    unwritten: u32,
    actor: Actor,
    detail: String,
}

/// The refusals of the last minute, on this node.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<Key, Open>>);

/// A row to write.
struct Row {
    key: Key,
    actor: Actor,
    detail: String,
    count: u32,
}

impl Refusals {
    /// Counts a refusal; returns the row to write now, if one is due.
    fn count(&self, key: Key, actor: &Actor, detail: &str, now: Instant) -> Option<Row> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, actor, detail) = if open.len() < MOST_KEYS || open.contains_key(&key) {
            (key, actor.clone(), detail.to_owned())
        } else {
            let key = Key { project_id: None, actor_id: None, subject_id: None, address: None, ..key };
            (key, Actor::system("many callers"), "from many callers or addresses".to_owned())
        };
        let count = match open.get_mut(&key) {
            Some(known) if now.duration_since(known.since) < TOGETHER => {
                known.unwritten += 1;
                return None;
            }
            Some(known) => known.unwritten + 1,
            None => 1,
        };
        let fresh = Open { since: now, unwritten: 0, actor: actor.clone(), detail: detail.clone() };
        open.insert(key.clone(), fresh);
        Some(Row { key, actor, detail, count })
    }

    /// Closes the rows whose minute is over, or all of them; returns those that say something new.
    fn close(&self, now: Instant, all: bool) -> Vec<Row> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = open.extract_if(|_, known| all || now.duration_since(known.since) >= TOGETHER);
        let row = |(key, known): (Key, Open)| {
            let Open { unwritten: count, actor, detail, .. } = known;
            (count > 0).then_some(Row { key, actor, detail, count })
        };
        over.filter_map(row).collect()
    }
}

/// Records that somebody was refused. It never fails: the refusal stands anyhow.
pub(crate) async fn note(backend: &Backend, actor: &Actor, action: AuditAction, subject: Subject<'_>) {
    metrics::counter!("sexton_refusals_total", "action" => action.as_str()).increment(1);
    let key = Key {
        action,
        project_id: subject.project_id,
        actor_id: actor.id,
        subject_id: subject.id,
        address: actor.address.clone(),
    };
    let row = backend.refusals.count(key, actor, subject.detail.unwrap_or_default(), Instant::now());
    if let Some(row) = row {
        write(backend, row).await;
    }
}

/// Records a refused permission, if `result` is one, and passes it on. Called where a route or page finds out who may.
///
/// # Errors
/// Those of `result`.
pub async fn noted<T>(
    backend: &Backend,
    actor: &Actor,
    project_id: Option<Uuid>,
    result: crate::Result<T>,
) -> crate::Result<T> {
    if let Err(crate::Error::Refused(refusal)) = &result
        && refusal.kind == ProblemKind::Forbidden
    {
        let subject = Subject { project_id, id: None, detail: Some(&refusal.detail) };
        note(backend, actor, AuditAction::PermissionRefused, subject).await;
    }
    result
}

/// Writes the counts whose minute is over; with `all`, every open one. Called every few seconds, and before a node stops.
pub async fn flush(backend: &Backend, all: bool) {
    for row in backend.refusals.close(Instant::now(), all) {
        write(backend, row).await;
    }
}

async fn write(backend: &Backend, Row { key, actor, detail, count }: Row) {
    let times = if count == 1 { String::new() } else { format!(" ({count} times)") };
    let detail = format!("{detail}{times}");
    let (action, address) = (key.action.as_str(), actor.address.as_deref().unwrap_or("unknown"));
    tracing::warn!(action, actor = %actor.name, address, detail, count, "refused");
    let subject = Subject { project_id: key.project_id, id: key.subject_id, detail: Some(&detail) };
    let written = async {
        let mut conn = backend.pool.acquire().await?;
        db::audit::insert(&mut conn, &actor, key.action, &subject).await
    };
    if let Err(error) = written.await {
        tracing::warn!(%error, "a refusal could not be written into the audit");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        let address = Some(format!("192.0.2.{n}"));
        Key { action: AuditAction::SignInRefused, project_id: None, actor_id: None, subject_id: None, address }
    }

    #[test]
    fn the_first_refusal_is_written_at_once_and_those_of_its_minute_together() {
        let (refusals, actor, start) = (Refusals::default(), Actor::system("test"), Instant::now());
        let count = |seconds| {
            let at = start + Duration::from_secs(seconds);
            refusals.count(key(1), &actor, "", at).map(|row| row.count)
        };
        let counts: Vec<_> = [0, 0, 1, 59, 60, 61].into_iter().map(count).collect();
        assert_eq!(counts, [Some(1), None, None, None, Some(4), None]);
        let closed = |seconds, all| {
            let rows = refusals.close(start + Duration::from_secs(seconds), all);
            rows.into_iter().map(|row| row.count).collect::<Vec<_>>()
        };
        assert_eq!(closed(100, false), Vec::<u32>::new());
        assert_eq!(closed(120, false), [1]);
        assert_eq!(closed(120, true), Vec::<u32>::new(), "nothing is written twice");
    }

    #[test]
    fn refusals_from_everywhere_are_few_rows() {
        let (refusals, actor, start) = (Refusals::default(), Actor::system("test"), Instant::now());
        let rows = (0..100_000).filter(|n| refusals.count(key(*n), &actor, "", start).is_some()).count();
        assert_eq!(rows, MOST_KEYS + 1);
        let left: u32 = refusals.close(start, true).iter().map(|row| row.count).sum();
        assert_eq!(left as usize + rows, 100_000, "and every one is counted");
    }
}
