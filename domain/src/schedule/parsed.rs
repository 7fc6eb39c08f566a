//! A checked schedule and what follows from it: the next run, the words, the preview.

use super::budget::Budget;
use super::calendar::{Exclusions, instant, parse_zone};
use super::cron::{self, Expression};
use super::daily::Daily;
use super::{ClockNote, CronRule, NextRun, ScheduleConfig};
use crate::error::FieldError;
use crate::group::Window;
use crate::moment::check_moment;
use crate::task::ScheduleType;
use crate::zone::Zone;
use chrono::{DateTime, LocalResult, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta, TimeZone, Timelike, Utc};

/// Candidates that one search for the next run looks at, at most. A schedule without a run among them never fires.
const STEPS_OF_SEARCH: u32 = 1_000;

/// A schedule that has been checked.
#[derive(Clone, Debug)]
pub struct Schedule {
    zone: Zone,
    /// The expression named a zone itself, other than that of the configuration.
    names_zone: bool,
    rule: Rule,
    exclusions: Exclusions,
}

#[derive(Clone, Debug)]
enum Rule {
    Expression(Expression),
    Window(Daily),
    Once(DateTime<Utc>),
}

impl Schedule {
    /// Checks a configuration. A recurring schedule must have a run after `now`, or it is refused as one that
    /// never fires; a moment in the past is kept and simply has no next run.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(kind: ScheduleType, config: &ScheduleConfig, now: DateTime<Utc>) -> Result<Self, Vec<FieldError>> {
        Self::parse_by(CronRule::Documented, kind, config, now)
    }

    /// The same for a cron expression that keeps the rule by which it was stored.
    pub(crate) fn parse_by(
        rule: CronRule,
        kind: ScheduleType,
        config: &ScheduleConfig,
        now: DateTime<Utc>,
    ) -> Result<Self, Vec<FieldError>> {
        let schedule = Self::check(rule, kind, config)?;
        match &schedule.rule {
            Rule::Once(at) if schedule.first_allowed_from(*at) != Some(*at) => {
                Err(vec![FieldError::new("schedule_config.run_at", "is on a day that exclusions leave out")])
            }
            Rule::Expression(_) | Rule::Window(_) if schedule.next_after(now).is_none() => {
                Err(vec![FieldError::new("schedule_config", "this schedule never fires")])
            }
            Rule::Once(_) | Rule::Expression(_) | Rule::Window(_) => Ok(schedule),
        }
    }

    /// Checks a configuration, without asking whether it still has a run ahead.
    ///
    /// # Errors
    /// One [`FieldError`] a field that is refused.
    pub fn read(kind: ScheduleType, config: &ScheduleConfig) -> Result<Self, Vec<FieldError>> {
        Self::check(CronRule::Documented, kind, config)
    }

    fn check(rule: CronRule, kind: ScheduleType, config: &ScheduleConfig) -> Result<Self, Vec<FieldError>> {
        let schedule = Self::stored(kind, config, rule);
        let Some(error) = misplaced_days(config) else { return schedule };
        Err(schedule.err().unwrap_or_default().into_iter().chain([error]).collect())
    }

    /// Reads a configuration that was stored, by the rule that was in force then. Whatever a version took, it can be read.
    ///
    /// # Errors
    /// One [`FieldError`] a field that no version took.
    pub fn stored(kind: ScheduleType, config: &ScheduleConfig, rule: CronRule) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let zone = parse_zone(&config.timezone).map_err(|e| errors.push(e)).ok();
        let parsed = parse_rule(kind, config, rule).map_err(|e| errors.extend(e)).ok();
        let exclusions = Exclusions::parse(&config.exclusions).map_err(|e| errors.extend(e)).unwrap_or_default();
        let (Some(zone), Some((rule, named)), true) = (zone, parsed, errors.is_empty()) else { return Err(errors) };
        let names_zone = named.is_some_and(|named| named != zone);
        Ok(Self { zone: named.unwrap_or(zone), names_zone, rule, exclusions })
    }

    /// The first run strictly after `after`, or none.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.next_open_after(after, None)
    }

    /// The first run strictly after `after` for which the window of the task's group is open.
    #[must_use]
    pub fn next_open_after(&self, after: DateTime<Utc>, window: Option<&Window>) -> Option<DateTime<Utc>> {
        self.search(after, window, &mut Budget::new(STEPS_OF_SEARCH))
    }

    /// Refuses a recurring schedule that never runs while `hours` of the task's group are open. A stop by hand does not count.
    ///
    /// # Errors
    /// A [`FieldError`] that names the window.
    pub fn check_meets(&self, hours: &Window, now: DateTime<Utc>) -> Result<(), FieldError> {
        let hours = hours.clone().with_override(None);
        if matches!(self.rule, Rule::Once(_)) || self.next_open_after(now, Some(&hours)).is_some() {
            return Ok(());
        }
        let message = format!("this schedule never runs while its task group is open ({hours})");
        Err(FieldError::new("schedule_config", message))
    }

    /// The next run, found within the budget and [`STEPS_OF_SEARCH`]. Each step jumps over all excluded days and over a whole
    /// closed time, so its cost depends on neither's length.
    pub(super) fn search(
        &self,
        after: DateTime<Utc>,
        window: Option<&Window>,
        budget: &mut Budget,
    ) -> Option<DateTime<Utc>> {
        let mut from = after;
        for _ in 0..STEPS_OF_SEARCH {
            budget.take()?;
            let at = self.rule_after(from, budget)?;
            let allowed = self.first_allowed_from(at)?;
            let open = window.map_or(Some(allowed), |window| window.opens_from(allowed))?;
            if open == at {
                return Some(at);
            }
            // Strictly after: step back so that the moment itself stays a candidate.
            from = (open - TimeDelta::microseconds(1)).max(at);
        }
        None
    }

    /// `at` itself, or the first midnight after it of a day that is not excluded.
    fn first_allowed_from(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let day = at.with_timezone(&self.zone).date_naive();
        let allowed = self.exclusions.first_allowed(day)?;
        Some(if allowed == day { at } else { instant(self.zone, allowed.and_time(NaiveTime::MIN)) })
    }

    fn rule_after(&self, after: DateTime<Utc>, budget: &mut Budget) -> Option<DateTime<Utc>> {
        match &self.rule {
            Rule::Once(at) => (*at > after).then_some(*at),
            Rule::Expression(Expression::Every(every)) => {
                let step = every.num_seconds();
                DateTime::from_timestamp((after.timestamp().div_euclid(step) + 1) * step, 0)
            }
            Rule::Expression(Expression::Cron(cron)) => cron.next_after(self.zone, after, budget),
            Rule::Window(daily) => daily.next_after(self.zone, after),
        }
    }

    /// The schedule in words, in English.
    #[must_use]
    pub fn describe(&self) -> String {
        let words = match &self.rule {
            Rule::Once(at) => {
                let at = at.with_timezone(&self.zone);
                let time = if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
                format!("Once, on {} at {}", at.format("%-d %b %Y"), at.format(time))
            }
            Rule::Expression(Expression::Every(every)) => cron::every_in_words(every.num_seconds()),
            Rule::Expression(Expression::Cron(cron)) => cron.in_words(),
            Rule::Window(daily) => daily.in_words(),
        };
        if self.names_zone { format!("{words} ({})", self.zone) } else { words }
    }

    pub(super) fn next_run(&self, at: DateTime<Utc>) -> NextRun {
        let local = at.with_timezone(&self.zone);
        NextRun { at, local: local.to_rfc3339_opts(chrono::SecondsFormat::Secs, false), note: self.clock_note(&local) }
    }

    /// A run right behind a jump of the clock that nobody asked for at that time stands for a wall time inside the gap.
    fn clock_note(&self, local: &DateTime<Zone>) -> Option<ClockNote> {
        let wall = local.naive_local();
        if matches!(self.zone.from_local_datetime(&wall), LocalResult::Ambiguous(..)) {
            return Some(ClockNote::DstOverlap);
        }
        (self.is_in_gap(wall - TimeDelta::seconds(1)) && !self.asks_for(local)).then_some(ClockNote::DstGap)
    }

    fn is_in_gap(&self, wall: NaiveDateTime) -> bool {
        matches!(self.zone.from_local_datetime(&wall), LocalResult::None)
    }

    /// True when the rule means this run by the time that the wall clock shows.
    fn asks_for(&self, local: &DateTime<Zone>) -> bool {
        match &self.rule {
            Rule::Once(_) | Rule::Expression(Expression::Every(_)) => true,
            Rule::Expression(Expression::Cron(cron)) => cron.matches(local.naive_local()),
            Rule::Window(daily) => daily.matches(local.naive_local()),
        }
    }
}

