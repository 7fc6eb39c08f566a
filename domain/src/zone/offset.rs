//! A zone as chrono sees it.

use super::Zone;
use chrono::{Datelike, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, civil};
use std::fmt;

/// The offset of a zone at a moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ZoneOffset {
    zone: Zone,
    fixed: FixedOffset,
}

impl ZoneOffset {
    fn new(zone: Zone, offset: jiff::tz::Offset) -> Self {
        let utc = FixedOffset::east_opt(0);
        let fixed = FixedOffset::east_opt(offset.seconds()).or(utc).unwrap_or_else(|| chrono::Utc.fix());
        Self { zone, fixed }
    }
}

impl Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.fixed
    }
}

impl fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fixed, f)
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fixed, f)
    }
}

impl TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let new = |offset| ZoneOffset::new(*self, offset);
        let Some(wall) = civil(local) else {
            return MappedLocalTime::Single(self.offset_from_utc_datetime(local));
        };
        match self.rules.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(new(offset)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => MappedLocalTime::Ambiguous(new(before), new(after)),
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        ZoneOffset::new(*self, self.offset_at(timestamp(utc.and_utc().timestamp())))
    }
}

/// The moment this many seconds after the epoch, or the nearest one of the years -9999 to 9999.
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    let nearest = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(nearest)
}

/// A wall time; none outside of the years -9999 to 9999.
fn civil(local: &NaiveDateTime) -> Option<civil::DateTime> {
    let small = |number: u32| i8::try_from(number).ok();
    let (date, time) = (local.date(), local.time());
    // Chrono writes a leap second as the nanoseconds after the second before it.
    let nanoseconds = i32::try_from(time.nanosecond().min(999_999_999)).ok()?;
    civil::DateTime::new(
        i16::try_from(date.year()).ok()?,
        small(date.month())?,
        small(date.day())?,
        small(time.hour())?,
        small(time.minute())?,
        small(time.second())?,
        nanoseconds,
    )
    .ok()
}
