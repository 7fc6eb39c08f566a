//! A checked schedule and what follows from it: the next run, the words, the preview.

use super::budget::Budget;
use super::calendar::{Exclusions, instant, parse_time, parse_weekday, parse_zone};
use super::cron::{self, Expression};
use super::{ClockNote, FrequencyUnit, NextRun, ScheduleConfig, TimeRange};
use crate::error::FieldError;
use crate::group::Window;
use crate::moment::check_moment;
use crate::task::ScheduleType;
use crate::zone::Zone;
use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta, TimeZone, Utc, Weekday,
};

/// Candidates that one search for the next run looks at, at most. A schedule without a run among them never fires.
const STEPS_OF_SEARCH: u32 = 1_000;

/// A schedule that has been checked.
#[derive(Clone, Debug)]
pub struct Schedule {
    zone: Zone,
    rule: Rule,
    exclusions: Exclusions,
}

#[derive(Clone, Debug)]
enum Rule {
    Expression(Expression),
    Window { start: NaiveTime, end: NaiveTime, every: TimeDelta, days: Vec<Weekday> },
    Once(DateTime<Utc>),
}

impl Schedule {
    /// Checks a configuration. A recurring schedule must have a run after `now`, or it is refused as one that
    /// never fires; a moment in the past is kept and simply has no next run.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    pub fn parse(kind: ScheduleType, config: &ScheduleConfig, now: DateTime<Utc>) -> Result<Self, Vec<FieldError>> {
        let schedule = Self::read(kind, config)?;
        match &schedule.rule {
            Rule::Once(at) if schedule.first_allowed_from(*at) != Some(*at) => {
                Err(vec![FieldError::new("schedule_config.run_at", "is on a day that exclusions leave out")])
            }
            Rule::Expression(_) | Rule::Window { .. } if schedule.next_after(now).is_none() => {
                Err(vec![FieldError::new("schedule_config", "this schedule never fires")])
            }
            Rule::Once(_) | Rule::Expression(_) | Rule::Window { .. } => Ok(schedule),
        }
    }

    /// A configuration that was checked before, when it was stored; whether it still has a run ahead is not asked.
    ///
    /// # Errors
    /// One [`FieldError`] a field that this version refuses.
    pub fn read(kind: ScheduleType, config: &ScheduleConfig) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let zone = parse_zone(&config.timezone).map_err(|e| errors.push(e)).ok();
        let rule = parse_rule(kind, config).map_err(|e| errors.extend(e)).ok();
        let exclusions = Exclusions::parse(&config.exclusions).map_err(|e| errors.extend(e)).unwrap_or_default();
        let (Some(zone), Some(rule), true) = (zone, rule, errors.is_empty()) else { return Err(errors) };
        Ok(Self { zone, rule, exclusions })
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
            let at = self.rule_after(from)?;
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

    fn rule_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.rule {
            Rule::Once(at) => (*at > after).then_some(*at),
            Rule::Expression(Expression::Every(every)) => {
                let step = every.num_seconds();
                DateTime::from_timestamp((after.timestamp().div_euclid(step) + 1) * step, 0)
            }
            Rule::Expression(Expression::Cron(cron)) => cron::next_after(cron, self.zone, after),
            Rule::Window { start, end, every, days } => self.window_after(after, *start, *end, *every, days),
        }
    }

    fn window_after(
        &self,
        after: DateTime<Utc>,
        start: NaiveTime,
        end: NaiveTime,
        every: TimeDelta,
        days: &[Weekday],
    ) -> Option<DateTime<Utc>> {
        let yesterday = after.with_timezone(&self.zone).date_naive().checked_sub_days(Days::new(1))?;
        (0..10).find_map(|offset| {
            let day = yesterday.checked_add_days(Days::new(offset))?;
            if !days.is_empty() && !days.contains(&day.weekday()) {
                return None;
            }
            let last_day = if end < start { day.checked_add_days(Days::new(1))? } else { day };
            let (first, last) = (instant(self.zone, day.and_time(start)), instant(self.zone, last_day.and_time(end)));
            let passed = (after - first).num_seconds().div_euclid(every.num_seconds()) + 1;
            let next = if after < first { first } else { first + TimeDelta::seconds(passed * every.num_seconds()) };
            (next <= last).then_some(next)
        })
    }

    /// The schedule in words, in English.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.rule {
            Rule::Once(at) => format!("Once, on {}", at.with_timezone(&self.zone).format("%-d %b %Y at %H:%M")),
            Rule::Expression(Expression::Every(every)) => cron::every_in_words(every.num_seconds()),
            Rule::Expression(Expression::Cron(cron)) => cron::in_words(cron),
            Rule::Window { start, end, every, days } => {
                let days: Vec<String> = days.iter().map(ToString::to_string).collect();
                let on = if days.is_empty() { String::new() } else { format!(", {}", days.join(", ")) };
                let often = cron::every_in_words(every.num_seconds());
                format!("{often} from {} to {}{on}", start.format("%H:%M"), end.format("%H:%M"))
            }
        }
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
            Rule::Expression(Expression::Cron(cron)) => cron.is_time_matching(local).unwrap_or(true),
            Rule::Window { start, .. } => !self.is_in_gap(local.date_naive().and_time(*start)),
        }
    }
}

