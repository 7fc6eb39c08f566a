//! Statements on `alert_deliveries`: what is to be sent, and what became of it.

use crate::db::text;
use chrono::{DateTime, TimeDelta, Utc};
use domain::alert::{AlertChannel, AlertKind, DeliveryState};
use sqlx::PgConnection;
use uuid::Uuid;

/// A message that a node may send until its lease ends.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub id: Uuid,
    pub attempts: i32,
    pub channel: AlertChannel,
    pub target: String,
    pub alert_id: Uuid,
    pub kind: AlertKind,
    pub message: String,
    pub task_id: Uuid,
    pub task_name: String,
    pub subject_id: Uuid,
    pub at: DateTime<Utc>,
    pub project_id: Uuid,
    pub project: String,
    /// The present signing secret of the project, and the one before it while it is being replaced.
    pub secrets: [Option<String>; 2],
    /// The time on the database's clock.
    pub now: DateTime<Utc>,
}

struct DeliveryRow {
    id: Uuid,
    attempts: i32,
    channel: String,
    target: String,
    alert_id: Uuid,
    kind: String,
    message: String,
    task_id: Uuid,
    task_name: String,
    subject_id: Uuid,
    at: DateTime<Utc>,
    project_id: Uuid,
    project: String,
    signing_secret: String,
    previous_signing_secret: Option<String>,
    now: DateTime<Utc>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = sqlx::Error;
    fn try_from(row: DeliveryRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            attempts: row.attempts,
            channel: text("channel", &row.channel)?,
            target: row.target,
            alert_id: row.alert_id,
            kind: text("kind", &row.kind)?,
            message: row.message,
            task_id: row.task_id,
            task_name: row.task_name,
            subject_id: row.subject_id,
            at: row.at,
            project_id: row.project_id,
            project: row.project,
            secrets: [Some(row.signing_secret), row.previous_signing_secret],
            now: row.now,
        })
    }
}

/// Takes up to `limit` messages that are due; until `lease` has passed the others leave them alone. What somebody else
/// holds is skipped.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    limit: i64,
    lease: TimeDelta,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let rows = sqlx::query_as!(
        DeliveryRow,
        r#"WITH due AS (SELECT id FROM alert_deliveries WHERE state = 'PENDING' AND next_try_at <= now()
                        ORDER BY next_try_at LIMIT $1 FOR UPDATE SKIP LOCKED)
           UPDATE alert_deliveries d SET attempts = d.attempts + 1, next_try_at = clock_timestamp() + make_interval(secs => $2)
           FROM due, alerts a, projects p
           WHERE d.id = due.id AND a.id = d.alert_id AND p.id = a.project_id
           RETURNING d.id, d.attempts, d.channel, d.target, a.id AS alert_id, a.kind, a.message, a.task_id, a.task_name,
                     a.subject_id, a.created_at AS at, p.id AS project_id, p.name AS project, p.signing_secret,
                     p.previous_signing_secret, clock_timestamp() AS "now!""#,
        limit,
        lease.as_seconds_f64()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Writes what became of an attempt, unless another node has begun the next one. PENDING: it is due again after `delay`.
pub(crate) async fn end_attempt(
    conn: &mut PgConnection,
    delivery: &Delivery,
    state: DeliveryState,
    error: Option<&str>,
    delay: TimeDelta,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE alert_deliveries SET state = $3, error = $4, next_try_at = clock_timestamp() + make_interval(secs => $5),
                sent_at = CASE WHEN $3 = 'SENT' THEN clock_timestamp() END
         WHERE id = $1 AND attempts = $2 AND state = 'PENDING'",
        delivery.id,
        delivery.attempts,
        state.as_str(),
        error,
        delay.as_seconds_f64()
    )
    .execute(conn)
    .await?;
    Ok(())
}
