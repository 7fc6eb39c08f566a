//! The queue's settings and what must hold between them. Filled in by the server's configuration.

use std::time::Duration;

/// The queue of the teardown jobs. A constant, because apalis' default is the name of a Rust type: moving the type would
/// orphan the jobs.
pub const DELETE_TASK_QUEUE: &str = "sexton:delete-task";

/// How a queue is consumed.
#[derive(Clone, Debug)]
pub struct QueueSettings {
    /// Name of the queue; tests use their own.
    pub queue: String,
    /// Name of this node, the first part of the workers' names.
    pub node: String,
    /// Handlers at a time. Each one needs a connection of the handlers' pool.
    pub concurrency: usize,
    /// Jobs fetched at a time. More is faster, but acks and heartbeats wait until a batch has been handed out.
    pub batch_size: usize,
    /// An idle worker looks into the queue this often, whether or not the doorbell rang.
    pub tick: Duration,
    /// How often a worker says that it is alive.
    pub heartbeat: Duration,
    /// A worker silent for so long is dead and loses its jobs. Rounded down to whole heartbeats.
    pub orphan_after: Duration,
    /// A handler that takes longer is cut off.
    pub handler_timeout: Duration,
    /// When a job runs again whose handler panicked or was cut off, unless the handler decides.
    pub crash_retry: Duration,
    /// How long a stop waits for the handlers in flight.
    pub stop_grace: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            queue: DELETE_TASK_QUEUE.to_owned(),
            node: node_name(),
            concurrency: 4,
            batch_size: 16,
            tick: Duration::from_secs(1),
            heartbeat: Duration::from_secs(2),
            orphan_after: Duration::from_secs(60),
            handler_timeout: Duration::from_secs(10),
            crash_retry: Duration::from_secs(5),
            stop_grace: Duration::from_secs(10),
        }
    }
}

/// Settings that would lose or repeat work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that must be positive is not.
    #[error("{0} must be greater than zero")]
    Zero(&'static str),
    /// A busy worker could be taken for a dead one.
    #[error(
        "(batch_size / concurrency + 1) * handler_timeout is {busy:?} and must be below orphan_after ({orphan_after:?}): \
         a worker sends no heartbeat while it hands out a batch"
    )]
    TooSlow {
        /// The longest time without a heartbeat.
        busy: Duration,
        /// The limit.
        orphan_after: Duration,
    },
}

impl QueueSettings {
    /// Refuses settings with which a live worker can be taken for a dead one.
    ///
    /// # Errors
    /// Which setting, and why.
    pub fn check(&self) -> Result<(), SettingsError> {
        let positive = [
            ("concurrency", self.concurrency > 0),
            ("batch_size", self.batch_size > 0),
            ("tick", !self.tick.is_zero()),
            ("heartbeat", !self.heartbeat.is_zero()),
            ("handler_timeout", !self.handler_timeout.is_zero()),
        ];
        if let Some((name, _)) = positive.into_iter().find(|(_, positive)| !positive) {
            return Err(SettingsError::Zero(name));
        }
        let rounds = u32::try_from(self.batch_size.div_ceil(self.concurrency) + 1).unwrap_or(u32::MAX);
        let busy = self.handler_timeout.saturating_mul(rounds);
        if busy >= self.orphan_after {
            return Err(SettingsError::TooSlow { busy, orphan_after: self.orphan_after });
        }
        Ok(())
    }

    /// A consumer that was silent for longer is not well: heartbeats, or handlers that begin and end, come more often.
    #[must_use]
    pub fn alive_within(&self) -> Duration {
        self.heartbeat * 3 + self.handler_timeout
    }
}

fn node_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().take(64).collect();
    if name.is_empty() { "node".to_owned() } else { name }
}
