//! Start, serve, stop.

use crate::config::derived::{EVENT_CONNECTIONS, HEALTH_CONNECTIONS};
use crate::config::{DatabaseSettings, Role, Settings};
use crate::edge::connections;
use crate::workers::Loops;
use crate::{AppState, claim, demo, router, site, telemetry, workers};
use anyhow::{Context, Result};
use backend::Backend;
use backend::alerts::Courier;
use backend::clock::Clock;
use backend::database::{self, Unfit};
use backend::events::{Bell, Bus};
use backend::executor::Executor;
use backend::jobs::ApalisQueue;
use backend::pools::{self, PoolSettings};
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A database that takes longer for the little that a start asks of it has fallen silent: the start begins anew.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// `sexton migrate`.
///
/// # Errors
/// When the database cannot be reached or is unfit, or a migration fails.
pub async fn migrate(settings: &DatabaseSettings) -> Result<()> {
    let pool = pools::pool(&settings.database_url, "sexton migrate", migration_pool())?;
    match timeout(SILENT_AFTER, database::check(&pool)).await.context("the database does not answer")? {
        Err(Unfit::Unreachable(error)) => return Err(error).context("the database could not be migrated"),
        checked => checked?,
    }
    backend::migrate::run(&pool).await.context("the database could not be migrated")
}

/// Builds the indexes that migrations leave out, while the node works.
async fn build_indexes(settings: DatabaseSettings) {
    let work = async {
        let pool = pools::pool(&settings.database_url, "sexton indexes", migration_pool())?;
        backend::migrate::build_indexes(&pool).await
    };
    if let Err(error) = work.await {
        tracing::warn!(%error, "an index could not be built; it is tried again at the next start");
    }
}

/// `sexton serve`, until SIGTERM or Ctrl-C.
///
/// # Errors
/// What must be changed before it can start, such as a database that cannot keep the promise. One that is away or a standby
/// is no such thing: the node serves, says that it is not ready, and begins to work when the database takes writes.
pub async fn run(settings: Settings) -> Result<()> {
    settings.check()?;
    telemetry::start_logging(settings.log_format, &settings.log)?;
    if let Some(warning) = proxy_warning(std::env::vars().map(|(name, _)| name)) {
        tracing::warn!("{warning}");
    }
    let signals = Signals::listen()?;
    let metrics = telemetry::start_metrics()?;
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", settings.listen))?;
    let admin = match settings.admin_listen {
        Some(at) => Some(TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}"))?),
        None => None,
    };
    let stop = CancellationToken::new();
    let node = Node::new(&settings, metrics, listener.local_addr()?, stop.clone())?;
    let tracker = TaskTracker::new();
    let state = node.state.clone();
    tracker.spawn(workers::record_refusals(node.state.backend.clone(), stop.clone()));
    let (failed, mut failure) = oneshot::channel();
    tracker.spawn(begin(settings.clone(), node, tracker.clone(), stop.clone(), failed));
    tokio::spawn(signals.stop(stop.clone()));
    if let Some(admin) = admin {
        tracing::info!("probes and metrics are at http://{}", admin.local_addr()?);
        tracker.spawn(connections::serve(admin, router::admin(&state), settings.edge.connections(), stop.clone()));
    }
    serve(listener, &state, &settings, stop.clone()).await?;
    tracker.close();
    if timeout(Duration::from_secs(settings.shutdown_seconds), tracker.wait()).await.is_err() {
        tracing::warn!("shutdown took too long; what was under way will be taken up again");
    }
    failure.try_recv().map_or(Ok(()), Err)
}

/// One process: its state and the pools behind it.
pub struct Node {
    /// What its handlers share.
    pub state: AppState,
    /// What it does by itself.
    pub loops: Loops,
}

impl Node {
    /// Builds a node that reaches for its database only when it is asked for something.
    ///
    /// # Errors
    /// Settings that cannot be read or contradict each other.
    pub fn new(
        settings: &Settings,
        metrics: PrometheusHandle,
        listen: SocketAddr,
        stop: CancellationToken,
    ) -> Result<Self> {
        let url = &settings.database.database_url;
        let pool =
            |name: &str, size| pools::pool(url, name, settings.pool(size)).context("DATABASE_URL cannot be read");
        let name = format!("{}-{}", settings.node_name, &uuid::Uuid::new_v4().simple().to_string()[..6]);
        let queue = ApalisQueue::new(pool("sexton queue", settings.queue_connections)?, settings.queue(&name))?;
        let (bell, bus) = (Bell::default(), Bus::default());
        let backend = |pool| Backend::new(pool, Arc::new(queue.clone()), bell.clone(), settings.policies(), &name);
        let workers = backend(pool("sexton worker", settings.worker_connections)?);
        let state = AppState {
            backend: backend(pool("sexton api", settings.api_connections)?).with_reserve(settings.api_connections / 4),
            bus: bus.clone(),
            queue: settings.has(Role::Worker).then(|| queue.clone()),
            metrics,
            stop,
            leptos: site::leptos_options(listen),
            request_timeout: Duration::from_millis(settings.request_timeout_ms),
            is_demo: settings.demo,
            keys: Arc::new(settings.edge.keys()),
            streams: settings.edge.streams(),
            health: backend(pool("sexton health", HEALTH_CONNECTIONS)?),
            has_admin_listener: settings.admin_listen.is_some(),
            oidc: settings.issuer()?,
            body_limit: settings.body_limit_bytes as usize,
            edge: Arc::new(settings.edge.edge()),
        };
        let scheduler = backend(pool("sexton scheduler", settings.scheduler_connections)?);
        let executor =
            Executor::new(scheduler.clone(), settings.executor(), Clock::system()).context("no client for calls")?;
        let courier = Courier::new(workers.clone(), &settings.courier()?).map_err(anyhow::Error::msg)?;
        let pool = pool("sexton events", EVENT_CONNECTIONS)?;
        let loops = Loops { backend: workers, scheduler, executor, courier, queue, pool, bell, bus };
        Ok(Self { state, loops })
    }
}

