//! What the parts of the product are told by the settings.

use super::Settings;
use backend::Policies;
use backend::alerts::CourierSettings;
use backend::executor::ExecutorSettings;
use backend::jobs::QueueSettings;
use backend::pools::PoolSettings;
use backend::retention::Kept;
use chrono::TimeDelta;
use domain::deletion::{RetryPolicy, StuckPolicy};
use std::time::Duration;

/// Connections of bells, tail, and the two that listen.
pub(crate) const EVENT_CONNECTIONS: u32 = 4;
/// Connections that only ask how the node is.
pub(crate) const HEALTH_CONNECTIONS: u32 = 1;

impl Settings {
    /// The policies of the domain.
    #[must_use]
    pub fn policies(&self) -> Policies {
        Policies {
            retry: RetryPolicy {
                max_attempts: self.delete_attempts,
                base: TimeDelta::milliseconds(self.retry_base_ms),
                cap: TimeDelta::seconds(self.retry_cap_seconds),
            },
            stuck: StuckPolicy {
                pending_after: TimeDelta::seconds(self.stuck_pending_seconds),
                failed_after: TimeDelta::seconds(self.stuck_failed_seconds),
            },
            undo_window_seconds: self.undo_window_seconds,
            drain_seconds: self.drain_seconds,
            session_idle: TimeDelta::minutes(self.session_idle_minutes),
            session_longest: TimeDelta::days(self.session_days),
            quotas: self.quotas.quotas(),
            ..Policies::default()
        }
    }

    /// The queue of this node.
    #[must_use]
    pub fn queue(&self, node: &str) -> QueueSettings {
        let concurrency = usize::from(self.worker_concurrency);
        let defaults = QueueSettings::default();
        // A node with few handlers fetches few jobs: it must not be silent for so long that it is taken for dead.
        let batch_size = defaults.batch_size.min(concurrency * 4);
        QueueSettings { queue: self.queue_name.clone(), node: node.to_owned(), concurrency, batch_size, ..defaults }
    }

    /// How long things are kept.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept { execution_days: self.execution_days, receipt_days: self.receipt_days }
    }

    /// Connections to the database that this node opens at most, once the database is migrated.
    #[must_use]
    pub fn connections(&self) -> u32 {
        let pools = [self.api_connections, self.worker_connections, self.scheduler_connections, self.queue_connections];
        pools.iter().sum::<u32>() + EVENT_CONNECTIONS + HEALTH_CONNECTIONS
    }

    /// What to warn of when the database allows `limit` connections.
    #[must_use]
    pub fn connection_warning(&self, limit: i64) -> Option<String> {
        let needed = self.connections();
        (i64::from(needed) > limit).then(|| {
            format!(
                "this node may open {needed} connections, but the database allows {limit}: under load some will be refused. \
                 Raise max_connections of the database (each node needs {needed}), or lower SEXTON_API_CONNECTIONS, \
                 SEXTON_WORKER_CONNECTIONS, SEXTON_SCHEDULER_CONNECTIONS or SEXTON_QUEUE_CONNECTIONS"
            )
        })
    }

    /// The calls of this node.
    #[must_use]
    pub fn executor(&self) -> ExecutorSettings {
        ExecutorSettings {
            calls: self.calls.into(),
            calls_of_project: self.project_calls.into(),
            lease: Duration::from_secs(self.lease_seconds.into()),
            connect_within: Duration::from_millis(self.connect_timeout_ms),
            allow_private: self.allow_private_targets,
            // What is still to be written and handed back has its time after it.
            grace: Duration::from_secs(self.shutdown_seconds) / 2,
        }
    }

    /// How alerts leave this node.
    ///
    /// # Errors
    /// Settings of mail that contradict each other, or a file that cannot be read.
    pub fn courier(&self) -> anyhow::Result<CourierSettings> {
        let courier = self.mail.courier(self.edge.public_url.as_ref())?;
        Ok(CourierSettings { allow_private: self.allow_private_targets, ..courier })
    }

    /// A pool of `max_connections`.
    #[must_use]
    pub fn pool(&self, max_connections: u32) -> PoolSettings {
        PoolSettings {
            max_connections,
            acquire_timeout: Duration::from_millis(self.acquire_timeout_ms),
            statement_timeout: Duration::from_millis(self.statement_timeout_ms),
            silent_timeout: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use crate::config::{Cli, Command};
    use clap::Parser;

    #[test]
    fn a_node_warns_when_the_database_allows_fewer_connections_than_it_may_open() {
        let cli = Cli::try_parse_from(["sexton", "serve", "--database-url", "postgres://localhost/a"]).unwrap();
        let Command::Serve(settings) = cli.command else { panic!("it serves") };
        assert_eq!(settings.connections(), 37, ".env.example says so");
        assert_eq!(settings.connection_warning(37), None);
        let warning = settings.connection_warning(36).unwrap();
        assert!(warning.contains("may open 37 connections, but the database allows 36"), "{warning}");
    }
}
