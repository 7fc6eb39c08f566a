//! How far the tail has read, and which numbers below are still missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A number that has not appeared for so long belongs to a transaction that was rolled back: statements time out earlier.
const GAP_LIFE: Duration = Duration::from_secs(60);
/// Gaps that are remembered at the most; behind a longer jump only the newest are.
const MAX_GAPS: i64 = 10_000;

/// The highest number seen, and the gaps below it with the time since when they are known.
pub(super) struct Cursor {
    newest: i64,
    gaps: BTreeMap<i64, Instant>,
}

impl Cursor {
    pub(super) fn at((newest, missing): (i64, Vec<i64>), now: Instant) -> Self {
        Self { newest, gaps: missing.into_iter().map(|seq| (seq, now)).collect() }
    }

    pub(super) fn newest(&self) -> i64 {
        self.newest
    }

    pub(super) fn gaps(&self) -> Vec<i64> {
        self.gaps.keys().copied().collect()
    }

    pub(super) fn saw(&mut self, seq: i64, now: Instant) {
        self.gaps.remove(&seq);
        if seq > self.newest {
            let first = (self.newest + 1).max(seq - MAX_GAPS);
            self.gaps.extend((first..seq).map(|missing| (missing, now)));
            self.newest = seq;
        }
    }

    pub(super) fn forget_old_gaps(&mut self, now: Instant) {
        self.gaps.retain(|_, since| now.duration_since(*since) < GAP_LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_commits_late_is_asked_for_until_it_appears() {
        let now = Instant::now();
        let mut cursor = Cursor::at((10, vec![7]), now);
        cursor.saw(13, now);
        assert_eq!((cursor.newest(), cursor.gaps()), (13, vec![7, 11, 12]));
        cursor.saw(11, now);
        cursor.saw(7, now);
        cursor.forget_old_gaps(now + Duration::from_secs(59));
        assert_eq!(cursor.gaps(), vec![12]);
        cursor.forget_old_gaps(now + Duration::from_secs(60));
        assert_eq!(cursor.gaps(), Vec::<i64>::new());
    }

    #[test]
    fn a_long_jump_remembers_a_bounded_number_of_gaps() {
        let mut cursor = Cursor::at((0, Vec::new()), Instant::now());
        cursor.saw(1_000_000, Instant::now());
        assert_eq!(cursor.gaps().len(), 10_000);
        assert_eq!(cursor.newest(), 1_000_000);
    }
}
