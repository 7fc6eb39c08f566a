//! Quotas: how much of each thing a project, a person or the instance may have, so that one of them cannot use up what all share.
//!
//! Invariants: only growth is refused; deleting, undoing, cancelling and signing in never are. What there is above a limit stays.
//! Triggers keep the counts, whichever version of the code writes; who creates sums them up, and close to a limit under a lock.

use crate::{Backend, Result, db};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use domain::error::{ProblemKind, Refusal};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// A project that has so much room does not lock its count: more than all nodes create at the same time.
const MARGIN: i64 = 1_000;

/// The limits; 0 is none.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Projects of the instance.
    pub projects: i64,
    /// Tasks of a project that are not being deleted.
    pub tasks: i64,
    /// Groups of a project.
    pub groups: i64,
    /// API keys of a project.
    pub api_keys: i64,
    /// Personal tokens of a person.
    pub personal_tokens: i64,
    /// Runs of a project a day (UTC), however often each is tried.
    pub executions_per_day: i64,
    /// Bytes that one run may log.
    pub log_bytes: i64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            projects: 1_000,
            tasks: 2_000_000,
            groups: 10_000,
            api_keys: 500,
            personal_tokens: 100,
            executions_per_day: 300_000_000,
            log_bytes: 16_777_216,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Projects of the instance.
    Projects,
    /// Tasks of a project.
    Tasks,
    /// Groups of a project.
    Groups,
    /// API keys of a project.
    ApiKeys,
    /// Personal tokens of a person.
    PersonalTokens,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Projects, Self::Tasks, Self::Groups, Self::ApiKeys, Self::PersonalTokens];

    /// Its name in the database and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Projects => "projects",
            Self::Tasks => "tasks",
            Self::Groups => "groups",
            Self::ApiKeys => "api_keys",
            Self::PersonalTokens => "personal_tokens",
        }
    }

    fn limit(self, quotas: &Quotas) -> i64 {
        match self {
            Self::Projects => quotas.projects,
            Self::Tasks => quotas.tasks,
            Self::Groups => quotas.groups,
            Self::ApiKeys => quotas.api_keys,
            Self::PersonalTokens => quotas.personal_tokens,
        }
    }

    fn refusal(self, limit: i64) -> Refusal {
        let (what, setting) = match self {
            Self::Projects => ("projects of this instance", "SEXTON_QUOTA_PROJECTS"),
            Self::Tasks => ("tasks of a project", "SEXTON_QUOTA_TASKS"),
            Self::Groups => ("task groups of a project", "SEXTON_QUOTA_GROUPS"),
            Self::ApiKeys => ("API keys of a project", "SEXTON_QUOTA_API_KEYS"),
            Self::PersonalTokens => ("personal tokens of a person", "SEXTON_QUOTA_PERSONAL_TOKENS"),
        };
        let detail = format!(
            "The quota of {what} is used up: there may be {limit}. Delete some, or ask the operator to raise {setting}."
        );
        Refusal::new(ProblemKind::QuotaExceeded, detail)
    }
}

/// Refuses when one more would exceed the quota. Comes before the insert, in its transaction: close to the limit creations wait
/// for each other, so that the limit is exact.
pub(crate) async fn make_room(conn: &mut PgConnection, backend: &Backend, kind: Kind, subject: Uuid) -> Result<()> {
    let limit = kind.limit(&backend.policies.quotas);
    if limit == 0 || db::quota::used(conn, kind.as_str(), subject).await? + MARGIN <= limit {
        return Ok(());
    }
    db::quota::lock(conn, kind.as_str(), subject).await?;
    if db::quota::used(conn, kind.as_str(), subject).await? < limit {
        return Ok(());
    }
    metrics::counter!("sexton_quota_refusals_total", "quota" => kind.as_str()).increment(1);
    Err(kind.refusal(limit).into())
}

/// How many runs each of these projects may still start today; projects without a limit are left out.
pub(crate) async fn runs_left(
    conn: &mut PgConnection,
    backend: &Backend,
    projects: &[Uuid],
) -> Result<HashMap<Uuid, i64>, sqlx::Error> {
    let limit = backend.policies.quotas.executions_per_day;
    if limit == 0 || projects.is_empty() {
        return Ok(HashMap::new());
    }
    let used: HashMap<Uuid, i64> = db::quota::runs_today(conn, projects).await?.into_iter().collect();
    Ok(projects.iter().map(|id| (*id, limit - used.get(id).copied().unwrap_or(0))).collect())
}

/// Refuses a run by hand when its project has used up the day.
pub(crate) async fn allow_run(conn: &mut PgConnection, backend: &Backend, project_id: Uuid) -> Result<()> {
    let left = runs_left(conn, backend, &[project_id]).await?;
    if left.get(&project_id).is_none_or(|left| *left > 0) {
        return Ok(());
    }
    metrics::counter!("sexton_quota_refusals_total", "quota" => "executions_per_day").increment(1);
    let now = db::now(conn).await?;
    let refusal = Refusal::new(ProblemKind::TooManyRequests, used_up(backend.policies.quotas.executions_per_day));
    Err(Refusal { retry_after_seconds: Some(until_midnight(now)), ..refusal }.into())
}

/// Why a run is skipped or refused.
pub(crate) fn used_up(limit: i64) -> String {
    format!(
        "{OVER_QUOTA} a project may run {limit} times a day (UTC). Wait until tomorrow, or ask the operator to raise \
         SEXTON_QUOTA_EXECUTIONS_PER_DAY."
    )
}

/// How the reason of a run begins that was skipped because of the quota.
pub(crate) const OVER_QUOTA: &str = "The quota of runs is used up:";

fn until_midnight(now: DateTime<Utc>) -> u32 {
    let next = (now + TimeDelta::days(1)).date_naive().and_time(NaiveTime::MIN).and_utc();
    u32::try_from((next - now).num_seconds().max(1)).unwrap_or(1)
}

/// Sets the gauges of quotas: of each the limit, and how much the one who uses most of it uses.
///
/// # Errors
/// A database error; the gauges keep their values then.
pub async fn measure(backend: &Backend) -> Result<()> {
    let quotas = &backend.policies.quotas;
    let mut conn = backend.pool.acquire().await?;
    let most: HashMap<String, i64> = db::quota::most(&mut conn).await?.into_iter().collect();
    let limits = Kind::ALL.map(|kind| (kind.as_str(), kind.limit(quotas)));
    for (name, limit) in limits.into_iter().chain([("executions_per_day", quotas.executions_per_day)]) {
        metrics::gauge!("sexton_quota_limit", "quota" => name).set(limit as f64);
        metrics::gauge!("sexton_quota_used", "quota" => name).set(most.get(name).copied().unwrap_or(0) as f64);
    }
    metrics::gauge!("sexton_quota_limit", "quota" => "log_bytes").set(quotas.log_bytes as f64);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::until_midnight;

    #[test]
    fn a_day_of_runs_ends_at_midnight() {
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(until_midnight(at("2026-11-30T23:59:00Z")), 60);
        assert_eq!(until_midnight(at("2026-11-30T00:00:00Z")), 86_400);
        assert_eq!(until_midnight(at("2026-12-31T23:59:59.9Z")), 1);
    }
}
