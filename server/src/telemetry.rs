//! Logs and metrics of the process.

use crate::config::LogFormat;
use anyhow::{Context, Result};
use domain::alert::{AlertChannel, DeliveryState};
use domain::audit::AuditAction;
use domain::deletion::FailureKind;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging to standard error.
///
/// # Errors
/// When `filter` cannot be read.
pub fn start_logging(format: LogFormat, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).context("SEXTON_LOG is not a filter such as info or sexton=debug,warn")?;
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Pretty => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Starts metrics; the handle renders them for `/metrics`.
///
/// # Errors
/// When another recorder is installed already.
pub fn start_metrics() -> Result<PrometheusHandle> {
    let seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .context("histogram buckets")?
        .install_recorder()
        .context("metrics")?;
    describe();
    Ok(handle)
}

/// Counters are there from the start, at 0: a rate over one that appears with its first count misses it.
fn describe() {
    metrics::describe_counter!("sexton_deletions_accepted_total", "Deletions accepted");
    metrics::describe_counter!("sexton_deletions_gone_total", "Deletions whose task is gone");
    metrics::describe_counter!("sexton_deletions_undone_total", "Deletions undone in time");
    metrics::describe_counter!("sexton_deletions_failed_total", "Deletions given up, by kind of failure");
    metrics::describe_counter!("sexton_deletions_retried_total", "Failed deletions started over");
    metrics::describe_counter!("sexton_reconciler_rescues_total", "Stuck deletions handed over again");
    metrics::describe_counter!("sexton_refusals_total", "Refused sign-ins, lockouts and permissions, by action");
    metrics::describe_counter!("sexton_alert_attempts_total", "Attempts to send alerts, by channel and end");
    metrics::describe_counter!(
        "sexton_executions_total",
        "Executions that ended or wait for another attempt, by status"
    );
    metrics::describe_counter!("sexton_executions_rescued_total", "Executions without a sign of life, taken over");
    metrics::describe_gauge!("sexton_calls_in_flight", "Calls of this node that have not been answered");
    metrics::describe_histogram!(
        "sexton_execution_lateness_seconds",
        "From the due time to the start of the first call"
    );
    metrics::describe_gauge!("sexton_event_streams", "Streams of events that are open on this node");
    metrics::describe_gauge!("sexton_scheduler_stalled_seconds", "How long this node has completed no claim");
    metrics::describe_gauge!(
        "sexton_schedule_oldest_due_seconds",
        "Age of the oldest due time that no node has claimed"
    );
    metrics::describe_gauge!("sexton_deletions_open", "Deletions that are not over, by state, counted up to 1,000");
    metrics::describe_gauge!("sexton_deletion_oldest_pending_seconds", "Age of the oldest deletion that is due");
    metrics::describe_gauge!("sexton_deletion_late_starts", "Executions started after a deletion's fence: must be 0");
    metrics::describe_gauge!("sexton_jobs", "Rows of the queue, by state, counted up to 10,000");
    metrics::describe_gauge!(
        "sexton_retention_overdue_seconds",
        "How long the oldest row should have been gone, by kind"
    );
    metrics::describe_gauge!("sexton_quota_limit", "The limit of each quota, 0 for none");
    metrics::describe_gauge!("sexton_quota_used", "How much of each quota the one uses who uses most of it");
    metrics::describe_counter!("sexton_quota_refusals_total", "What was refused because a quota is used up");
    metrics::describe_gauge!("sexton_zone_data_info", "1, with the release of the tz database that this node uses");
    metrics::describe_gauge!("sexton_zone_data_outdated", "1 when another node has used a newer tz database");
    metrics::describe_counter!(
        "sexton_zone_replanned_total",
        "Tasks whose next run moved with the rules of a time zone"
    );
    metrics::describe_gauge!("sexton_worker_alive", "1 while this node's worker takes jobs");
    metrics::describe_histogram!("sexton_deletion_seconds", "From acceptance to gone, in seconds");
    let plain = ["deletions_accepted", "deletions_gone", "deletions_undone", "deletions_retried", "reconciler_rescues"];
    for name in plain.into_iter().chain(["executions_rescued"]) {
        metrics::counter!(format!("sexton_{name}_total")).absolute(0);
    }
    for gauge in ["sexton_calls_in_flight", "sexton_event_streams"] {
        metrics::gauge!(gauge).set(0.0);
    }
    let zones = domain::zone::current();
    let labels = [("release", zones.release().to_string()), ("source", zones.source().to_owned())];
    metrics::gauge!("sexton_zone_data_info", &labels).set(1.0);
    metrics::gauge!("sexton_zone_data_outdated").set(0.0);
    metrics::counter!("sexton_zone_replanned_total").absolute(0);
    for status in ["SUCCESS", "FAILED", "RETRY_WAIT"] {
        metrics::counter!("sexton_executions_total", "status" => status).absolute(0);
    }
    for quota in backend::quota::Kind::ALL.map(backend::quota::Kind::as_str).into_iter().chain(["executions_per_day"]) {
        metrics::counter!("sexton_quota_refusals_total", "quota" => quota).absolute(0);
    }
    for channel in AlertChannel::ALL {
        for end in DeliveryState::ALL {
            let labels = [("channel", channel.as_str()), ("end", end.as_str())];
            metrics::counter!("sexton_alert_attempts_total", &labels).absolute(0);
        }
    }
    for action in [AuditAction::SignInRefused, AuditAction::SignInLimited, AuditAction::PermissionRefused] {
        metrics::counter!("sexton_refusals_total", "action" => action.as_str()).absolute(0);
    }
    for kind in FailureKind::ALL {
        metrics::counter!("sexton_deletions_failed_total", "kind" => kind.as_str()).absolute(0);
    }
}
