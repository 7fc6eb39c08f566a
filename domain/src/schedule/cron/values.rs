//! What the fields of an expression contain: sets of numbers, and the days they select.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike, Weekday};

/// A set of numbers from 0 to 63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct Values(u64);

impl Values {
    pub(super) fn insert(&mut self, value: u32) {
        self.0 |= 1 << value;
    }

    pub(super) fn has(self, value: u32) -> bool {
        self.0 >> value & 1 == 1
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |value| self.has(*value))
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when it has every number from `low` to `high`.
    pub(super) fn is_full(self, low: u32, high: u32) -> bool {
        (low..=high).all(|value| self.has(value))
    }
}

impl FromIterator<u32> for Values {
    fn from_iter<T: IntoIterator<Item = u32>>(values: T) -> Self {
        let mut set = Self::default();
        values.into_iter().for_each(|value| set.insert(value));
        set
    }
}

/// The day-of-month field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct MonthDays {
    pub plain: Values,
    /// `15W`: the weekday nearest to the 15th, within the month.
    pub nearest: Values,
    /// `L` is 0 in it, `L-2` is 2.
    pub before_last: Values,
    /// `LW`.
    pub last_weekday: bool,
}

/// The day-of-week field; Sunday is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct WeekDays {
    pub plain: Values,
    /// `MON#2` is Monday in the second set.
    pub nth: [Values; 5],
    /// `FRIL`.
    pub last: Values,
}

/// Both day fields and how they are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct Days {
    pub month: MonthDays,
    pub week: WeekDays,
    /// A day must satisfy both fields; otherwise one of them is enough.
    pub both: bool,
}

/// All fields of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule) struct Fields {
    pub seconds: Values,
    pub minutes: Values,
    pub hours: Values,
    pub months: Values,
    pub days: Days,
    /// A star among seconds, minutes or hours makes it an interval, which follows the wall clock as it is. Without one it names
    /// fixed times, and each of them comes once a day.
    pub is_interval: bool,
}

impl Fields {
    /// True when the wall clock shows a time that is meant.
    pub(in crate::schedule) fn matches(&self, wall: NaiveDateTime) -> bool {
        self.seconds.has(wall.second())
            && self.minutes.has(wall.minute())
            && self.hours.has(wall.hour())
            && self.months.has(wall.month())
            && self.days.has(wall.date())
    }
}

impl Days {
    pub(in crate::schedule) fn has(&self, day: NaiveDate) -> bool {
        let (in_month, in_week) = (self.month.has(day), self.week.has(day));
        if self.both { in_month && in_week } else { in_month || in_week }
    }

    /// True when which days are meant depends on the month.
    pub(super) fn vary(&self) -> bool {
        self.month.vary() || self.week.vary()
    }
}

impl MonthDays {
    fn has(&self, day: NaiveDate) -> bool {
        let length = u32::from(day.num_days_in_month());
        self.plain.has(day.day())
            || self.before_last.has(length - day.day())
            || (self.last_weekday && nearest(day, length) == Some(day.day()))
            || self.nearest.iter().any(|wanted| nearest(day, wanted) == Some(day.day()))
    }

    pub(super) fn vary(&self) -> bool {
        !self.nearest.is_empty() || !self.before_last.is_empty() || self.last_weekday
    }

    /// Every day that it can select in any month.
    pub(super) fn possible(&self) -> Values {
        let around =
            |days: std::ops::RangeInclusive<i64>| days.filter(|day| (1..=31).contains(day)).map(|day| day as u32);
        let mut days = self.plain;
        let nearest = self.nearest.iter().map(i64::from).flat_map(|day| around(day - 2..=day + 2));
        let last = self.before_last.iter().map(i64::from).flat_map(|n| around(28 - n..=31 - n));
        let weekday = around(26..=31).filter(|_| self.last_weekday);
        nearest.chain(last).chain(weekday).for_each(|day| days.insert(day));
        days
    }
}

/// The weekday (Monday to Friday) nearest to the day `wanted` of the month of `day`, in the same month. None when the month is
/// shorter.
fn nearest(day: NaiveDate, wanted: u32) -> Option<u32> {
    let length = u32::from(day.num_days_in_month());
    Some(match day.with_day(wanted)?.weekday() {
        Weekday::Sat if wanted == 1 => 3,
        Weekday::Sat => wanted - 1,
        Weekday::Sun if wanted == length => wanted - 2,
        Weekday::Sun => wanted + 1,
        Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => wanted,
    })
}

impl WeekDays {
    fn has(&self, day: NaiveDate) -> bool {
        let weekday = day.weekday().num_days_from_sunday();
        self.plain.has(weekday)
            || self.nth[day.day0() as usize / 7].has(weekday)
            || (self.last.has(weekday) && day.day() + 7 > u32::from(day.num_days_in_month()))
    }

    pub(super) fn vary(&self) -> bool {
        !self.last.is_empty() || self.nth.iter().any(|days| !days.is_empty())
    }

    /// Every weekday that it can select.
    pub(super) fn possible(&self) -> Values {
        let mut days = self.plain;
        self.nth.iter().chain([&self.last]).flat_map(|set| set.iter()).for_each(|day| days.insert(day));
        days
    }
}
