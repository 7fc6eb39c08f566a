//! Filling a template: tasks, history, accepted deletions, and the jobs of whoever is to tear them down.

use crate::client::TOKEN;
use crate::peers::Peer;
use crate::stage::{Place, Stage, connect};
use anyhow::Result;
use backend::events::Bell;
use backend::jobs::{ApalisQueue, QueueSettings};
use backend::tasks::delete;
use backend::{Backend, Policies};
use sqlx::PgPool;
use std::sync::Arc;

/// Whose jobs the accepted deletions have.
#[derive(Clone, Copy)]
pub enum Jobs<'a> {
    Nobodys,
    Ours,
    Of(&'a Peer),
}

/// What a database holds.
pub struct Filling<'a> {
    pub tasks: i64,
    /// Executions of each task that is to be deleted.
    pub runs: i64,
    /// How many deletions have been accepted, an hour ago; for the others the tasks are still active.
    pub accepted: i64,
    pub jobs: Jobs<'a>,
}

impl Filling<'_> {
    pub fn name(&self) -> String {
        let jobs = match self.jobs {
            Jobs::Nobodys => "nobody",
            Jobs::Ours => "ours",
            Jobs::Of(peer) => peer.name(),
        };
        format!("t_{}_{}_{}_{jobs}", self.tasks, self.runs, self.accepted).replace('-', "")
    }

    /// The same without jobs, which this one extends.
    pub fn base(&self) -> Option<Self> {
        let base = Self { jobs: Jobs::Nobodys, ..*self };
        (!matches!(self.jobs, Jobs::Nobodys)).then_some(base)
    }
}

/// Fills a database that is a copy of the filling's base.
pub async fn fill(stage: &Stage, place: &Place, filling: &Filling<'_>) -> Result<()> {
    match filling.jobs {
        Jobs::Nobodys => rows(&place.pool, filling).await?,
        // The records look stuck, so the reconciler hands a job to each.
        Jobs::Ours => while delete::reconcile_now(&backend(&place.url, "fill")?).await? > 0 {},
        Jobs::Of(peer) => {
            peer.install(stage, place).await?;
            let enqueue = "SELECT count(bench_enqueue(id, task_id)) FROM deletions";
            sqlx::query(enqueue).execute(&place.pool).await?;
        }
    }
    sqlx::raw_sql("VACUUM ANALYZE").execute(&place.pool).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&place.pool).await?;
    Ok(())
}

async fn rows(pool: &PgPool, filling: &Filling<'_>) -> Result<()> {
    backend::migrate::run(pool).await?;
    let administrator = format!(
        "UPDATE setup SET claimed_at = now();
         INSERT INTO users (id, email, is_admin) VALUES ('0192f0c1-7a3b-7cc0-9c4e-000000000001', 'ada@example.com', true);
         INSERT INTO personal_tokens (id, user_id, name, hash, hint, last_used_at) VALUES ('0192f0c1-7a3b-7cc0-9c4e-000000000002',
         '0192f0c1-7a3b-7cc0-9c4e-000000000001', 'Bench', sha256('{TOKEN}'), 'sxt_012345', now())"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(administrator)).execute(pool).await?;
    sqlx::raw_sql(include_str!("../sql/helpers.sql")).execute(pool).await?;
    sqlx::query(include_str!("../sql/fill_tasks.sql")).bind(filling.tasks).execute(pool).await?;
    let with_history = if filling.accepted > 0 { filling.accepted } else { filling.tasks };
    let runs = sqlx::query(include_str!("../sql/fill_runs.sql")).bind(filling.runs).bind(with_history);
    runs.bind(filling.tasks).execute(pool).await?;
    let accept = sqlx::query(include_str!("../sql/accept_all.sql")).bind(filling.accepted).bind(filling.tasks);
    accept.execute(pool).await?;
    Ok(())
}

/// The use cases of a node, over pools of their own: for what no node offers over HTTP.
pub fn backend(url: &str, node: &str) -> Result<Backend> {
    let settings = QueueSettings { node: node.to_owned(), ..QueueSettings::default() };
    let queue = ApalisQueue::new(connect(url, 4)?, settings)?;
    Ok(Backend::new(connect(url, 8)?, Arc::new(queue), Bell::default(), Policies::default(), node))
}
