//! Recording what is to be told, in the transaction of its cause. A project that wants to know nothing costs one look into
//! its settings.

use crate::db::alert::{NewAlert, Wish};
use crate::db::deletion::DeletionRow;
use crate::db::execution::{Changed, NewExecution};
use crate::{Result, db};
use chrono::{DateTime, TimeDelta, Utc};
use domain::alert::AlertKind;
use domain::alert::rules::{self, MOST_TOLD, Trouble, Verdict};
use domain::deletion::LastError;
use domain::execution::ExecutionStatus;
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What projects want to know, and how much more of one kind each may be told.
struct Desk {
    kind: AlertKind,
    wishes: HashMap<Uuid, Wish>,
    told: HashMap<Uuid, i64>,
}

impl Desk {
    /// The wishes of these projects.
    async fn open(
        conn: &mut PgConnection,
        kind: AlertKind,
        projects: impl Iterator<Item = Uuid>,
    ) -> Result<Self, sqlx::Error> {
        let mut ids: Vec<Uuid> = projects.collect();
        ids.sort_unstable();
        ids.dedup();
        let wishes = db::alert::wishes(conn, &ids).await?;
        Ok(Self {
            kind,
            wishes: wishes.into_iter().map(|wish| (wish.project_id, wish)).collect(),
            told: HashMap::new(),
        })
    }

    /// The wish of a project that wants to know this kind.
    fn wants(&self, project: Uuid, kind: AlertKind) -> Option<&Wish> {
        self.wishes.get(&project).filter(|wish| wish.kinds.contains(&kind))
    }

    /// Reads what these projects were told lately.
    async fn count(&mut self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        let within = |wish: &Wish| (wish.project_id, wish.throttle.max(TimeDelta::minutes(1)));
        let projects: Vec<_> = self.wishes.values().map(within).collect();
        self.told = db::alert::told_lately(conn, self.kind, &projects, MOST_TOLD).await?.into_iter().collect();
        Ok(())
    }

    fn has_room(&self, project: Uuid) -> bool {
        self.told.get(&project).is_none_or(|told| *told < MOST_TOLD)
    }

    fn tell(&mut self, project: Uuid) {
        *self.told.entry(project).or_default() += 1;
    }
}

/// What is told about one execution, before its words are known.
struct Report {
    project_id: Uuid,
    task_id: Uuid,
    execution_id: Uuid,
    kind: AlertKind,
    is_throttled: bool,
    trouble: Trouble,
}

/// Tells of executions that failed, and of the first that succeeds again.
pub(crate) async fn tell_ends(conn: &mut PgConnection, changed: &[Changed]) -> Result<()> {
    let is_end = |end: &&Changed| matches!(end.status, ExecutionStatus::Success | ExecutionStatus::Failed);
    let mut ends: Vec<&Changed> = changed.iter().filter(is_end).collect();
    if ends.is_empty() {
        return Ok(());
    }
    let mut desk = Desk::open(conn, AlertKind::Failure, ends.iter().map(|end| end.project_id)).await?;
    ends.retain(|end| desk.wishes.contains_key(&end.project_id));
    if ends.is_empty() {
        return Ok(());
    }
    ends.sort_unstable_by_key(|end| (end.finished_at, end.id));
    let failed = ends.iter().filter(|end| end.status == ExecutionStatus::Failed);
    let failed: BTreeMap<Uuid, Uuid> = failed.map(|end| (end.task_id, end.project_id)).collect();
    if !failed.is_empty() {
        db::alert::begin_troubles(conn, &failed.into_iter().collect::<Vec<_>>()).await?;
        desk.count(conn).await?;
    }
    let tasks: Vec<Uuid> = ends.iter().map(|end| end.task_id).collect();
    let before: BTreeMap<Uuid, Trouble> = db::alert::lock_troubles(conn, &tasks).await?.into_iter().collect();
    let mut after = before.clone();
    let reports: Vec<Report> = ends.iter().filter_map(|end| report(&mut desk, &mut after, end)).collect();
    let is_changed = |(task, trouble): &(Uuid, Trouble)| before.get(task) != Some(trouble);
    let troubles: Vec<_> = after.into_iter().filter(is_changed).collect();
    if !troubles.is_empty() {
        db::alert::write_troubles(conn, &troubles).await?;
    }
    record(conn, reports).await
}

fn report(desk: &mut Desk, troubles: &mut BTreeMap<Uuid, Trouble>, end: &Changed) -> Option<Report> {
    let (trouble, at) = (troubles.get_mut(&end.task_id)?, end.finished_at?);
    let before = *trouble;
    let (kind, verdict) = if end.status == ExecutionStatus::Failed {
        let throttle = desk.wishes.get(&end.project_id)?.throttle;
        (AlertKind::Failure, trouble.fail(at, throttle, desk.has_room(end.project_id)))
    } else {
        (AlertKind::Recovery, trouble.succeed()?)
    };
    desk.wants(end.project_id, kind)?;
    if kind == AlertKind::Failure && verdict == Verdict::Tell {
        desk.tell(end.project_id);
    }
    (verdict != Verdict::Count).then(|| Report {
        project_id: end.project_id,
        task_id: end.task_id,
        execution_id: end.id,
        kind,
        is_throttled: verdict == Verdict::Throttle,
        trouble: if kind == AlertKind::Failure { *trouble } else { before },
    })
}

