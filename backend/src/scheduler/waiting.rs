//! Starting what waits: attempts that are tried again, runs by hand, runs that waited for another one to end.
//!
//! Invariant: an execution is started only in a transaction that holds its task's row, ACTIVE: a deletion that was accepted
//! before has cancelled it, one that comes after lists it.

use super::{BATCH, Scheduler, tell_started};
use crate::db::execution::{CallRow, Waiting};
use crate::executor::{Call, Planned};
use crate::{Result, db, faults};
use sqlx::{Connection, PgConnection};
use std::collections::HashSet;
use uuid::Uuid;

impl Scheduler {
    /// Starts what waits and fits; answers how many.
    pub(super) async fn start_waiting(&mut self, conn: &mut PgConnection) -> Result<usize> {
        let mut room = self.executor.room(BATCH);
        if room.is_none() {
            return Ok(0);
        }
        let began = self.executor.now();
        let mut tx = conn.begin().await?;
        let waiting = db::execution::take_waiting(&mut tx, room.calls as i64, &room.busy_projects).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let now = db::now(&mut tx).await?;
        let groups: HashSet<Uuid> = waiting.iter().filter_map(|waiting| waiting.group_id).collect();
        let held = db::group::hold_started(&mut tx, &groups.into_iter().collect::<Vec<_>>()).await?;
        let held: HashSet<Uuid> = held.into_iter().collect();
        let mut of_task = HashSet::new();
        let fits = |waiting: &Waiting| {
            let is_fit = waiting.group_id.is_none_or(|group| held.contains(&group))
                && room.is_free_for(waiting.project_id)
                && (waiting.is_free || of_task.insert(waiting.task_id));
            room.take(waiting.project_id, usize::from(is_fit));
            is_fit
        };
        let ids: Vec<Uuid> = waiting.into_iter().filter(fits).map(|waiting| waiting.id).collect();
        let lease = self.executor.lease().as_secs() as i32;
        let rows = db::execution::start(&mut tx, &ids, &self.backend.node, lease).await?;
        tell_started(&mut tx, rows.iter().map(|row| (row.project_id, row.task_id))).await?;
        faults::commit(tx, "start").await?;
        let mut started = 0;
        for row in rows {
            let id = row.execution_id;
            match Planned::try_from(row) {
                Ok(planned) => {
                    self.executor.start(Call { planned, now, began });
                    started += 1;
                }
                // Committed as RUNNING: it is handed back like a run whose node has died, and the others start all the same.
                Err(error) => tracing::error!(execution = %id, %error, "this version cannot read the run"),
            }
        }
        self.backend.tell();
        Ok(started)
    }
}

impl TryFrom<CallRow> for Planned {
    type Error = sqlx::Error;
    fn try_from(row: CallRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            execution_id: row.execution_id,
            task_id: row.task_id,
            project_id: row.project_id,
            task_name: row.task_name,
            scheduled_at: row.scheduled_at,
            recorded_at: Some(row.created_at),
            attempt: row.attempt,
            held_up: row.held_up,
            trigger: db::text("trigger", &row.trigger)?,
            metadata: row.metadata,
            timeout_seconds: row.timeout_seconds,
            max_attempts: row.max_attempts,
            completion: db::text("completion", &row.completion)?,
            endpoint: row.endpoint,
            secrets: [Some(row.signing_secret), row.previous_signing_secret],
        })
    }
}
