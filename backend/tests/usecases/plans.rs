//! Plans: every statement of the sources is explained on a database that has grown, and none may read a large table whole, filter
//! on a time that an index holds, or compare with a volatile function.

mod sources;

use crate::support::World;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const HOT: &str = "01990000-0000-7000-8000-000000000001";
const GROWN: &str = include_str!("plans/grown.sql");
/// Tables with more rows than this are large: for the planner they have FACTOR times as many.
const LARGE: i64 = 4_000;
const FACTOR: i64 = 200;
/// More than any statement may cost. To read a large table whole costs at least ten times as much.
const MOST_COST: f64 = 60_000.0;

/// What is refused otherwise, and why it is right here: words that only the statement has, how the fault begins, the reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "AND d.wake_at < CASE WHEN d.state = 'FAILED'",
        "filter on deletions.wake_at",
        "the condition before it bounds the index; this one only tells states apart",
    ),
    (
        "WHERE e.created_at > d.fenced_at",
        "filter on executions.created_at",
        "reads the runs of up to 1,000 tasks that are being deleted",
    ),
    ("the job row is malformed", "filter on jobs.run_at", "looks at every job, only after a fetch has failed"),
    (
        "UPDATE deletions SET undo_until = now(), wake_at = now(), project_deletion_id",
        "filter on deletions.wake_at",
        "reads the open deletions of one project",
    ),
    (
        "WITH taken AS (SELECT * FROM unnest",
        "costs",
        "only for tasks with up to 100 runs; here it is explained for one with millions",
    ),
];

/// Types of parameters that Postgres cannot find out by itself, by words that only their statement has.
const TYPED: &[(&str, &str)] = &[
    ("d.wake_at < greatest($1, $2)", "(timestamptz, timestamptz)"),
    ("WITH dead AS (DELETE FROM nodes WHERE", "(text, interval)"),
];

/// Keys that few rows have: what is found by them may be filtered by anything.
const FEW: &[(&str, &str)] = &[
    ("sessions", "user_id"),
    ("sessions", "hash"),
    ("idempotency_keys", "scope"),
    ("oidc_flows", "hash"),
    ("task_schedules", "task_id"),
    ("executions", "id"),
    ("deletions", "id"),
    ("alert_deliveries", "id"),
    ("alert_deliveries", "alert_id"),
];

/// The statements, as prepared on a database that has grown.
struct Grown {
    conn: PgConnection,
    /// Each large table, with the times that its indexes hold.
    times: BTreeMap<String, BTreeSet<String>>,
    types: BTreeMap<String, Vec<String>>,
}

async fn run(conn: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(conn).await.unwrap();
}

impl Grown {
    async fn new(on: &PgConnectOptions) -> Self {
        let like_ours = on.clone().options([("random_page_cost", "1.1"), ("jit", "off"), ("TimeZone", "UTC")]);
        let mut conn = PgConnection::connect_with(&like_ours).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT oid::regclass::text FROM pg_class
             WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'apalis'::regnamespace)",
        )
        .fetch_all(&mut conn)
        .await
        .unwrap();
        for table in tables {
            // Nobody else renews the statistics.
            run(&mut conn, &format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await;
        }
        run(&mut conn, &GROWN.replace("'HOT'", &format!("'{HOT}'"))).await;
        run(&mut conn, "VACUUM ANALYZE").await;
        let large = "t.relkind = 'r' AND t.reltuples > $1 AND t.relnamespace IN ('public'::regnamespace, 'apalis'::regnamespace)";
        let times = format!(
            "SELECT t.relname::text, array_agg(DISTINCT a.attname::text) FILTER (WHERE a.atttypid = 'timestamptz'::regtype)
             FROM pg_class t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey)
             WHERE {large} GROUP BY 1"
        );
        let times: Vec<(String, Option<Vec<String>>)> =
            sqlx::query_as(AssertSqlSafe(times)).bind(LARGE as f32).fetch_all(&mut conn).await.unwrap();
        let times = times.into_iter().map(|(table, times)| (table, times.unwrap_or_default().into_iter().collect()));
        let times = times.collect();
        let grow = format!(
            "WITH large AS (SELECT oid FROM pg_class t WHERE {large})
             UPDATE pg_class c SET reltuples = c.reltuples * $2 FROM large LEFT JOIN pg_index i ON i.indrelid = large.oid
             WHERE c.oid = large.oid OR c.oid = i.indexrelid"
        );
        let grow = sqlx::query(AssertSqlSafe(grow)).bind(LARGE as f32).bind(FACTOR as f32);
        grow.execute(&mut conn).await.unwrap();
        Self { conn, times, types: committed() }
    }

    /// The plan for these values, and the one that a connection keeps after it has sent the statement often.
    async fn plans(&mut self, statement: &str) -> Result<[Value; 2], String> {
        let types = self.types.get(statement).map(|types| format!("({})", types.join(", "))).unwrap_or_default();
        let types = if types == "()" { String::new() } else { types };
        let typed = TYPED.iter().find(|(words, _)| statement.contains(words));
        let types = typed.map_or(types, |(_, types)| (*types).to_owned());
        let prepare = format!("PREPARE plan{types} AS {statement}");
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut self.conn).await.map_err(|error| error.to_string())?;
        let types: Vec<String> =
            sqlx::query_scalar("SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'plan'")
                .fetch_all(&mut self.conn)
                .await
                .unwrap();
        let values: Vec<String> = types.iter().map(|kind| value(kind)).collect();
        let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        let mut plans = Vec::new();
        for _ in 0..6 {
            let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE plan{values}");
            let plan =
                sqlx::query_scalar::<_, Value>(AssertSqlSafe(explain)).persistent(false).fetch_one(&mut self.conn);
            plans.push(plan.await.map_err(|error| error.to_string()));
        }
        run(&mut self.conn, "DEALLOCATE plan").await;
        let plan = |place: usize| Ok::<_, String>(plans[place].clone()?[0]["Plan"].clone());
        Ok([plan(0)?, plan(5)?])
    }

    /// What of a plan is refused.
    fn faults(&self, node: &Value, found: &mut BTreeSet<String>) {
        let text = |key: &str| node[key].as_str().unwrap_or_default();
        let table = text("Relation Name");
        let is_one = |(of, key): &(&str, &str)| *of == table && text("Index Cond").starts_with(&format!("({key} = "));
        let is_few = FEW.iter().any(is_one);
        let conditions = ["Filter", "Index Cond", "Join Filter", "Recheck Cond", "Hash Cond"];
        for condition in conditions {
            for volatile in ["clock_timestamp()", "random()", "timeofday()"] {
                if !is_few && text(condition).contains(volatile) {
                    found.insert(format!("volatile in a condition: {}", text(condition)));
                }
            }
        }
        if let Some(times) = self.times.get(table) {
            if text("Node Type") == "Seq Scan" {
                found.insert(format!("sequential scan of {table}: {}", text("Filter")));
            }
            for time in times.iter().filter(|time| !is_few && has_word(text("Filter"), time)) {
                found.insert(format!("filter on {table}.{time} by {}: {}", text("Index Name"), text("Filter")));
            }
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.faults(child, found);
        }
    }
}

