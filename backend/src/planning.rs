//! Computing schedules while rows are locked: beside the runtime, and for a limited time.
//!
//! Invariant: whoever wrote the schedules, a transaction that computes them ends soon. What is left comes in the next one.

use crate::{Error, Result};
use std::time::{Duration, Instant};

/// For how long one transaction computes schedules, at most.
pub(crate) const WITHIN: Duration = Duration::from_millis(250);

/// Applies `plan` to `items`, in order, until time is up, and to the first one in any case. There are as many results as items
/// were looked at.
///
/// # Errors
/// [`Error::Broken`] when `plan` panics.
pub(crate) async fn in_time<T, R, F>(items: Vec<T>, plan: F) -> Result<Vec<R>>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(&T) -> R + Send + 'static,
{
    let planning = move || {
        let until = Instant::now() + WITHIN;
        let in_time = |(nth, _): &(usize, &T)| *nth == 0 || Instant::now() < until;
        items.iter().enumerate().take_while(in_time).map(|(_, item)| plan(item)).collect()
    };
    tokio::task::spawn_blocking(planning).await.map_err(|_| Error::Broken("a schedule could not be computed"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    /// Takes time of the processor, as a schedule does.
    fn compute(time: Duration) {
        let begin = Instant::now();
        while begin.elapsed() < time {}
    }

    #[tokio::test]
    async fn what_takes_too_long_ends_after_a_while_and_never_before_the_first_item() {
        let slow = in_time(vec![(); 1_000], |()| compute(Duration::from_millis(20))).await.unwrap();
        assert!((1..=20).contains(&slow.len()), "{} items", slow.len());
        assert_eq!(in_time(vec![(); 2], |()| compute(2 * WITHIN)).await.unwrap().len(), 1);
        assert_eq!(in_time(vec![1, 2, 3], |item| item * 2).await.unwrap(), [2, 4, 6]);
        assert!(in_time(Vec::<u8>::new(), |item| *item).await.unwrap().is_empty());
    }
}