/// Waits for the database, migrates it, fills the demo, starts the loops. What waiting does not help ends the node.
async fn begin(
    settings: Settings,
    node: Node,
    tracker: TaskTracker,
    stop: CancellationToken,
    failed: oneshot::Sender<anyhow::Error>,
) {
    let mut pause = Duration::from_millis(200);
    loop {
        match stop.run_until_cancelled(prepare(&settings, &node.state)).await {
            None => return,
            Some(Ok(())) => break,
            Some(Err(error))
                if error.is::<claim::Unusable>()
                    || matches!(error.downcast_ref(), Some(Unfit::Refused(_) | Unfit::TooNew(_))) =>
            {
                drop(failed.send(error));
                stop.cancel();
                return;
            }
            Some(Err(error)) => {
                tracing::warn!(error = format!("{error:#}"), "the database is not ready; trying again");
            }
        }
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(Duration::from_secs(5));
    }
    tracing::info!(roles = ?settings.roles, "at work");
    let building = build_indexes(settings.database.clone());
    let ended = stop.clone();
    tracker.spawn(async move { ended.run_until_cancelled(building).await });
    node.loops.start(&settings, &tracker, &stop);
}

async fn prepare(settings: &Settings, state: &AppState) -> Result<()> {
    migrate(&settings.database).await?;
    let limit = timeout(SILENT_AFTER, backend::health::connection_limit(&state.backend)).await;
    if let Some(warning) = settings.connection_warning(limit.context("the database does not answer")??) {
        tracing::warn!("{warning}");
    }
    if settings.has(Role::Web) {
        timeout(Duration::from_secs(20), claim::offer(&state.backend, &settings.claim))
            .await
            .context("the database does not answer")??;
    }
    if settings.demo {
        let endpoint = format!("http://{}{}", state.leptos.site_addr, demo::RECEIVER);
        timeout(SILENT_AFTER, backend::demo::create(&state.backend, &endpoint))
            .await
            .context("the database does not answer")??;
        claim::invite(&state.backend, &settings.claim, &format!("http://localhost:{}", state.leptos.site_addr.port()))
            .await?;
    }
    Ok(())
}

async fn serve(listener: TcpListener, state: &AppState, settings: &Settings, stop: CancellationToken) -> Result<()> {
    let address = listener.local_addr()?;
    tracing::info!("Sexton is at http://{address} (roles: {:?})", settings.roles);
    tracing::info!("the tz database is {}", domain::zone::current());
    let app = if settings.has(Role::Web) { router::router(state) } else { router::probes_only(state) };
    let server = connections::serve(listener, app, settings.edge.connections(), stop.clone());
    let patience = Duration::from_secs(settings.shutdown_seconds);
    tokio::select! {
        () = server => Ok(()),
        () = async { stop.cancelled().await; sleep(patience).await } => {
            tracing::warn!("open connections were cut off");
            Ok(())
        }
    }
}

/// The two ways to ask a node to end. They are caught from before it says that it listens: one that came earlier would kill
/// it where it should end well.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self { terminate: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())? })
    }

    /// Waits for the first of them, then stops the node.
    async fn stop(mut self, stop: CancellationToken) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    }
}

/// What to warn of when the environment names a proxy: other programs would use it.
fn proxy_warning(variables: impl Iterator<Item = String>) -> Option<String> {
    let is_proxy =
        |name: &String| matches!(name.to_ascii_uppercase().as_str(), "HTTP_PROXY" | "HTTPS_PROXY" | "ALL_PROXY");
    let names: Vec<String> = variables.filter(is_proxy).collect();
    let message =
        format!("{} is set, but calls to endpoints do not use a proxy: they go straight there", names.join(", "));
    (!names.is_empty()).then_some(message)
}

pub(crate) fn migration_pool() -> PoolSettings {
    PoolSettings {
        max_connections: 2,
        acquire_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(600),
        // A node that is lost while it migrates must not hold up the start of all others.
        silent_timeout: Some(Duration::from_secs(15)),
    }
}

#[cfg(test)]
mod tests {
    use super::proxy_warning;

    #[test]
    fn a_proxy_that_is_not_used_is_named() {
        let warning = |names: &[&str]| proxy_warning(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(warning(&["PATH", "NO_PROXY", "SEXTON_TRUSTED_PROXIES"]), None);
        let named = warning(&["PATH", "https_proxy", "ALL_PROXY"]).unwrap();
        assert!(named.starts_with("https_proxy, ALL_PROXY is set, but calls"), "{named}");
    }
}
