//! Consuming: one apalis worker at a time a process, started again whenever it ends.
//!
//! Invariant: every start has a name of its own. A worker is dead when its name's last heartbeat is old; under a name
//! used again, the jobs of the one before would never be orphans.

use super::handling::{RawCodec, Runner};
use super::queue::ApalisQueue;
use super::supervisor::{supervise, until_stopped};
use super::{DeleteJobConsumer, DeleteJobHandler, nodes, rows};
use apalis::prelude::{
    Attempt, BackendExt, Event, EventListenerExt, TaskId, WorkerBuilder, WorkerBuilderExt, WorkerContext, WorkerError,
};
use apalis_postgres::PostgresStorage;
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Cleaning up before a worker starts may take no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handing back at the end waits no longer than this: the other nodes do it after the orphan limit.
const FAREWELL: Duration = Duration::from_secs(3);

#[async_trait]
impl DeleteJobConsumer for ApalisQueue {
    async fn run(&self, handler: Arc<dyn DeleteJobHandler>, stop: CancellationToken) {
        let process = format!("{}-{}-{}", self.settings.node, std::process::id(), Uuid::now_v7());
        // Names of our workers that have ended and whose jobs are not yet handed back.
        let ended = Mutex::new(Vec::new());
        let workers = supervise("delete jobs: worker", &stop, |number| {
            let name = format!("{process}-{number}");
            self.one_worker(name, Arc::clone(&handler), &stop, &ended)
        });
        let listener = supervise("delete jobs: doorbell", &stop, |_| self.doorbell.listen(&stop));
        let signs_of_life = supervise("delete jobs: signs of life", &stop, |_| self.live(&process, &stop));
        tokio::join!(workers, listener, signs_of_life);
        let farewell = async {
            rows::release(&self.pool, &ended.lock().await).await?;
            nodes::leave(&self.pool, &process).await
        };
        if !matches!(timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
            tracing::warn!(process, "jobs could not be handed back; other nodes take them after the orphan limit");
        }
    }
}

impl ApalisQueue {
    async fn live(&self, process: &str, stop: &CancellationToken) -> Result<(), String> {
        tokio::select! {
            Err(reason) = nodes::live(&self.pool, process, &self.settings.queue) => Err(reason),
            () = stop.cancelled() => Ok(()),
        }
    }

    async fn one_worker(
        &self,
        name: String,
        handler: Arc<dyn DeleteJobHandler>,
        stop: &CancellationToken,
        ended: &Mutex<Vec<String>>,
    ) -> Result<(), String> {
        let mut names = ended.lock().await;
        tokio::select! {
            cleaned = timeout(PATIENCE, self.clean_up(&mut names)) => {
                cleaned.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
            }
            // An unreachable database must not hold up a stop.
            () = stop.cancelled() => return Ok(()),
        }
        // Before it starts: it may panic.
        names.push(name.clone());
        drop(names);
        let context = WorkerContext::new(&name);
        let worker = self.worker(&context, handler);
        self.pulse.beat();
        tokio::select! {
            ended = until_stopped(worker, &context, stop, self.settings.stop_grace) => ended,
            () = self.fell_silent() => Err("silent for too long".to_owned()),
        }
    }

    /// Returns when the worker gives no sign of life any more: a connection without an answer holds it for ever. Its
    /// heartbeats may stand still while handlers are at work, but not while none is.
    async fn fell_silent(&self) {
        let (idle, busy) = (self.settings.heartbeat * 3, self.settings.alive_within() + self.settings.heartbeat * 2);
        let limit = || if self.pulse.is_busy() { busy } else { idle };
        while self.silent_for().is_none_or(|silent| silent < limit()) {
            tokio::time::sleep(self.settings.heartbeat / 2).await;
        }
    }

    fn worker(
        &self,
        context: &WorkerContext,
        handler: Arc<dyn DeleteJobHandler>,
    ) -> BoxFuture<'static, Result<(), WorkerError>> {
        let runner = Arc::new(Runner {
            worker: context.name().to_owned(),
            pool: self.pool.clone(),
            settings: Arc::clone(&self.settings),
            handler,
            pulse: Arc::clone(&self.pulse),
        });
        let pulse = Arc::clone(&self.pulse);
        let backend = PostgresStorage::new(&self.pool)
            .with_config(self.config())
            .with_codec(RawCodec)
            .poll_with_strategy(self.doorbell.strategy(self.settings.tick));
        WorkerBuilder::new(context)
            .backend(backend)
            .concurrency(self.settings.concurrency)
            .on_event(move |_, event| {
                if matches!(event, Event::HeartBeat) {
                    pulse.beat();
                }
            })
            .build(move |raw, id: TaskId, attempt: Attempt| {
                let runner = Arc::clone(&runner);
                async move { runner.run(&id.to_string(), attempt.current(), raw).await }
            })
            .run()
            .boxed()
    }

    /// What must be done before a worker starts: the jobs of the one before are handed back, and rows that would end
    /// the next one are put aside.
    async fn clean_up(&self, ended: &mut Vec<String>) -> Result<(), sqlx::Error> {
        let released = rows::release(&self.pool, ended).await?;
        ended.clear();
        let poisoned = rows::quarantine(&self.pool, &self.settings.queue).await?;
        if released > 0 || poisoned > 0 {
            tracing::warn!(released, poisoned, "jobs of an ended worker handed back, malformed rows put aside");
        }
        Ok(())
    }
}
