//! The upgrade from the last release, rehearsed: its nodes and ours work on one database while the migrations run, then ours
//! alone. `make chaos` builds the release and names its binary in `RELEASE_BINARY`.

use crate::invariants;
use crate::load::{IN_TIME, Load};
use crate::node::{Node, let_in, until, url};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Tasks that are there before the upgrade.
const TASKS: u64 = 1_000_000;
/// Nobody may wait longer for a lock.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

#[sqlx::test(migrations = false)]
async fn the_last_release_and_this_version_share_a_database_over_an_upgrade(pool: PgPoolOptions, on: PgConnectOptions) {
    let (database, pool) = (url(&on), pool.max_connections(4).connect_with(on).await.unwrap());
    let release = std::env::var("RELEASE_BINARY").expect("RELEASE_BINARY names the binary of the last release");
    let old = async || {
        let node = Node::of(&release, &database, &[]).await;
        node.gets_ready().await;
        let_in(&database).await;
        node
    };
    let (one, two) = (old().await, old().await);
    let project = one.client.project(0).await;
    fill(&pool, &one.client.project(0).await).await;
    let watch = Watch::start(&pool);
    let load = Load::start(&[&one.client, &two.client], &project, 2);
    load.goes_on(100).await;
    // The first new node migrates while the old ones work; then all three do.
    let new = Node::ready(&database, &[]).await;
    load.goes_on(100).await;
    let beside = Load::start(&[&new.client], &project, 2);
    beside.goes_on(100).await;
    one.terminate();
    assert!(one.ended().await.success());
    let another = Node::ready(&database, &[]).await;
    beside.goes_on(100).await;
    let (log, beside) = (load.end().await, beside.end().await);
    two.terminate();
    assert!(two.ended().await.success());
    until("all that was deleted is gone", async || open(&pool).await == 0).await;
    println!("accepted {} by the release and {} by this version", log.accepted.len(), beside.accepted.len());
    for log in [&log, &beside] {
        assert!(log.slowest < IN_TIME, "an answer took {:?}", log.slowest);
        log.is_true(&pool).await;
    }
    invariants::hold(&pool).await;
    let longest = watch.end().await;
    println!("the longest wait for a lock: {longest:?}");
    assert!(longest < LONGEST_WAIT, "somebody waited for a lock for {longest:?}");
    drop((new, another));
    pool.close().await;
}

async fn open(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM deletions WHERE completed_at IS NULL").fetch_one(pool).await.unwrap()
}

/// Writes a million tasks that are not due.
async fn fill(pool: &PgPool, project: &str) {
    let id: uuid::Uuid = project.rsplit('/').next().unwrap().parse().unwrap();
    let statement = format!(
        "WITH made AS (
             INSERT INTO tasks (id, project_id, name, schedule_type, schedule_config, schedule_description, status,
                 timeout_seconds, overlap_policy, missed_run_policy, completion)
             SELECT gen_random_uuid(), '{id}', 'Task ' || n, 'RECURRING', '{{\"cron_expression\": \"0 3 * * *\"}}', 'Every day',
                 'ACTIVE', 30, 'SKIP', 'SKIP', 'RESPONSE'
             FROM generate_series(1, {TASKS}) AS n RETURNING id)
         INSERT INTO task_schedules (task_id, next_run_at) SELECT id, now() + interval '1 day' FROM made"
    );
    sqlx::query(AssertSqlSafe(statement)).execute(pool).await.unwrap();
    sqlx::query("ANALYZE").execute(pool).await.unwrap();
}

/// Looks for the longest wait for a lock.
struct Watch {
    longest: Arc<AtomicU64>,
    stop: CancellationToken,
    looking: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn start(pool: &PgPool) -> Self {
        let (longest, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let look = {
            let (pool, longest) = (pool.clone(), Arc::clone(&longest));
            // An advisory lock is no obstacle: nodes that start wait for the one that migrates.
            let statement =
                "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - l.waitstart)) * 1000, 0)::bigint
                             FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                             WHERE NOT l.granted AND l.locktype <> 'advisory' AND d.datname = current_database()";
            async move {
                let mut pace = tokio::time::interval(Duration::from_millis(50));
                loop {
                    pace.tick().await;
                    let waited: i64 = sqlx::query_scalar(statement).fetch_one(&pool).await.unwrap();
                    longest.fetch_max(waited.unsigned_abs(), Ordering::Relaxed);
                }
            }
        };
        let ended = stop.clone();
        let looking = tokio::spawn(async move {
            ended.run_until_cancelled(look).await;
        });
        Self { longest, stop, looking }
    }

    async fn end(self) -> Duration {
        self.stop.cancel();
        self.looking.await.unwrap();
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }
}