/// Days beside anything but a time range would be ignored.
fn misplaced_days(config: &ScheduleConfig) -> Option<FieldError> {
    if config.days_of_week.is_empty() || config.time_range.is_some() {
        return None;
    }
    let way_out = match config.cron_expression {
        Some(_) => "write the days in the last field of the cron expression (0 9 * * MON-FRI)",
        None => "leave it out",
    };
    Some(FieldError::new("schedule_config.days_of_week", format!("is allowed only with time_range: {way_out}")))
}

/// The rule, and the zone that it names itself.
fn parse_rule(
    kind: ScheduleType,
    config: &ScheduleConfig,
    rule: CronRule,
) -> Result<(Rule, Option<Zone>), Vec<FieldError>> {
    let given = [config.cron_expression.is_some(), config.time_range.is_some(), config.run_at.is_some()];
    let one = |field: &str, message: &str| Err(vec![FieldError::new(field, message)]);
    match (kind, given) {
        (ScheduleType::Oneoff, [false, false, true]) => match config.run_at {
            // Postgres keeps microseconds: a finer one would come a second time, after itself.
            Some(at) => match check_moment("schedule_config.run_at", at) {
                Ok(()) => Ok((Rule::Once(at.trunc_subsecs(6)), None)),
                Err(error) => Err(vec![error]),
            },
            None => one("schedule_config.run_at", "is required"),
        },
        (ScheduleType::Oneoff, _) => {
            one("schedule_config.run_at", "a ONEOFF task takes run_at, and neither cron_expression nor time_range")
        }
        (ScheduleType::Recurring, [true, false, false]) => {
            let text = config.cron_expression.as_deref().unwrap_or_default();
            let parsed = match rule {
                CronRule::Documented => cron::parse(text),
                CronRule::Former => cron::parse_former(text).map(|expression| (expression, None)),
            };
            parsed.map(|(expression, zone)| (Rule::Expression(expression), zone)).map_err(|e| vec![e])
        }
        (ScheduleType::Recurring, [false, true, false]) => match &config.time_range {
            Some(range) => Daily::parse(range, &config.days_of_week).map(|daily| (Rule::Window(daily), None)),
            None => one("schedule_config.time_range", "is required"),
        },
        (ScheduleType::Recurring, _) => one(
            "schedule_config",
            "a RECURRING task takes exactly one of cron_expression and time_range, and no run_at",
        ),
    }
}
