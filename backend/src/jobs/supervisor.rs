//! Keeps loops alive: starts them again after every end, with a growing pause, until they are told to stop.

use apalis::prelude::{WorkerContext, WorkerError};
use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Short: after the longest outage the first work begins within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A run that lasted this long was well: the next pause is the first again.
const WELL: Duration = Duration::from_secs(30);

/// Runs `once` again and again until `stop`. A run that panics counts as one that failed.
pub(super) async fn supervise<F, Run>(what: &str, stop: &CancellationToken, mut once: F)
where
    F: FnMut(u64) -> Run,
    Run: Future<Output = Result<(), String>>,
{
    let mut pause = FIRST_PAUSE;
    let mut number = 0;
    while !stop.is_cancelled() {
        let began = Instant::now();
        let ended = flatten(AssertUnwindSafe(once(number)).catch_unwind().await);
        number += 1;
        if stop.is_cancelled() {
            break;
        }
        if began.elapsed() > WELL {
            pause = FIRST_PAUSE;
        }
        let reason = ended.err().unwrap_or_else(|| "ended by itself".to_owned());
        tracing::warn!(what, reason, ?pause, "loop ended and will be started again");
        let _ = tokio::time::timeout(pause, stop.cancelled()).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Runs an apalis worker until it ends or `stop`; then its tasks in flight get `grace` before they are dropped.
pub(super) async fn until_stopped<Run>(
    run: Run,
    context: &WorkerContext,
    stop: &CancellationToken,
    grace: Duration,
) -> Result<(), String>
where
    Run: Future<Output = Result<(), WorkerError>>,
{
    let mut run = pin!(AssertUnwindSafe(run.map(|end| end.map_err(|error| error.to_string()))).catch_unwind());
    tokio::select! {
        // The worker first: it must have started before it can be told to stop.
        biased;
        ended = &mut run => return flatten(ended),
        () = stop.cancelled() => {}
    }
    context.stop().map_err(|error| error.to_string())?;
    match tokio::time::timeout(grace, run).await {
        Ok(ended) => flatten(ended),
        Err(_) => Err(format!("cut off {} tasks after {grace:?}", context.task_count())),
    }
}

fn flatten(ended: Result<Result<(), String>, Box<dyn Any + Send>>) -> Result<(), String> {
    ended.unwrap_or_else(|panic| Err(format!("panicked: {}", panic_text(panic.as_ref()))))
}

/// What a panic said. Never empty.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.filter(|text| !text.trim().is_empty()).unwrap_or("panic without a message").to_owned()
}
