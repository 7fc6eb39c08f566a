//! What the parts of the product are told by the settings.

use super::Settings;
use backend::Policies;
use backend::alerts::CourierSettings;
use backend::executor::ExecutorSettings;
use backend::jobs::QueueSettings;
use backend::pools::PoolSettings;
use chrono::TimeDelta;
use domain::deletion::{RetryPolicy, StuckPolicy};
use std::time::Duration;

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
    #[must_use]
    pub fn courier(&self) -> CourierSettings {
        // An empty variable is none.
        let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        CourierSettings {
            smtp_url: said(&self.smtp_url),
            mail_from: said(&self.mail_from),
            allow_private: self.allow_private_targets,
        }
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