/// Whether `text` compares `word`, and not only looks whether it is there.
fn has_word(text: &str, word: &str) -> bool {
    let comparison = |after: &str| [" <", " >", " ="].iter().any(|sign| after.starts_with(sign));
    text.match_indices(word).any(|(place, _)| {
        let before = text[..place].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && before != '_' && comparison(&text[place + word.len()..])
    })
}

/// The statements that are checked while compiling, with the types of their parameters.
fn committed() -> BTreeMap<String, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sqlx");
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let query: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let types = query["describe"]["parameters"]["Left"].as_array().unwrap();
        let name = |kind: &Value| kind.as_str().unwrap().to_lowercase();
        let name = |kind: &Value| if kind.is_string() { name(kind) } else { "unknown".to_owned() };
        let sql_name = |kind: String| match kind.strip_suffix("array") {
            Some(of) => format!("{of}[]"),
            None => kind,
        };
        (query["query"].as_str().unwrap().to_owned(), types.iter().map(name).map(sql_name).collect())
    };
    fs::read_dir(folder).unwrap().map(read).collect()
}

/// A value that the worst case has.
fn value(kind: &str) -> String {
    let one = match kind.trim_end_matches("[]") {
        "uuid" => format!("'{HOT}'"),
        "text" | "character varying" => "'FAILED'".to_owned(),
        "timestamp with time zone" => "now()".to_owned(),
        "boolean" => "true".to_owned(),
        "jsonb" => "'{}'".to_owned(),
        "bytea" => "'\\x00'".to_owned(),
        "interval" => "'1 day'".to_owned(),
        "integer" | "bigint" | "smallint" | "double precision" | "real" => "60".to_owned(),
        other => panic!("no value of type {other}"),
    };
    if kind.ends_with("[]") { format!("ARRAY[{one}]::{kind}") } else { format!("{one}::{kind}") }
}

#[sqlx::test(migrations = false)]
async fn no_statement_reads_a_large_table_whole_or_filters_on_an_indexed_time(_: PgPoolOptions, on: PgConnectOptions) {
    let world = World::new(&on).await;
    backend::migrate::build_indexes(&world.pool).await.unwrap();
    let mut grown = Grown::new(&on).await;
    let statements = sources::statements();
    let unseen: Vec<_> = grown.types.keys().filter(|known| !statements.contains(*known)).cloned().collect();
    assert!(unseen.is_empty(), "the sources are not read well: {unseen:#?}");
    assert!(statements.len() > grown.types.len() + 40, "{} statements", statements.len());
    assert!(grown.times.len() >= 15 && grown.times["executions"].contains("lease_until"), "{:?}", grown.times);
    let mut refused = String::new();
    for statement in &statements {
        let mut faults = BTreeSet::new();
        let plans = grown.plans(statement).await;
        faults.extend(plans.as_ref().err().cloned());
        for plan in plans.into_iter().flatten() {
            let cost = plan["Total Cost"].as_f64().unwrap();
            if cost > MOST_COST {
                faults.insert(format!("costs {cost}"));
            }
            grown.faults(&plan, &mut faults);
        }
        faults.retain(|fault| {
            !ALLOWED.iter().any(|(words, what, _)| statement.contains(words) && fault.starts_with(what))
        });
        if !faults.is_empty() {
            refused += &format!("{faults:#?}\n{statement}\n\n");
        }
    }
    assert!(refused.is_empty(), "{refused}");
    grown.conn.close().await.unwrap();
    world.end().await;
}
