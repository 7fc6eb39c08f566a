//! Random cron expressions in every kind of zone over two years, against an oracle that only watches the clock.

use crate::clock::{self, Wall, ZONES};
use crate::{at, cron_config, parse};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

/// One field of an expression, and what is in it.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    values: BTreeSet<u32>,
}

impl Field {
    fn new(text: String, values: impl IntoIterator<Item = u32>) -> Self {
        Self { text, values: values.into_iter().collect() }
    }

    /// It does not join by OR.
    fn begins_with_star(&self) -> bool {
        self.text.starts_with('*')
    }
}

/// A value, a list, a range or a range with a step.
fn named(low: u32, high: u32) -> impl Strategy<Value = Field> {
    let range = (low..=high, low..=high).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        3 => (low..=high).prop_map(|value| Field::new(value.to_string(), [value])),
        2 => prop::collection::vec(low..=high, 2..5).prop_map(|values| {
            Field::new(values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","), values)
        }),
        1 => range.clone().prop_map(|(from, to)| Field::new(format!("{from}-{to}"), from..=to)),
        1 => (range, 2..10_u32).prop_map(|((from, to), n)| {
            Field::new(format!("{from}-{to}/{n}"), (from..=to).step_by(n as usize))
        }),
    ]
}

/// The same, a star or a step.
fn field(low: u32, high: u32) -> impl Strategy<Value = Field> {
    prop_oneof![
        3 => star(low, high),
        2 => (2..=high.min(30)).prop_map(move |n| Field::new(format!("*/{n}"), (low..=high).step_by(n as usize))),
        7 => named(low, high),
    ]
}

fn star(low: u32, high: u32) -> impl Strategy<Value = Field> {
    Just(Field::new("*".to_owned(), low..=high))
}

#[derive(Clone, Debug)]
struct Expression {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

fn expression() -> impl Strategy<Value = Expression> {
    // Most clocks change between 0 and 3 or at midnight.
    let hour = prop_oneof![3 => field(0, 23), 3 => named(0, 3), 1 => named(22, 23)];
    let often = |low, high| prop_oneof![2 => star(low, high), 1 => field(low, high)];
    (field(0, 59), hour, often(1, 31), often(1, 12), often(0, 6))
        .prop_map(|(minute, hour, day, month, weekday)| Expression { minute, hour, day, month, weekday })
}

impl Expression {
    fn text(&self) -> String {
        let Self { minute, hour, day, month, weekday } = self;
        format!("{} {} {} {} {}", minute.text, hour.text, day.text, month.text, weekday.text)
    }

    /// A star among the times follows the clock as it is; fixed times come once.
    fn is_interval(&self) -> bool {
        self.minute.text.starts_with('*') || self.hour.text.starts_with('*')
    }

    fn has_day(&self, day: NaiveDate) -> bool {
        let by_month = self.day.values.contains(&day.day());
        let by_week = self.weekday.values.contains(&day.weekday().num_days_from_sunday());
        self.month.values.contains(&day.month())
            && if self.day.begins_with_star() || self.weekday.begins_with_star() {
                by_month && by_week
            } else {
                by_month || by_week
            }
    }

    /// Whether a minute of the wall clock is meant, for each one of two years.
    fn table(&self) -> impl Fn(Wall) -> bool {
        let time = |minute: i64| {
            let minute = minute as u32;
            self.hour.values.contains(&(minute / 60)) && self.minute.values.contains(&(minute % 60))
        };
        let times: Vec<bool> = (0..1_440).map(time).collect();
        let first = at(FROM).date_naive() - Days::new(2);
        let days: Vec<bool> = first.iter_days().take(740).map(|day| self.has_day(day)).collect();
        let first = clock::wall(first.and_time(NaiveTime::MIN));
        move |wall| times[wall.rem_euclid(1_440) as usize] && days[((wall - first) / 1_440) as usize]
    }
}

/// Two years of a zone's clock.
struct Clock {
    walls: Vec<Wall>,
    changes: Vec<DateTime<Utc>>,
}

fn clock(name: &'static str) -> Arc<Clock> {
    static CLOCKS: LazyLock<Mutex<HashMap<&str, Arc<Clock>>>> = LazyLock::new(Mutex::default);
    let make = || {
        let (zone, from, until) = (domain::zone::Zone::named(name).unwrap(), at(FROM), at(UNTIL));
        Arc::new(Clock { walls: clock::walls(zone, from, until), changes: clock::changes(zone, from, until) })
    };
    CLOCKS.lock().unwrap().entry(name).or_insert_with(make).clone()
}

const FROM: &str = "2026-01-01T00:00:00Z";
const UNTIL: &str = "2028-01-01T00:00:00Z";

/// Every run of two years.
fn brute_force(expression: &Expression, clock: &Clock) -> Vec<DateTime<Utc>> {
    let (is_interval, has) = (expression.is_interval(), expression.table());
    let runs = clock::come(&clock.walls).zip(0..).filter(
        |((wall, come), _)| {
            if is_interval { has(*wall) } else { come.clone().any(&has) }
        },
    );
    runs.map(|(_, minute)| at(FROM) + TimeDelta::minutes(minute)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_expression_runs_when_the_clock_says_so(
        expression in expression(), zone in prop::sample::select(ZONES.as_slice()),
    ) {
        let clock = clock(zone);
        let expected = brute_force(&expression, &clock);
        let Ok(schedule) = parse(&cron_config(&expression.text(), zone)) else {
            prop_assert!(expected.is_empty(), "{} was refused", expression.text());
            return Ok(());
        };
        let begin = at(FROM) - TimeDelta::seconds(1);
        let is_near = |run: DateTime<Utc>| clock.changes.iter().any(|change| (*change - run).num_hours().abs() < 26);
        let spread = 1 + expected.len() / 500;
        for (index, run) in expected.iter().enumerate().filter(|(index, run)| index % spread == 0 || is_near(**run)) {
            let before = if index == 0 { begin } else { expected[index - 1] };
            prop_assert_eq!(schedule.next_after(before), Some(*run), "{} in {} after {}", expression.text(), zone, before);
        }
    }
}
