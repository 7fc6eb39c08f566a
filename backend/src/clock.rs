//! The clocks of this machine that decide whether it is too late for a call.
//!
//! The usual monotonic clock (`Instant`) stands still while Linux or macOS is suspended, so a machine that wakes would still
//! believe in a lease that ended hours ago. A [`Moment`] therefore reads two clocks: one that counts suspended time, and the
//! wall clock. A deadline has passed as soon as either clock is past it: setting the wall clock back cannot extend it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A reading of both clocks, each from a start of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Time since boot, suspended time included. Never goes back.
    pub boot: Duration,
    /// Time since 1970 by the wall clock. May be set.
    pub wall: Duration,
}

impl Moment {
    /// The moment `delay` later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { boot: self.boot.saturating_add(delay), wall: self.wall.saturating_add(delay) }
    }

    /// Whether either clock is past this moment at `now`.
    #[must_use]
    pub fn is_past(self, now: Self) -> bool {
        now.boot > self.boot || now.wall > self.wall
    }

    /// Time from `earlier` to this moment, suspended time included.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.boot.saturating_sub(earlier.boot)
    }
}

/// Reads both clocks. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// A clock that reads what `read` returns.
    pub fn new(read: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// This machine's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self::new(read)
    }

    /// What both clocks show.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock at {:?}", self.now())
    }
}

fn read() -> Moment {
    let wall = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Tests hold one clock back, and expect the other to decide.
    let is_held = crate::faults::is_on;
    Moment {
        boot: if is_held("clock.boot") { Duration::ZERO } else { boot() },
        wall: if is_held("clock.wall") { Duration::ZERO } else { wall() },
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn boot() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    // Unlike Linux's, the monotonic clock of macOS goes on while the machine sleeps.
    #[cfg(target_os = "macos")]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// On other systems the standard monotonic clock is all there is; the wall clock covers a suspended machine.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn boot() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: u64, wall: u64) -> Moment {
        Moment { boot: Duration::from_secs(boot), wall: Duration::from_secs(wall) }
    }

    #[test]
    fn a_deadline_has_passed_as_soon_as_either_clock_is_past_it() {
        let until = at(100, 1_000).after(Duration::from_secs(10));
        assert_eq!(until, at(110, 1_010));
        let table = [
            ("in time", at(109, 1_009), false),
            ("to the second", at(110, 1_010), false),
            ("both are past it", at(111, 1_011), true),
            ("the machine was suspended, and the wall clock is set only later", at(4_000, 1_001), true),
            ("the boot clock stands still", at(101, 4_000), true),
            ("the wall clock was set back, in time", at(105, 10), false),
            ("the wall clock was set back, too late", at(111, 10), true),
        ];
        for (what, now, is_past) in table {
            assert_eq!(until.is_past(now), is_past, "{what}");
        }
    }

    #[test]
    fn the_clocks_of_this_machine_go_on() {
        let clock = Clock::system();
        let before = clock.now();
        while clock.now() == before {}
        let after = clock.now();
        assert!(after.boot > before.boot && after.wall > before.wall, "{before:?} {after:?}");
        assert_eq!(after.since(before), after.boot - before.boot);
    }
}
