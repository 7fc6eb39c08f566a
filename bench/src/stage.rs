//! The database that is measured: migrated, with a project, filled and emptied by plain SQL.

use anyhow::Result;
use backend::events::Bell;
use backend::jobs::{ApalisQueue, DeleteJobConsumer, QueueSettings};
use backend::pools::{self, PoolSettings};
use backend::tasks::worker::Teardown;
use backend::{Backend, Policies};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A migrated database and one project in it, whose deletions cannot be undone.
pub struct Stage {
    url: String,
    pub pool: PgPool,
    pub project: Uuid,
}

/// Workers that run until they are stopped.
pub struct Workers {
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl Workers {
    pub async fn stop(self) {
        self.stop.cancel();
        futures::future::join_all(self.running).await;
    }
}

impl Stage {
    pub async fn set(url: &str) -> Result<Self> {
        let pool = connect(url, "bench", 40)?;
        backend::migrate::run(&pool).await?;
        let project = Uuid::now_v7();
        sqlx::query("INSERT INTO projects (id, name, execution_endpoint, undo_window_seconds) VALUES ($1, $1::text, 'http://127.0.0.1:9/', 0)")
            .bind(project)
            .execute(&pool)
            .await?;
        Ok(Self { url: url.to_owned(), pool, project })
    }

    /// Use cases over a pool of their own, with the queue that they publish to.
    pub fn node(&self, name: &str, connections: u32) -> Result<(Backend, ApalisQueue)> {
        let settings = QueueSettings { node: name.to_owned(), ..QueueSettings::default() };
        let queue = ApalisQueue::new(connect(&self.url, "bench queue", 4)?, settings)?;
        let pool = connect(&self.url, "bench worker", connections)?;
        let backend = Backend::new(pool, Arc::new(queue.clone()), Bell::default(), Policies::default(), name);
        Ok((backend, queue))
    }

    /// Starts this many workers, each with pools of its own as a process would have.
    pub fn work(&self, count: usize) -> Result<Workers> {
        let stop = CancellationToken::new();
        let mut running = Vec::new();
        for number in 0..count {
            let (backend, queue) = self.node(&format!("bench-{number}"), 8)?;
            let (handler, ended) = (Arc::new(Teardown::new(backend)), stop.clone());
            running.push(tokio::spawn(async move { queue.run(handler, ended).await }));
        }
        Ok(Workers { stop, running })
    }

    /// Active tasks, each with `runs` executions in its history.
    pub async fn fill(&self, tasks: i64, runs: i32) -> Result<()> {
        sqlx::query(include_str!("../sql/fill_tasks.sql")).bind(self.project).bind(tasks).execute(&self.pool).await?;
        sqlx::query(include_str!("../sql/fill_runs.sql")).bind(runs).execute(&self.pool).await?;
        sqlx::raw_sql("VACUUM ANALYZE tasks, executions, deletions, task_schedules, events")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Accepts the deletion of every active task, as the accepting transaction leaves it behind, jobs included.
    pub async fn accept_all(&self) -> Result<()> {
        let (backend, _) = self.node("bench-accept", 2)?;
        sqlx::query(include_str!("../sql/accept_all.sql")).execute(&self.pool).await?;
        // The records look stuck, so the reconciler hands a job to each.
        while backend::tasks::delete::reconcile_now(&backend).await? > 0 {}
        sqlx::raw_sql("VACUUM ANALYZE tasks, deletions, task_schedules, apalis.jobs").execute(&self.pool).await?;
        Ok(())
    }

    /// Nothing is left of what was measured before.
    pub async fn clear(&self) -> Result<()> {
        let all = "TRUNCATE events, deletions, execution_logs, executions, task_schedules, tasks, apalis.jobs";
        sqlx::raw_sql(all).execute(&self.pool).await?;
        sqlx::raw_sql("CHECKPOINT").execute(&self.pool).await?;
        Ok(())
    }

    /// How many tasks are left.
    pub async fn tasks_left(&self) -> Result<bool> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM tasks)").fetch_one(&self.pool).await?)
    }
}

fn connect(url: &str, name: &str, max_connections: u32) -> Result<PgPool> {
    let patience = Duration::from_secs(60);
    let settings = PoolSettings {
        max_connections,
        acquire_timeout: patience,
        statement_timeout: Duration::from_secs(600),
        silent_timeout: None,
    };
    Ok(pools::pool(url, name, settings)?)
}
