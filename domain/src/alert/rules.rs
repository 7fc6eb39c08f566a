//! The rules of alerts: what is told and what is throttled, when a message is tried again, and the words.

use crate::deletion::LastError;
use chrono::{DateTime, TimeDelta, Utc};

/// Alerts of one kind that a project gets within its throttle, a minute at least: when everything fails at once, twenty say
/// it as well as a thousand.
pub const MOST_TOLD: i64 = 20;
/// How often a message is tried.
pub const MOST_ATTEMPTS: i32 = 5;

/// How a task has failed lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Failures in a row; with 0 the task works.
    pub failures: i32,
    /// When the first of them was.
    pub since: Option<DateTime<Utc>>,
    /// When a failure was told last, also of an earlier trouble.
    pub told_at: Option<DateTime<Utc>>,
}

/// What becomes of something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told.
    Tell,
    /// It is recorded and told to nobody.
    Throttle,
    /// It is counted.
    Count,
}

impl Trouble {
    /// The task failed. The first failure is told, and one again whenever `throttle` has passed since the last one that was;
    /// also for a task that works in between. `has_room`: the project has not been told too many lately.
    pub fn fail(&mut self, at: DateTime<Utc>, throttle: TimeDelta, has_room: bool) -> Verdict {
        let begins = self.failures == 0;
        if begins {
            self.since = Some(at);
        }
        self.failures = self.failures.saturating_add(1);
        if has_room && self.told_at.is_none_or(|told_at| at - told_at >= throttle) {
            self.told_at = Some(at);
            Verdict::Tell
        } else if begins {
            Verdict::Throttle
        } else {
            Verdict::Count
        }
    }

    /// The task succeeded. Ends a trouble, if there is one; the end is told if any of its failures was.
    pub fn succeed(&mut self) -> Option<Verdict> {
        let since = self.since.take()?;
        self.failures = 0;
        Some(if self.told_at.is_some_and(|told_at| told_at >= since) { Verdict::Tell } else { Verdict::Throttle })
    }
}

/// How long after the attempt of this number (from 1) a message is tried again; none when it was the last. `jitter` is
/// uniform in 0..1.
#[must_use]
pub fn next_try(attempt: i32, jitter: f64) -> Option<TimeDelta> {
    if attempt >= MOST_ATTEMPTS {
        return None;
    }
    // 10 s, 1 min, 6 min, 36 min, and up to a half more.
    let longest = 10_000.0 * 6_f64.powi(attempt.max(1) - 1);
    Some(TimeDelta::milliseconds((longest * (1.0 + jitter.clamp(0.0, 1.0) / 2.0)) as i64))
}

/// "… failed: …", with how often and since when if it goes on.
#[must_use]
pub fn failure(task: &str, trouble: &Trouble, error: Option<&str>) -> String {
    let error = error.unwrap_or("no reason was given.");
    match (trouble.failures, trouble.since) {
        (failures @ 2.., Some(since)) => {
            format!("\"{task}\" is still failing, {failures} times since {}: {error}", moment(since))
        }
        _ => format!("\"{task}\" failed: {error}"),
    }
}

/// "… works again …"; `trouble` is as it was before.
#[must_use]
pub fn recovery(task: &str, trouble: &Trouble) -> String {
    let since = trouble.since.map(|since| format!(" since {}", moment(since))).unwrap_or_default();
    format!("\"{task}\" works again, after {}{since}.", counted(trouble.failures, "failure"))
}

/// "… missed … runs …"; the last one was due `at`, or is made up for by the one that was due then.
#[must_use]
pub fn missed(task: &str, count: i32, at: DateTime<Utc>, is_run: bool) -> String {
    let runs = counted(count, "run");
    if is_run {
        format!("\"{task}\" missed {runs} before the one of {}.", moment(at))
    } else {
        format!("\"{task}\" missed {runs}, the last one of {}: no node was up.", moment(at))
    }
}

/// "… could not be deleted …".
#[must_use]
pub fn delete_failed(task: &str, error: &LastError) -> String {
    format!("\"{task}\" could not be deleted. {}: {}", error.headline(), error.message)
}

fn counted(count: i32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
