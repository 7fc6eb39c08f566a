//! How often somebody may ask: a limit a key (GCRA: a burst, then one by one), in the memory of this node.
//!
//! Invariant: a refusal says when to come back, and asking then works unless others ask in between. A key that has not
//! asked for long is forgotten, so that keys that somebody makes up cost no memory for long. Used by `server/edge/rate.rs`
//! for requests, and by whoever checks passwords ([`SignInLimiter`]).

use domain::error::{ProblemKind, Refusal};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// After so many questions, keys that have not asked for long are forgotten.
const TIDY_AFTER: u32 = 1_024;

/// A limit a key.
pub struct Limiter<K: Hash + Eq + Clone, C: Clock = DefaultClock> {
    keys: RateLimiter<K, HashMapStateStore<K>, C, StateInformationMiddleware>,
    clock: C,
    asked: AtomicU32,
}

/// How long somebody has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Seconds until it can be asked again, at least 1.
    pub retry_after_seconds: u64,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// By the clock of this machine; see [`Limiter::new`].
    #[must_use]
    pub fn by_the_clock(every: Duration, burst: NonZeroU32) -> Self {
        Self::new(every, burst, &DefaultClock::default())
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Limiter<K, C> {
    /// Lets `burst` pass at once, then one `every` so long.
    pub fn new(every: Duration, burst: NonZeroU32, clock: &C) -> Self {
        // Only a duration of zero is none.
        let quota = Quota::with_period(every).unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX)).allow_burst(burst);
        let keys = RateLimiter::new(quota, HashMapStateStore::default(), clock.clone());
        Self { keys, clock: clock.clone(), asked: AtomicU32::new(0) }
    }

    /// Counts a question of `key`; answers how many more it could ask now.
    ///
    /// # Errors
    /// How long it has to wait; then it is not counted.
    pub fn check(&self, key: &K) -> Result<u32, TooMany> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % TIDY_AFTER == TIDY_AFTER - 1 {
            self.keys.retain_recent();
            self.keys.shrink_to_fit();
        }
        match self.keys.check_key(key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_yet) => {
                let wait = not_yet.wait_time_from(self.clock.now());
                Err(TooMany { retry_after_seconds: wait.as_millis().div_ceil(1_000).max(1) as u64 })
            }
        }
    }

    /// Keys that are remembered.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True when no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl From<TooMany> for Refusal {
    fn from(TooMany { retry_after_seconds }: TooMany) -> Self {
        let detail = format!("That was too often; try again in {retry_after_seconds} s.");
        Self::new(ProblemKind::TooManyRequests, detail)
    }
}

/// Who is counted together behind an address: one of IPv4, or the network of 2⁶⁴ that one customer has.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Attempts against one subject at once, from wherever they come; then one every [`SUBJECT_EVERY`].
const SUBJECT_BURST: NonZeroU32 = NonZeroU32::new(5).unwrap();
/// See [`SUBJECT_BURST`].
const SUBJECT_EVERY: Duration = Duration::from_secs(10);
/// Attempts from one address at once, for whatever accounts; then one every [`ADDRESS_EVERY`]. A whole office may be behind it.
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// See [`ADDRESS_BURST`].
const ADDRESS_EVERY: Duration = Duration::from_secs(3);

/// What the attempts that are counted together have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The account with this address, as the database folds its case; there need not be one.
    Account(String),
    /// A browser that has signed in to this account before. Attempts by strangers do not use its share up.
    Device(Uuid, Vec<u8>),
    /// A person who is signed in and gives their password again.
    Person(Uuid),
}

/// Limits attempts to prove who one is, by subject and by address. It counts every attempt, also for an account that does
/// not exist, so that the answers do not show which accounts do.
pub struct SignInLimiter<C: Clock = DefaultClock> {
    subjects: Limiter<Subject, C>,
    addresses: Limiter<IpAddr, C>,
}

impl Default for SignInLimiter {
    fn default() -> Self {
        Self::new(&DefaultClock::default())
    }
}