fn parse_rule(kind: ScheduleType, config: &ScheduleConfig) -> Result<Rule, Vec<FieldError>> {
    let given = [config.cron_expression.is_some(), config.time_range.is_some(), config.run_at.is_some()];
    let one = |field: &str, message: &str| Err(vec![FieldError::new(field, message)]);
    match (kind, given) {
        (ScheduleType::Oneoff, [false, false, true]) => match config.run_at {
            // Postgres keeps microseconds: a finer one would come a second time, after itself.
            Some(at) => match check_moment("schedule_config.run_at", at) {
                Ok(()) => Ok(Rule::Once(at.trunc_subsecs(6))),
                Err(error) => Err(vec![error]),
            },
            None => one("schedule_config.run_at", "is required"),
        },
        (ScheduleType::Oneoff, _) => {
            one("schedule_config.run_at", "a ONEOFF task takes run_at, and neither cron_expression nor time_range")
        }
        (ScheduleType::Recurring, [true, false, false]) => {
            let text = config.cron_expression.as_deref().unwrap_or_default();
            cron::parse(text).map(Rule::Expression).map_err(|e| vec![e])
        }
        (ScheduleType::Recurring, [false, true, false]) => match &config.time_range {
            Some(range) => parse_window(range, &config.days_of_week),
            None => one("schedule_config.time_range", "is required"),
        },
        (ScheduleType::Recurring, _) => one(
            "schedule_config",
            "a RECURRING task takes exactly one of cron_expression and time_range, and no run_at",
        ),
    }
}

fn parse_window(range: &TimeRange, days: &[String]) -> Result<Rule, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut time = |field: &str, text: &str| {
        parse_time(text).unwrap_or_else(|| {
            errors
                .push(FieldError::new(format!("schedule_config.time_range.{field}"), "must be HH:MM, 00:00 to 23:59"));
            NaiveTime::MIN
        })
    };
    let (start, end) = (time("start", &range.start), time("end", &range.end));
    let unit = match range.frequency.unit {
        FrequencyUnit::Seconds => 1,
        FrequencyUnit::Minutes => 60,
        FrequencyUnit::Hours => 3_600,
    };
    let seconds = i64::from(range.frequency.value) * unit;
    if !(1..=86_400).contains(&seconds) {
        errors.push(FieldError::new("schedule_config.time_range.frequency", "must be between 1 second and 24 hours"));
    }
    let days: Vec<Weekday> = days
        .iter()
        .enumerate()
        .filter_map(|(index, text)| {
            let day = parse_weekday(text);
            if day.is_none() {
                errors.push(FieldError::new(
                    format!("schedule_config.days_of_week[{index}]"),
                    "must be MON, TUE, WED, THU, FRI, SAT or SUN",
                ));
            }
            day
        })
        .collect();
    if errors.is_empty() {
        Ok(Rule::Window { start, end, every: TimeDelta::seconds(seconds), days })
    } else {
        Err(errors)
    }
}
