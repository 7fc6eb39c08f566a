//! Schedules: when a task is due.
//!
//! [`ScheduleConfig`] is what clients send and what is stored; [`Schedule`] is the same, checked and ready to
//! compute with. There is one parser, for the server, the preview and the description.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[cfg(feature = "parsing")]
mod budget;
#[cfg(feature = "parsing")]
pub(crate) mod calendar;
#[cfg(feature = "parsing")]
mod cron;
#[cfg(feature = "parsing")]
mod daily;
#[cfg(feature = "parsing")]
mod due;
#[cfg(feature = "parsing")]
mod parsed;
#[cfg(feature = "parsing")]
mod preview;
#[cfg(feature = "parsing")]
pub use due::{Due, is_missed};
#[cfg(feature = "parsing")]
pub use parsed::Schedule;
#[cfg(feature = "parsing")]
pub use preview::{preview, preview_open};

/// When a task runs, as clients give it: exactly one of `cron_expression`, `time_range` or `run_at`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// 5 fields, or 6 with seconds first; names, `L`, `W`, `#`; `@hourly` … `@yearly`; `@every 90s`; `rate(5 minutes)` and
    /// `cron(0 12 * * ? *)`; `CRON_TZ=Asia/Tokyo` in front of it. A day field that begins with `*` restricts the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 255))]
    pub cron_expression: Option<String>,
    /// Every so often inside a daily window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_range: Option<TimeRange>,
    /// With `time_range`: on which days, `MON` to `SUN`; empty means every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days_of_week: Vec<String>,
    /// For `ONEOFF`: the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    /// IANA time zone such as `Europe/Berlin`.
    pub timezone: String,
    /// Days without a run: `2026-12-24`, `2026-12-24/2027-01-01` or `SUN`, in the task's zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 366))]
    pub exclusions: Vec<String>,
}

impl ScheduleConfig {
    /// The short technical form that stands beneath the words: expression and zone.
    #[must_use]
    pub fn expression(&self) -> String {
        let what = match (&self.cron_expression, &self.time_range) {
            (Some(cron), _) => cron.clone(),
            (None, Some(range)) => format!("{}–{}", range.start, range.end),
            (None, None) => "once".to_owned(),
        };
        if zone_in(&what).is_some() { what } else { format!("{what} {}", self.timezone) }
    }

    /// The time zone that holds: the one that the expression names, if it names one.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.cron_expression.as_deref().and_then(zone_in).unwrap_or(&self.timezone)
    }
}

/// The time zone that a cron expression names itself: `CRON_TZ=Asia/Tokyo 30 4 * * *`.
#[must_use]
pub fn zone_in(expression: &str) -> Option<&str> {
    expression.trim_start().strip_prefix("CRON_TZ=")?.split_whitespace().next()
}

/// By which rule a stored cron expression is read. What is sent is always read by the documented one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CronRule {
    /// The dialect of docs/schedules.md.
    #[default]
    Documented,
    /// That of version 0.1.0: two day fields are joined by OR unless one of them is `*`, or the last one begins with `+`.
    Former,
}

impl CronRule {
    /// The rule for a stored configuration; `documented` is the expression that was checked by the documented rule.
    #[must_use]
    pub fn of(config: &ScheduleConfig, documented: Option<&str>) -> Self {
        if config.cron_expression.as_deref() == documented { Self::Documented } else { Self::Former }
    }
}

/// A daily window and how often it runs inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// `HH:MM`, the first run of the day.
    #[cfg_attr(feature = "openapi", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// `HH:MM`, inclusive; earlier than `start` means the next day.
    #[cfg_attr(feature = "openapi", schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub end: String,
    /// How often.
    pub frequency: Frequency,
}

/// Every so many seconds, minutes or hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Frequency {
    /// At least 1; one day at most.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 86400))]
    pub value: u32,
    /// `s`, `m` or `h`.
    pub unit: FrequencyUnit,
}

crate::text_enum::text_enum! {
    /// The unit of a [`Frequency`].
    pub enum FrequencyUnit {
        /// Seconds.
        Seconds = "s",
        /// Minutes.
        Minutes = "m",
        /// Hours.
        Hours = "h",
    }
}

/// What a schedule means: in words, and its next runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SchedulePreview {
    /// The schedule in words.
    pub description: String,
    /// The next runs, in order.
    pub next_runs: Vec<NextRun>,
}

/// One run to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextRun {
    /// The moment.
    pub at: DateTime<Utc>,
    /// The same on the clock of the task's zone, RFC 3339 with offset.
    pub local: String,
    /// Set where a change of the clock moves or doubles the wall time.
    pub note: Option<ClockNote>,
}

/// What a change of the clock does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClockNote {
    /// The wall time does not exist on that day: it runs at the first valid instant.
    DstGap,
    /// The wall time happens twice on that day.
    DstOverlap,
}
