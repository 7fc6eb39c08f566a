//! Planning tasks anew when the rules of time zones change.

use backend::Backend;
use backend::zones::{self, Step};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often the database is asked for newer rules.
const TICK: Duration = Duration::from_secs(10);
/// A step that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plans the tasks of changed zones anew, and says when another node has newer rules.
pub(super) async fn run(backend: Backend, stop: CancellationToken) {
    let ours = domain::zone::current();
    let mut newer = None;
    while !stop.is_cancelled() {
        let mut is_more = false;
        match timeout(PATIENCE, zones::step(&backend)).await {
            Ok(Ok(Step::Outdated(release))) => {
                metrics::gauge!("sexton_zone_data_outdated").set(1.0);
                if newer.as_ref() != Some(&release) {
                    tracing::warn!(
                        "this node has the tz database {ours}, but another one has used {release}: it plans no task anew, and \
                         may compute runs by old rules. Give all nodes the same tz database"
                    );
                    newer = Some(release);
                }
            }
            Ok(Ok(step)) => {
                metrics::gauge!("sexton_zone_data_outdated").set(0.0);
                newer = None;
                is_more = step == Step::More;
            }
            Ok(Err(error)) => tracing::warn!(%error, "tasks could not be planned by the rules of their time zones"),
            Err(_) => tracing::warn!("planning tasks by the rules of their time zones got no answer from the database"),
        }
        if !is_more {
            stop.run_until_cancelled(sleep(TICK)).await;
        }
    }
}
