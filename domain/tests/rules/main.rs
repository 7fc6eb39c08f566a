//! What `domain` promises, one sentence a test. One binary, so that it links once; a file a subject.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod alerts;
mod clock;
mod costs;
mod deletion;
mod dialects;
mod differential;
mod drafts;
mod due;
mod execution;
mod gates;
mod golden;
mod interleavings;
mod json;
mod laws;
mod oracle;
mod own_path;
mod projects;
mod ranges;
mod refusals;
mod status;
mod target;
mod text;
mod window;
mod words;
mod zones;

use chrono::{DateTime, Utc};
use domain::error::FieldError;
use domain::schedule::{Schedule, ScheduleConfig};
use domain::task::ScheduleType;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn cron_config(expression: &str, zone: &str) -> ScheduleConfig {
    ScheduleConfig {
        cron_expression: Some(expression.to_owned()),
        timezone: zone.to_owned(),
        ..ScheduleConfig::default()
    }
}

fn parse(config: &ScheduleConfig) -> Result<Schedule, Vec<FieldError>> {
    Schedule::parse(ScheduleType::Recurring, config, at("2026-01-01T00:00:00Z"))
}

/// The next `count` runs after `from`.
fn runs(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
    let next = |after: &DateTime<Utc>| schedule.next_after(*after);
    std::iter::successors(schedule.next_after(at(from)), next)
        .take(count)
        .map(|run| run.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .collect()
}
