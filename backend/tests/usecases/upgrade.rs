//! The upgrade from the last release: the migrations since then apply to its rows without holding anybody up, and what it sends
//! and writes stays valid, so that its nodes work on while the new ones start.
//!
//! `upgrade/release.json` has the migrations and statements of the release, `upgrade/rows.sql` rows that its own binary wrote;
//! `cargo xtask release` makes both anew when a version is released.

use crate::support::{World, actor, scheduled};
use backend::database::{self, Unfit};
use backend::migrate::MIGRATOR;
use backend::pools::{PoolSettings, pool};
use backend::tasks::delete;
use backend::tasks::etag::Precondition;
use serde::Deserialize;
use sqlx::migrate::Migration;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Connection, Executor, PgConnection, PgPool, SqlSafeStr, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// The last release.
#[derive(Deserialize)]
struct Release {
    version: String,
    commit: String,
    /// The checksum of each migration, in hexadecimal digits.
    migrations: BTreeMap<i64, String>,
    statements: Vec<String>,
}

const ROWS: &str = include_str!("upgrade/rows.sql");

/// Tables that may have millions of rows: no migration may read one of them whole, or build an index on it.
const LARGE: [&str; 11] = [
    "alert_deliveries",
    "alerts",
    "audit",
    "deletions",
    "events",
    "execution_logs",
    "executions",
    "idempotency_keys",
    "jobs",
    "task_schedules",
    "tasks",
];

/// Exceptions: the migration, the table, the reason.
const ALLOWED: [(i64, &str, &str); 1] =
    [(20_261_130_050_000, "tasks", "counts them once; a million take under a second")];

/// Tables that may be empty: nothing that a release writes into them is looked for after the upgrade.
const MAY_BE_EMPTY: [&str; 0] = [];

fn release() -> Release {
    serde_json::from_str(include_str!("upgrade/release.json")).unwrap()
}

impl Release {
    fn last(&self) -> i64 {
        *self.migrations.last_key_value().unwrap().0
    }

    /// The migrations since then.
    fn later(&self) -> impl Iterator<Item = &'static Migration> {
        let last = self.last();
        MIGRATOR.iter().filter(move |migration| migration.version > last)
    }

    /// Gives an empty database the schema of the release.
    async fn install(&self, pool: &PgPool) {
        backend::jobs::migrate(pool).await.unwrap();
        MIGRATOR.run_to(self.last(), pool).await.unwrap();
    }
}

async fn connect(on: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_with(on.clone()).await.unwrap()
}

async fn write_rows(pool: &PgPool) {
    sqlx::raw_sql(ROWS).execute(pool).await.unwrap();
}

/// Our tables and indexes, each with the file that holds it: another one means that it was written anew.
async fn files(conn: &mut PgConnection) -> BTreeMap<String, i64> {
    let statement = "SELECT oid::regclass::text, relfilenode::bigint FROM pg_class
                     WHERE relkind IN ('r', 'i') AND relnamespace IN ('public'::regnamespace, 'apalis'::regnamespace)";
    sqlx::query_as::<_, (String, i64)>(statement).fetch_all(conn).await.unwrap().into_iter().collect()
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(pool).await.unwrap()
}

#[test]
fn the_file_that_names_the_last_release_and_what_is_kept_of_it_agree() {
    let release = release();
    let named = include_str!("../../../RELEASE");
    let value = |name: &str| named.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap().to_owned();
    assert_eq!((value("version"), value("commit")), (release.version, release.commit));
}

#[test]
fn what_was_released_is_never_changed_and_nothing_is_slipped_in_before_it() {
    let release = release();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let ours = MIGRATOR.iter().filter(|migration| migration.version <= release.last());
    let ours: BTreeMap<i64, String> = ours.map(|migration| (migration.version, hex(&migration.checksum))).collect();
    assert_eq!(ours, release.migrations);
}

#[sqlx::test(migrations = false)]
async fn later_migrations_take_no_long_lock_and_every_row_survives_them(_: PgPoolOptions, on: PgConnectOptions) {
    let (release, pool) = (release(), connect(&on).await);
    release.install(&pool).await;
    write_rows(&pool).await;
    let mut conn = pool.acquire().await.unwrap();
    let tables: Vec<String> =
        files(&mut conn).await.into_keys().filter(|name| !name.contains("_sqlx_migrations")).collect();
    let is_table = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid::regclass::text = ANY($1)";
    let tables: Vec<String> = sqlx::query_scalar(is_table).bind(tables).fetch_all(&mut *conn).await.unwrap();
    let mut before = BTreeMap::new();
    for table in &tables {
        let rows = count(&pool, table).await;
        assert!(rows > 0 || MAY_BE_EMPTY.contains(&table.as_str()), "{table} is empty");
        before.insert(table, rows);
    }
    for migration in release.later() {
        // What a connection has read is counted over its transactions: each migration is tried out on a new one.
        applies_gently(&mut PgConnection::connect_with(&on).await.unwrap(), migration).await;
        MIGRATOR.run_to(migration.version, &pool).await.unwrap();
    }
    for (table, rows) in before {
        assert_eq!(count(&pool, table).await, rows, "{table}");
    }
    drop(conn);
    pool.close().await;
}

