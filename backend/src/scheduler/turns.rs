//! Which due rows a claim takes: projects are served in turn when more is due than fits.

use super::Scheduler;
use crate::db::schedule::Due as DueRow;
use crate::{Result, db};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

impl Scheduler {
    /// Locks due rows: the longest due first, as long as there is room for all of them; else, and while some projects may start
    /// no more, a share of each project in turn. So no project waits for the backlog of another one.
    pub(super) async fn take(
        &mut self,
        conn: &mut PgConnection,
        now: DateTime<Utc>,
        busy_projects: &[Uuid],
        sweeps: bool,
        limit: usize,
    ) -> Result<Taken> {
        if !self.is_crowded && busy_projects.is_empty() {
            let low_water = if sweeps { DateTime::UNIX_EPOCH } else { self.low_water };
            let due = db::schedule::take_due(conn, now, low_water, limit as i64).await?;
            let is_all = due.len() < limit;
            return Ok(Taken { due, is_all });
        }
        let mut turn = db::schedule::due_projects(conn, now, self.turn, busy_projects, limit as i64).await?;
        if turn.len() < limit && !self.turn.is_nil() {
            let again = db::schedule::due_projects(conn, now, Uuid::nil(), busy_projects, limit as i64).await?;
            turn.extend(again.into_iter().take_while(|project| *project <= self.turn));
            turn.truncate(limit);
        }
        let Some(last) = turn.last() else {
            return Ok(Taken { due: Vec::new(), is_all: true });
        };
        self.turn = *last;
        let share = limit.div_ceil(turn.len());
        let mut due = db::schedule::take_due_of(conn, now, &turn, share as i64).await?;
        let mut of_project = HashMap::<Uuid, usize>::new();
        due.iter().for_each(|row| *of_project.entry(row.project_id).or_default() += 1);
        let is_all = turn.len() < limit && of_project.values().all(|count| *count < share);
        in_turn(&mut due);
        Ok(Taken { due, is_all })
    }
}

/// Due rows that this claim has locked.
pub(super) struct Taken {
    pub due: Vec<DueRow>,
    /// No other row is due.
    pub is_all: bool,
}

/// Orders rows, which have an order within their projects, so that the first of each project come first.
fn in_turn(due: &mut [DueRow]) {
    let mut seen = HashMap::<Uuid, usize>::new();
    due.sort_by_cached_key(|row| {
        let nth = seen.entry(row.project_id).or_default();
        *nth += 1;
        *nth
    });
}