impl<C: Clock + Clone> SignInLimiter<C> {
    /// With this clock.
    pub fn new(clock: &C) -> Self {
        Self {
            subjects: Limiter::new(SUBJECT_EVERY, SUBJECT_BURST, clock),
            addresses: Limiter::new(ADDRESS_EVERY, ADDRESS_BURST, clock),
        }
    }

    /// Counts an attempt from this address; call it before anything expensive.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn check_address(&self, address: IpAddr) -> Result<(), TooMany> {
        self.addresses.check(&neighbourhood(address)).map(|_| ())
    }

    /// Counts an attempt against this subject; call it before the password is hashed.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn check(&self, subject: &Subject) -> Result<(), TooMany> {
        self.subjects.check(subject).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    const ADA: &str = "ada@example.com";

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into()
    }

    #[test]
    fn after_a_burst_it_says_when_to_come_back_and_then_one_may() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(Duration::from_secs(10), NonZeroU32::new(3).unwrap(), &clock);
        assert_eq!([(); 3].map(|()| limiter.check(&"a")), [Ok(2), Ok(1), Ok(0)]);
        assert_eq!(limiter.check(&"a"), Err(TooMany { retry_after_seconds: 10 }));
        assert_eq!(limiter.check(&"b"), Ok(2), "another key has its own");
        clock.advance(Duration::from_millis(9_500));
        assert_eq!(limiter.check(&"a"), Err(TooMany { retry_after_seconds: 1 }));
        clock.advance(Duration::from_millis(500));
        assert_eq!(limiter.check(&"a"), Ok(0));
        assert_eq!(limiter.check(&"a"), Err(TooMany { retry_after_seconds: 10 }));
        clock.advance(Duration::from_secs(30));
        assert_eq!(limiter.check(&"a"), Ok(2));
    }

    #[test]
    fn keys_that_ask_no_more_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(Duration::from_secs(1), NonZeroU32::new(2).unwrap(), &clock);
        for key in 0..100 * TIDY_AFTER {
            clock.advance(Duration::from_millis(10));
            assert_eq!(limiter.check(&key), Ok(1));
        }
        assert!(limiter.len() <= 2 * TIDY_AFTER as usize, "{} keys", limiter.len());
    }

    #[test]
    fn a_subject_is_guessed_at_slowly_and_each_has_its_own_share() {
        let clock = FakeRelativeClock::default();
        let limiter = SignInLimiter::new(&clock);
        let account = Subject::Account(ADA.to_owned());
        for _ in 0..5 {
            assert_eq!(limiter.check(&account), Ok(()));
        }
        assert_eq!(limiter.check(&account), Err(TooMany { retry_after_seconds: 10 }));
        let others = [
            Subject::Account("grace@example.com".to_owned()),
            Subject::Device(Uuid::nil(), vec![1]),
            Subject::Device(Uuid::nil(), vec![2]),
            Subject::Person(Uuid::nil()),
        ];
        for other in &others {
            assert_eq!(limiter.check(other), Ok(()), "{other:?}");
        }
        clock.advance(Duration::from_secs(10));
        assert_eq!(limiter.check(&account), Ok(()));
        assert!(limiter.check(&account).is_err());
    }

    #[test]
    fn an_address_guesses_at_accounts_slowly() {
        let clock = FakeRelativeClock::default();
        let limiter = SignInLimiter::new(&clock);
        let near = |n: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, n, n, n));
        let passed = (0..1_000).filter(|n| limiter.check_address(near(*n)).is_ok()).count();
        assert_eq!(passed, 20, "the neighbours of a network are one");
        assert_eq!(limiter.check_address(near(7)), Err(TooMany { retry_after_seconds: 3 }));
        assert_eq!(limiter.check_address(address(1)), Ok(()));
        clock.advance(Duration::from_secs(3));
        assert_eq!(limiter.check_address(near(7)), Ok(()));
    }

    #[test]
    fn a_refusal_says_how_long() {
        let refusal = Refusal::from(TooMany { retry_after_seconds: 7 });
        assert_eq!((refusal.kind, refusal.detail.contains("7 s")), (ProblemKind::TooManyRequests, true));
    }
}
