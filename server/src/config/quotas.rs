//! Quotas: how much of each thing there may be.

use backend::quota::Quotas;
use clap::Args;

/// Limits on what people create and run; 0 is no limit. What there is above a limit stays, and nothing is kept from being deleted.
#[derive(Clone, Debug, Args)]
pub struct QuotaSettings {
    /// Projects of this instance; 0 for no limit.
    #[arg(long, env = "SEXTON_QUOTA_PROJECTS", default_value_t = 1_000, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub quota_projects: i64,
    /// Tasks of a project, without those that are being deleted; 0 for no limit.
    #[arg(long, env = "SEXTON_QUOTA_TASKS", default_value_t = 2_000_000, value_parser = clap::value_parser!(i64).range(0..=1_000_000_000))]
    pub quota_tasks: i64,
    /// Task groups of a project; 0 for no limit.
    #[arg(long, env = "SEXTON_QUOTA_GROUPS", default_value_t = 10_000, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub quota_groups: i64,
    /// API keys of a project; 0 for no limit.
    #[arg(long, env = "SEXTON_QUOTA_API_KEYS", default_value_t = 500, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub quota_api_keys: i64,
    /// Personal tokens of a person; 0 for no limit.
    #[arg(long, env = "SEXTON_QUOTA_PERSONAL_TOKENS", default_value_t = 100, value_parser = clap::value_parser!(i64).range(0..=1_000_000))]
    pub quota_personal_tokens: i64,
    /// Runs of a project a day (UTC), however often each is tried; 0 for no limit.
    #[arg(long, env = "SEXTON_QUOTA_EXECUTIONS_PER_DAY", default_value_t = 300_000_000, value_parser = clap::value_parser!(i64).range(0..=1_000_000_000_000))]
    pub quota_executions_per_day: i64,
    /// Bytes that one run may log, in UTF-8; 0 for no limit besides 10,000 lines.
    #[arg(long, env = "SEXTON_QUOTA_LOG_BYTES", default_value_t = 16_777_216, value_parser = clap::value_parser!(i64).range(0..=1_000_000_000))]
    pub quota_log_bytes: i64,
}

impl QuotaSettings {
    /// The limits.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        Quotas {
            projects: self.quota_projects,
            tasks: self.quota_tasks,
            groups: self.quota_groups,
            api_keys: self.quota_api_keys,
            personal_tokens: self.quota_personal_tokens,
            executions_per_day: self.quota_executions_per_day,
            log_bytes: self.quota_log_bytes,
        }
    }
}
