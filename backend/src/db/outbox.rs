//! The outbox of events: written with the change, read by `seq`.

use super::deletion::DeletionRow;
use super::text;
use crate::faults::point;
use domain::event::{Event, EventKind};
use sqlx::{FromRow, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(FromRow)]
pub(crate) struct EventRow {
    pub seq: i64,
    id: Uuid,
    kind: String,
    project_id: Uuid,
    task_uuid: Option<Uuid>,
    payload: serde_json::Value,
    created_at: chrono::DateTime<chrono::Utc>,
}

impl TryFrom<EventRow> for Event {
    type Error = sqlx::Error;
    fn try_from(row: EventRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.seq,
            id: row.id,
            kind: text("kind", &row.kind)?,
            project_id: row.project_id,
            task_uuid: row.task_uuid,
            payload: row.payload,
            created_at: row.created_at,
        })
    }
}

/// Writes one event.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    kind: EventKind,
    project_id: Uuid,
    task_uuid: Option<Uuid>,
    payload: serde_json::Value,
) -> Result<(), sqlx::Error> {
    point("outbox.insert")?;
    sqlx::query!(
        "INSERT INTO events (id, kind, project_id, task_uuid, payload) VALUES ($1, $2, $3, $4, $5)",
        Uuid::now_v7(),
        kind.as_str(),
        project_id,
        task_uuid,
        payload
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes the event of a deletion: ids, the name, the task's version, and nothing else.
pub(crate) async fn insert_of_deletion(
    conn: &mut PgConnection,
    kind: EventKind,
    record: &DeletionRow,
    version: Option<i64>,
) -> Result<(), sqlx::Error> {
    let payload = serde_json::json!({ "deletion_id": record.id, "name": record.task_name, "version": version });
    insert(conn, kind, record.project_id, Some(record.task_id), payload).await
}

/// Writes one event for each project whose executions have changed. It names the task where it is only one, else up to 20 of
/// them: whoever looks at executions reads again.
pub(crate) async fn insert_of_executions(
    conn: &mut PgConnection,
    kind: EventKind,
    tasks: impl Iterator<Item = (Uuid, Uuid)>,
) -> Result<(), sqlx::Error> {
    let mut projects = BTreeMap::<Uuid, BTreeSet<Uuid>>::new();
    for (project, task) in tasks {
        projects.entry(project).or_default().insert(task);
    }
    for (project, tasks) in projects {
        let only = (tasks.len() == 1).then(|| tasks.first().copied()).flatten();
        let named: Vec<Uuid> = tasks.into_iter().take(20).collect();
        insert(conn, kind, project, only, serde_json::json!({ "task_uuids": named })).await?;
    }
    Ok(())
}

/// The highest `seq` that is visible now, 0 in an empty outbox.
pub(crate) async fn newest_seq(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT coalesce(max(seq), 0) AS "seq!" FROM events"#).fetch_one(conn).await
}

/// The highest `seq` that is visible now, and which of the thousand below are not: they may still be committed. One
/// statement, so that nothing becomes visible in between.
pub(crate) async fn newest(conn: &mut PgConnection) -> Result<(i64, Vec<i64>), sqlx::Error> {
    let row = sqlx::query!(
        r#"WITH newest AS (SELECT coalesce(max(seq), 0) AS seq FROM events)
           SELECT seq AS "seq!", array(SELECT below FROM generate_series(greatest(seq - 1000, 1), seq - 1) AS below
                  WHERE NOT EXISTS (SELECT FROM events WHERE events.seq = below)) AS "missing!: Vec<i64>" FROM newest"#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.seq, row.missing))
}

/// Events above `after`, and those of `missing` that have become visible since; by `seq`.
pub(crate) async fn read(
    conn: &mut PgConnection,
    after: i64,
    missing: &[i64],
    limit: i64,
) -> Result<Vec<EventRow>, sqlx::Error> {
    point("outbox.read")?;
    sqlx::query_as!(
        EventRow,
        r#"SELECT seq AS "seq!", id AS "id!", kind AS "kind!", project_id AS "project_id!", task_uuid,
                  payload AS "payload!", created_at AS "created_at!"
           FROM (SELECT * FROM events WHERE seq = ANY($2)
                 UNION ALL
                 (SELECT * FROM events WHERE seq > $1 ORDER BY seq LIMIT $3)) AS visible
           ORDER BY seq"#,
        after,
        missing,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Events of one project above `after`, by `seq`: what a browser missed while it was away.
pub(crate) async fn read_project(
    conn: &mut PgConnection,
    project_id: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        "SELECT seq, id, kind, project_id, task_uuid, payload, created_at FROM events
         WHERE project_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        project_id,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Removes up to `limit` events that are older than `days`, oldest first; answers how many went.
pub(crate) async fn purge(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM events WHERE seq IN (SELECT seq FROM (SELECT seq, created_at FROM events ORDER BY seq LIMIT $2) AS oldest
         WHERE created_at < now() - make_interval(days => $1))",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
