//! Planning tasks anew when the tz database changes the rules of their zones: in batches, and recorded in `zone_data`.
//!
//! Invariant: only nodes with the newest release that any node of this database has used plan anything here. Otherwise a node
//! with old rules and one with new rules would move a task to and fro. Called by a loop of every node with the scheduler role.

use crate::db::zone::Planned;
use crate::{Backend, Error, Result, db, planning};
use chrono::{DateTime, TimeZone, Utc};
use domain::zone::{Release, Zone, current};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// Tasks that are looked at in one transaction.
const BATCH: i64 = 2_000;

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Every task is planned by the newest rules.
    Done,
    /// There may be more tasks to plan.
    More,
    /// Another node has used this newer release: this node plans nothing anew.
    Outdated(String),
}

/// Records the release of this node if it is new to the database, and plans the next tasks of the zones that it changed.
///
/// # Errors
/// A database error; the same tasks come next.
pub async fn step(backend: &Backend) -> Result<Step> {
    let (ours, name) = (current().release(), current().release().to_string());
    let mut tx = backend.begin().await?;
    let mut known = db::zone::known(&mut tx).await?;
    if !known.iter().any(|known| known.release == name) {
        db::zone::lock(&mut tx).await?;
        known = db::zone::known(&mut tx).await?;
    }
    let newest = known.iter().filter_map(|known| Release::parse(&known.release)).max();
    match &newest {
        Some(newest) if newest > ours => return Ok(Step::Outdated(newest.to_string())),
        Some(newest) if newest == ours => {}
        _ => {
            announce(&mut tx, &name, newest.map(|newest| newest.to_string())).await?;
            backend.commit(tx, "change").await?;
            return Ok(Step::More);
        }
    }
    if known.iter().any(|known| known.release == name && known.is_done) {
        return Ok(Step::Done);
    }
    let Some((zones, after)) = db::zone::lock_unfinished(&mut tx, &name).await? else { return Ok(Step::Done) };
    let page = db::zone::page(&mut tx, &zones, after, BATCH).await?;
    let (moved, stopped_at) = replan(&mut tx, &page.tasks, &page.groups).await?;
    let last = stopped_at.or(page.last);
    db::zone::replanned_up_to(&mut tx, &name, last, moved).await?;
    backend.commit(tx, "change").await?;
    if moved > 0 {
        tracing::info!(
            tasks = moved,
            release = name,
            "tasks are planned anew: the rules of their time zones have changed"
        );
        metrics::counter!("sexton_zone_replanned_total").increment(moved.unsigned_abs());
    }
    backend.wake_scheduler();
    Ok(if last.is_some() { Step::More } else { Step::Done })
}

/// Records a release that is newer than all others. Zones whose rules differ from those of the release before have changed;
/// without one before all have, because nobody knows by which rules tasks were planned.
async fn announce(conn: &mut PgConnection, name: &str, before: Option<String>) -> Result<()> {
    let before = match before {
        Some(before) => db::zone::rules_of(conn, &before).await?,
        None => None,
    };
    let digests = tokio::task::spawn_blocking(digests).await;
    let rules = digests.map_err(|_| Error::Broken("the rules of time zones could not be read"))?;
    let (known, unfinished) = before.unwrap_or((Value::Null, Vec::new()));
    let is_changed = |(zone, digest): &(&String, &Value)| known.get(zone) != Some(*digest);
    let changed = rules.iter().filter(is_changed).map(|(zone, _)| zone.clone());
    let changed: Vec<String> = changed.chain(unfinished).collect::<BTreeSet<_>>().into_iter().collect();
    tracing::info!(release = name, zones = changed.len(), "the tz database is new to this database");
    Ok(db::zone::insert(conn, name, &Value::Object(rules), &changed).await?)
}

/// A digest of the rules of each zone, over years in which every rule without an end shows.
fn digests() -> Map<String, Value> {
    let year = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single().unwrap_or_default();
    let (from, until) = (year(2026), year(2060));
    let digest = |zone: Zone| {
        let offsets = zone.offsets(from, until).map(|(at, offset)| format!("{} {offset}\n", at.timestamp()));
        let digest = Sha256::digest(offsets.collect::<String>());
        json!(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    current().all().map(|zone| (zone.name().to_owned(), digest(zone))).collect()
}

/// Plans these tasks as far as their next run moves. A group that somebody is changing has its tasks planned anew for that.
/// Returns how many moved, and the last task that was looked at if time was up before the end.
async fn replan(conn: &mut PgConnection, tasks: &[Uuid], groups: &[Uuid]) -> Result<(i64, Option<Uuid>)> {
    if tasks.is_empty() {
        return Ok((0, None));
    }
    let held: HashSet<(Uuid, i64)> = db::group::hold_versions(conn, groups).await?.into_iter().collect();
    let now = db::now(conn).await?;
    let tasks = db::zone::share_planned(conn, tasks).await?;
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let plan = move |task: &Planned| {
        let is_held = task.task_group_id.zip(task.group_version).is_none_or(|group| held.contains(&group));
        is_held.then(|| moved(task, now)).flatten()
    };
    let plans = planning::in_time(tasks, plan).await?;
    let stopped_at = (plans.len() < ids.len()).then(|| ids[plans.len() - 1]);
    let plans: Vec<_> = plans.into_iter().flatten().collect();
    db::group::plan_tasks(conn, &plans).await?;
    Ok((i64::try_from(plans.len()).unwrap_or(i64::MAX), stopped_at))
}

/// The next run of a task, if it is another one than planned. What is due already stays due.
fn moved(task: &Planned, now: DateTime<Utc>) -> Option<(Uuid, Option<DateTime<Utc>>)> {
    if task.next_run_at.is_some_and(|at| at <= now) {
        return None;
    }
    let documented = task.documented_cron.as_deref();
    let schedule = db::schedule::stored(&task.schedule_type, &task.schedule_config, documented).ok()?;
    let next = schedule.next_open_after(now, task.window.window().as_ref());
    (next != task.next_run_at).then_some((task.id, next))
}