/// Tries a migration out, and rolls it back.
async fn applies_gently(conn: &mut PgConnection, migration: &Migration) {
    let version = migration.version;
    let before = files(conn).await;
    let mut tx = conn.begin().await.unwrap();
    sqlx::raw_sql(migration.sql.clone()).execute(&mut *tx).await.unwrap();
    let patience: String = sqlx::query_scalar("SHOW lock_timeout").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(patience, "5s", "{version} may wait for a lock as long as it likes, and others wait behind it");
    let read = "SELECT relname::text FROM pg_stat_xact_user_tables WHERE seq_tup_read > 0 AND relname = ANY($1)";
    let read: Vec<String> = sqlx::query_scalar(read).bind(&LARGE[..]).fetch_all(&mut *tx).await.unwrap();
    let is_allowed = |table: &String| ALLOWED.iter().any(|(of, name, _)| *of == version && name == table);
    let read: Vec<_> = read.into_iter().filter(|table| !is_allowed(table)).collect();
    assert!(read.is_empty(), "{version} reads large tables whole: {read:?}");
    let after = files(&mut tx).await;
    for (name, file) in before {
        assert!(after.get(&name).is_none_or(|now| *now == file), "{version} writes {name} anew");
    }
    tx.rollback().await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn every_statement_of_the_release_means_the_same_after_the_upgrade(_: PgPoolOptions, on: PgConnectOptions) {
    let (release, pool) = (release(), connect(&on).await);
    assert!(release.statements.len() > 100, "the statements of the release are missing");
    release.install(&pool).await;
    let before = shapes(&on, &release.statements).await;
    MIGRATOR.run(&pool).await.unwrap();
    let after = shapes(&on, &release.statements).await;
    for ((statement, before), after) in release.statements.iter().zip(before).zip(after) {
        assert_eq!(before, after, "{statement}");
    }
    pool.close().await;
}

/// The parameters and columns of each statement.
async fn shapes(on: &PgConnectOptions, statements: &[String]) -> Vec<String> {
    let mut conn = PgConnection::connect_with(on).await.unwrap();
    let mut shapes = Vec::new();
    for statement in statements {
        let prepared = (&mut conn).prepare(AssertSqlSafe(statement.clone()).into_sql_str()).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{error}: {statement}"));
        let columns: Vec<_> = prepared
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.type_info().to_string()))
            .collect();
        shapes.push(format!("{:?} {columns:?}", prepared.parameters()));
    }
    shapes
}

#[sqlx::test(migrations = false)]
async fn what_a_node_of_the_release_writes_beside_new_ones_is_whole(_: PgPoolOptions, on: PgConnectOptions) {
    let (release, pool) = (release(), connect(&on).await);
    release.install(&pool).await;
    MIGRATOR.run(&pool).await.unwrap();
    write_rows(&pool).await;
    let without = "SELECT count(*) FROM task_schedules WHERE project_id IS NULL";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(without).fetch_one(&pool).await.unwrap(),
        0,
        "schedules know their project"
    );
    let counted = "SELECT coalesce(sum(count), 0)::bigint FROM quota_counts WHERE kind = 'tasks'";
    let counted: i64 = sqlx::query_scalar(counted).fetch_one(&pool).await.unwrap();
    assert_eq!(counted, count(&pool, "tasks WHERE status IN ('ACTIVE', 'DISABLED')").await, "tasks are counted");
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn tasks_of_the_release_are_read_and_deleted_durably_after_the_upgrade(_: PgPoolOptions, on: PgConnectOptions) {
    let (release, pool) = (release(), connect(&on).await);
    release.install(&pool).await;
    write_rows(&pool).await;
    let world = World::new(&on).await;
    let tasks: Vec<(Uuid, Uuid)> =
        sqlx::query_as("SELECT id, project_id FROM tasks WHERE status IN ('ACTIVE', 'DISABLED')")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert!(tasks.len() > 2, "the release had tasks");
    let mut open = BTreeSet::new();
    for (id, project) in tasks {
        let task = backend::tasks::get(&world.backend, project, id).await.unwrap();
        assert!(!task.name.is_empty());
        let asked = delete::request(&world.backend, &actor(), project, id, &Precondition::None).await.unwrap();
        open.insert(scheduled(asked).id);
    }
    let fenced = count(&pool, "tasks WHERE status IN ('ACTIVE', 'DISABLED')").await;
    assert_eq!(fenced, 0, "every task is fenced");
    let due = "SELECT count(*) FROM task_schedules";
    assert_eq!(sqlx::query_scalar::<_, i64>(due).fetch_one(&pool).await.unwrap(), 0, "nothing of them is planned");
    world.end().await;
    pool.close().await;
}

#[sqlx::test(migrations = false)]
async fn a_database_says_which_versions_are_too_old_for_it_and_lets_all_others_run(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let first = connect(&on).await;
    backend::migrate::run(&first).await.unwrap();
    // A later version has been here.
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (99991231000000, 'of a later version', true, '', 0)";
    sqlx::query(later).execute(&first).await.unwrap();
    backend::migrate::run(&first).await.unwrap();
    let limit = Duration::from_secs(10);
    let settings =
        PoolSettings { max_connections: 1, acquire_timeout: limit, statement_timeout: limit, silent_timeout: None };
    let ours = pool(on.to_url_lossy().as_str(), "test", settings).unwrap();
    database::check(&ours).await.unwrap();
    assert!(backend::migrate::is_current(&first).await.unwrap());
    let needs = "UPDATE oldest_version SET migration = 99991231000000, version = '9.9.0'";
    sqlx::query(needs).execute(&first).await.unwrap();
    let refused = database::check(&ours).await.unwrap_err();
    assert!(matches!(&refused, Unfit::TooNew(version) if version == "9.9.0"), "{refused}");
    assert!(refused.to_string().starts_with("this database needs Sexton 9.9.0 or later; this is "), "{refused}");
    ours.close().await;
    first.close().await;
}