async fn record(conn: &mut PgConnection, reports: Vec<Report>) -> Result<()> {
    if reports.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = reports.iter().map(|report| report.execution_id).collect();
    let reasons = db::alert::reasons(conn, &ids).await?;
    let reasons: HashMap<Uuid, _> = reasons.into_iter().map(|(id, name, error)| (id, (name, error))).collect();
    let alert = |report: Report| {
        let (name, error) = reasons.get(&report.execution_id)?;
        let message = match report.kind {
            AlertKind::Recovery => rules::recovery(name, &report.trouble),
            _ => rules::failure(name, &report.trouble, error.as_deref()),
        };
        Some(NewAlert {
            project_id: report.project_id,
            task_id: report.task_id,
            task_name: name.clone(),
            kind: report.kind,
            subject_id: report.execution_id,
            cause: format!("{}:{}", report.kind, report.execution_id),
            message,
            is_throttled: report.is_throttled,
        })
    };
    let alerts: Vec<NewAlert> = reports.into_iter().filter_map(alert).collect();
    Ok(db::alert::record(conn, &alerts).await?)
}

/// Tells of runs that were not started when they were due: recorded by a claim, each with how many it missed.
pub(crate) async fn tell_missed(
    conn: &mut PgConnection,
    missed: &[(&NewExecution, i32)],
    now: DateTime<Utc>,
) -> Result<()> {
    let kind = AlertKind::Missed;
    let mut desk = match missed {
        [] => return Ok(()),
        missed => Desk::open(conn, kind, missed.iter().map(|(new, _)| new.project_id)).await?,
    };
    let missed: Vec<_> = missed.iter().filter(|(new, _)| desk.wants(new.project_id, kind).is_some()).collect();
    if missed.is_empty() {
        return Ok(());
    }
    desk.count(conn).await?;
    let tasks: Vec<Uuid> = missed.iter().map(|(new, _)| new.task_id).collect();
    let last: HashMap<Uuid, DateTime<Utc>> = db::alert::last_told(conn, kind, &tasks).await?.into_iter().collect();
    let ids: Vec<Uuid> = missed.iter().map(|(new, _)| new.id).collect();
    let reasons = db::alert::reasons(conn, &ids).await?;
    let names: HashMap<Uuid, String> = reasons.into_iter().map(|(id, name, _)| (id, name)).collect();
    let mut alerts = Vec::new();
    for (new, count) in missed {
        let (Some(wish), Some(name)) = (desk.wants(new.project_id, kind), names.get(&new.id)) else { continue };
        let is_soon = last.get(&new.task_id).is_some_and(|told_at| now - *told_at < wish.throttle);
        let is_throttled = is_soon || !desk.has_room(new.project_id);
        if !is_throttled {
            desk.tell(new.project_id);
        }
        alerts.push(of_missed(new, *count, name, is_throttled));
    }
    Ok(db::alert::record(conn, &alerts).await?)
}

fn of_missed(new: &NewExecution, count: i32, name: &str, is_throttled: bool) -> NewAlert {
    let (kind, is_run) = (AlertKind::Missed, new.missed == count);
    NewAlert {
        project_id: new.project_id,
        task_id: new.task_id,
        task_name: name.to_owned(),
        kind,
        subject_id: new.id,
        cause: format!("{kind}:{}", new.id),
        message: rules::missed(name, count, new.scheduled_at, is_run),
        is_throttled,
    }
}

/// Records that projects have used up their runs of a day: `over` has one skipped run of each. Told once a project and day, as
/// missed runs are.
pub(crate) async fn tell_over_quota(conn: &mut PgConnection, over: &[&NewExecution], now: DateTime<Utc>) -> Result<()> {
    let kind = AlertKind::Missed;
    let desk = Desk::open(conn, kind, over.iter().map(|new| new.project_id)).await?;
    let ids: Vec<Uuid> = over.iter().map(|new| new.id).collect();
    let reasons = db::alert::reasons(conn, &ids).await?;
    let names: HashMap<Uuid, String> = reasons.into_iter().map(|(id, name, _)| (id, name)).collect();
    let alert = |new: &&NewExecution| {
        desk.wants(new.project_id, kind)?;
        let (task_name, reason) = (names.get(&new.id)?.clone(), new.error.clone()?);
        Some(NewAlert {
            project_id: new.project_id,
            task_id: new.task_id,
            message: format!("Runs are skipped for the rest of the day, \"{task_name}\" first. {reason}"),
            task_name,
            kind,
            subject_id: new.id,
            cause: format!("{kind}:quota:{}:{}", new.project_id, now.date_naive()),
            is_throttled: false,
        })
    };
    let alerts: Vec<NewAlert> = over.iter().filter_map(alert).collect();
    Ok(db::alert::record(conn, &alerts).await?)
}

/// Tells of a deletion that was given up; it may be given up again, after another cycle of attempts.
pub(crate) async fn tell_given_up(conn: &mut PgConnection, record: &DeletionRow, error: &LastError) -> Result<()> {
    let kind = AlertKind::DeleteFailed;
    let mut desk = Desk::open(conn, kind, std::iter::once(record.project_id)).await?;
    if desk.wants(record.project_id, kind).is_none() {
        return Ok(());
    }
    desk.count(conn).await?;
    let cycle = db::alert::count_given_up(conn, record.id).await?;
    let alert = NewAlert {
        project_id: record.project_id,
        task_id: record.task_id,
        task_name: record.task_name.clone(),
        kind,
        subject_id: record.id,
        cause: format!("{kind}:{}:{cycle}", record.id),
        message: rules::delete_failed(&record.task_name, error),
        is_throttled: !desk.has_room(record.project_id),
    };
    Ok(db::alert::record(conn, &[alert]).await?)
}
