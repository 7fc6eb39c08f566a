//! Passes by the clock, and the settings that must be refused.

use backend::jobs::{QueueSettings, run_cron};
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::support::*;

#[tokio::test]
async fn cron_ticks_each_second_and_survives_panics_and_passes_that_hang() {
    let (sender, mut ticks) = unbounded_channel();
    let (stop, number) = (CancellationToken::new(), AtomicU32::new(0));
    let token = stop.clone();
    let cron = tokio::spawn(async move {
        run_cron("test", "* * * * * *", Duration::from_millis(300), token, move || {
            let number = number.fetch_add(1, Ordering::SeqCst);
            sender.send(Utc::now()).ok();
            assert!(number != 0, "the closure panics");
            async move {
                match number {
                    1 => panic!("the pass panics"),
                    2 => std::future::pending().await,
                    _ => {}
                }
            }
            .boxed()
        })
        .await
    });
    let mut seen: Vec<DateTime<Utc>> = Vec::new();
    for _ in 0..5 {
        seen.push(tokio::time::timeout(PATIENCE, ticks.recv()).await.unwrap().unwrap());
    }
    assert!(seen.windows(2).all(|pair| pair[1] - pair[0] > TimeDelta::milliseconds(300)), "{seen:?}");
    stop.cancel();
    tokio::time::timeout(PATIENCE, cron).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_invalid_cron_expression_is_refused_at_once() {
    let error = run_cron("nightly", "61 * * * *", Duration::from_secs(1), CancellationToken::new(), || {
        std::future::ready(()).boxed()
    });
    let error = error.await.unwrap_err().to_string();
    assert!(error.contains("nightly") && error.contains("61 * * * *"), "{error}");
}

#[test]
fn settings_with_which_a_busy_worker_looks_dead_are_refused() {
    assert!(QueueSettings::default().check().is_ok());
    assert!(QueueSettings { batch_size: 500, ..QueueSettings::default() }.check().is_err());
    assert!(QueueSettings { concurrency: 0, ..QueueSettings::default() }.check().is_err());
}
