//! Statements on `alert_settings` and `alerts` as they are shown.

mod delivery;
mod tell;

pub(crate) use delivery::*;
pub(crate) use tell::*;

use super::text;
use chrono::{DateTime, Utc};
use domain::alert::{Alert, AlertDelivery, AlertKind, AlertSettings, AlertSettingsDraft, AlertState};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

struct SettingsRow {
    project_id: Uuid,
    emails: Vec<String>,
    webhook_url: Option<String>,
    kinds: Vec<String>,
    throttle_seconds: i32,
    version: i64,
    updated_at: DateTime<Utc>,
}

impl TryFrom<SettingsRow> for AlertSettings {
    type Error = sqlx::Error;
    fn try_from(row: SettingsRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            project_id: row.project_id,
            emails: row.emails,
            webhook_url: row.webhook_url,
            kinds: kinds(&row.kinds)?,
            throttle_seconds: row.throttle_seconds,
            version: row.version,
            updated_at: Some(row.updated_at),
        })
    }
}

fn kinds(texts: &[String]) -> Result<Vec<AlertKind>, sqlx::Error> {
    texts.iter().map(|kind| text("kinds", kind)).collect()
}

/// The settings of a project that has some.
pub(crate) async fn settings(conn: &mut PgConnection, project_id: Uuid) -> Result<Option<AlertSettings>, sqlx::Error> {
    let row = sqlx::query_as!(
        SettingsRow,
        "SELECT project_id, emails, webhook_url, kinds, throttle_seconds, version, updated_at
         FROM alert_settings WHERE project_id = $1",
        project_id
    )
    .fetch_optional(conn)
    .await?;
    row.map(AlertSettings::try_from).transpose()
}

/// Replaces settings that still have `version` (0: there are none); none when they have not.
pub(crate) async fn change_settings(
    conn: &mut PgConnection,
    project_id: Uuid,
    version: i64,
    draft: &AlertSettingsDraft,
) -> Result<Option<AlertSettings>, sqlx::Error> {
    let kinds: Vec<String> = draft.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let row = sqlx::query_as!(
        SettingsRow,
        "INSERT INTO alert_settings AS s (project_id, emails, webhook_url, kinds, throttle_seconds) VALUES ($1, $3, $4, $5, $6)
         ON CONFLICT (project_id) DO UPDATE SET emails = $3, webhook_url = $4, kinds = $5, throttle_seconds = $6,
                version = s.version + 1, updated_at = now()
         WHERE s.version = $2
         RETURNING project_id, emails, webhook_url, kinds, throttle_seconds, version, updated_at",
        project_id,
        version,
        &draft.emails,
        draft.webhook_url,
        &kinds,
        draft.throttle_seconds
    )
    .fetch_optional(conn)
    .await?;
    row.map(AlertSettings::try_from).transpose()
}

/// Alerts of a project by id descending (newest first), below `before`, each with its deliveries.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Alert>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AlertRow,
        "SELECT id, project_id, task_id, task_name, kind, subject_id, message, created_at FROM alerts
         WHERE project_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT $3",
        project_id,
        before,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut deliveries = deliveries_of(conn, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let deliveries = deliveries.remove(&row.id).unwrap_or_default();
            row.show(deliveries)
        })
        .collect()
}

struct AlertRow {
    id: Uuid,
    project_id: Uuid,
    task_id: Uuid,
    task_name: String,
    kind: String,
    subject_id: Uuid,
    message: String,
    created_at: DateTime<Utc>,
}

impl AlertRow {
    fn show(self, deliveries: Vec<AlertDelivery>) -> Result<Alert, sqlx::Error> {
        let kind = text("kind", &self.kind)?;
        let is_deletion = kind == AlertKind::DeleteFailed;
        Ok(Alert {
            id: self.id,
            project_id: self.project_id,
            task_uuid: self.task_id,
            task_name: self.task_name,
            kind,
            message: self.message,
            execution_id: (!is_deletion).then_some(self.subject_id),
            deletion_id: is_deletion.then_some(self.subject_id),
            state: AlertState::of(&deliveries),
            created_at: self.created_at,
            deliveries,
        })
    }
}

async fn deliveries_of(
    conn: &mut PgConnection,
    alert_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<AlertDelivery>>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, alert_id, channel, target, state, attempts, sent_at, error FROM alert_deliveries
         WHERE alert_id = ANY($1) ORDER BY alert_id, channel, target",
        alert_ids
    )
    .fetch_all(conn)
    .await?;
    let mut found = HashMap::<Uuid, Vec<AlertDelivery>>::new();
    for row in rows {
        let delivery = AlertDelivery {
            id: row.id,
            channel: text("channel", &row.channel)?,
            target: row.target,
            state: text("state", &row.state)?,
            attempts: row.attempts,
            sent_at: row.sent_at,
            error: row.error,
        };
        found.entry(row.alert_id).or_default().push(delivery);
    }
    Ok(found)
}

/// Removes up to `limit` alerts that are older than `days`, oldest first, with their deliveries; answers how many went.
pub(crate) async fn purge(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM alerts WHERE id IN (SELECT id FROM (SELECT id, created_at FROM alerts ORDER BY id LIMIT $2) AS oldest
         WHERE created_at < now() - make_interval(days => $1))",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
