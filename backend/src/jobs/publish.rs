//! Publishing: statements that put job rows in and take them out, each inside the caller's transaction.
//!
//! Invariant: at most one row a deletion, by the unique index over queue and idempotency key (the deletion's id).

use super::queue::{ApalisQueue, into_sqlx};
use super::{DeleteJobPublisher, rows};
use crate::faults::point;
use apalis::prelude::TaskBuilder;
use apalis_postgres::queries::push_tasks;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::deletion::{DeadLetter, DeleteTaskMessage};
use sqlx::PgConnection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Attempts are counted in the deletion record: the queue's own count must never run out.
const ENDLESS: i32 = i32::MAX;

#[async_trait]
impl DeleteJobPublisher for ApalisQueue {
    async fn publish_many(
        &self,
        conn: &mut PgConnection,
        messages: &[DeleteTaskMessage],
        run_at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        point("job.publish")?;
        let run_at = whole_seconds(run_at, Utc::now());
        let job = |message: &DeleteTaskMessage| {
            let job = TaskBuilder::new(payload(message)?)
                .idempotency_key(message.deletion_id.to_string())
                .max_attempts(ENDLESS as usize)
                .run_at_timestamp(run_at);
            Ok(job.build())
        };
        let jobs = messages.iter().map(job).collect::<Result<_, sqlx::Error>>()?;
        push_tasks(conn, &self.settings.queue, jobs).await.map_err(into_sqlx)
    }

    async fn publish_again(&self, conn: &mut PgConnection, messages: &[DeleteTaskMessage]) -> Result<u64, sqlx::Error> {
        point("job.publish_again")?;
        // Sorted and unique: an upsert may touch a row only once, and two of them insert in the same order.
        let by_key: BTreeMap<String, &DeleteTaskMessage> =
            messages.iter().map(|message| (message.deletion_id.to_string(), message)).collect();
        let payloads = by_key.values().map(|message| payload(message)).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<String> = by_key.into_keys().collect();
        if keys.is_empty() {
            return Ok(0);
        }
        // apalis' ack locks its rows by id: the same order here first, or the two could deadlock.
        let lock =
            "SELECT id FROM apalis.jobs WHERE job_type = $1 AND idempotency_key = ANY($2) ORDER BY id FOR UPDATE";
        sqlx::query(lock).bind(&self.settings.queue).bind(&keys).execute(&mut *conn).await?;
        let written = sqlx::query(UPSERT)
            .bind(&self.settings.queue)
            .bind(&keys)
            .bind(&payloads)
            .bind(ENDLESS)
            .execute(conn)
            .await?;
        Ok(written.rows_affected())
    }

    async fn forget(&self, conn: &mut PgConnection, deletion_ids: &[Uuid]) -> Result<(), sqlx::Error> {
        point("job.forget")?;
        let keys: Vec<String> = deletion_ids.iter().map(Uuid::to_string).collect();
        let delete = "DELETE FROM apalis.jobs WHERE id IN (SELECT id FROM apalis.jobs \
                      WHERE job_type = $1 AND idempotency_key = ANY($2) FOR UPDATE SKIP LOCKED)";
        sqlx::query(delete).bind(&self.settings.queue).bind(&keys).execute(conn).await?;
        Ok(())
    }

    async fn dead_letters(&self, conn: &mut PgConnection, limit: i64) -> Result<Vec<DeadLetter>, sqlx::Error> {
        rows::dead_letters(conn, &self.settings.queue, limit).await
    }

    fn ring(&self) {
        self.doorbell.ring();
    }
}

/// A row that is already pending and due is left alone. Any other is taken from whoever holds it: without `lock_by` that
/// worker's ack no longer matches, and with another number of attempts its postponement does not.
const UPSERT: &str = "\
INSERT INTO apalis.jobs AS job (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key)
SELECT apalis.generate_ulid(), $1, payload, 'Pending', 0, $4, now(), 0, key
  FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS wanted (key, payload, place)
 ORDER BY place
ON CONFLICT (job_type, idempotency_key) DO UPDATE
   SET job = EXCLUDED.job, status = 'Pending', attempts = job.attempts + 1, max_attempts = EXCLUDED.max_attempts,
       run_at = EXCLUDED.run_at, lock_by = NULL, lock_at = NULL, done_at = NULL
 WHERE NOT (job.status = 'Pending' AND job.run_at <= now())";

fn payload(message: &DeleteTaskMessage) -> Result<Vec<u8>, sqlx::Error> {
    serde_json::to_vec(message).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// The queue stores whole seconds: what is to come must not come early, what is due must not wait.
fn whole_seconds(run_at: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    let up = i64::from(run_at > now && run_at.timestamp_subsec_nanos() > 0);
    u64::try_from(run_at.timestamp() + up).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::whole_seconds;
    use chrono::{DateTime, Utc};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_to_come_is_rounded_up_and_a_past_one_down() {
        let now = at("2026-01-01T00:00:00.5Z");
        assert_eq!(whole_seconds(at("2026-01-01T00:00:01.2Z"), now), now.timestamp() as u64 + 2);
        assert_eq!(whole_seconds(at("2026-01-01T00:00:02Z"), now), now.timestamp() as u64 + 2);
        assert_eq!(whole_seconds(now, now), now.timestamp() as u64);
        assert_eq!(whole_seconds(at("1969-01-01T00:00:00Z"), now), 0);
    }
}
