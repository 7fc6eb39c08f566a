//! The rules of the house that no compiler checks: who may use what, and what may stand only once.

#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust source below `folder`, with its path from the root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// Lines of code, without comments, that contain `word`.
fn code_with(folder: &str, word: &str) -> Vec<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//") && line.contains(word);
    let hits = |(file, text): (String, String)| {
        text.lines().filter(code).map(|line| format!("{file}: {}", line.trim())).collect::<Vec<_>>()
    };
    sources(folder).into_iter().flat_map(hits).collect()
}

fn assert_none(hits: &[String]) {
    assert!(hits.is_empty(), "{}", hits.join("\n"));
}

/// The dependencies that a crate names, those for tests left out.
fn dependencies(package: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let name = |line: &str| line.split(['.', ' ', '=']).next().map(str::to_owned);
    section.lines().filter_map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let forbidden = [
        ("domain", &["leptos", "axum", "sqlx", "tokio", "backend", "app"][..]),
        ("backend", &["leptos", "axum", "app", "clap"][..]),
        ("app", &["sqlx", "axum", "apalis", "server"][..]),
        ("frontend", &["backend", "domain", "sqlx", "axum"][..]),
    ];
    for (package, not) in forbidden {
        let used = dependencies(package);
        assert!(!used.is_empty(), "{package} has dependencies");
        for name in not {
            assert!(!used.iter().any(|used| used == name), "{package} may not use {name}");
        }
    }
}

#[test]
fn only_the_module_of_jobs_names_apalis() {
    let everywhere = ["domain/src", "backend/src", "app/src", "server/src"];
    let hits = everywhere.iter().flat_map(|folder| code_with(folder, "apalis::"));
    let hits: Vec<_> = hits.filter(|hit| !hit.starts_with("backend/src/jobs")).collect();
    assert_none(&hits);
    assert!(!code_with("backend/src/jobs", "apalis::").is_empty(), "the check sees something");
}

#[test]
fn the_domain_has_no_clock() {
    for clock in ["Utc::now", "Local::now", "SystemTime", "Instant::now"] {
        assert_none(&code_with("domain/src", clock));
    }
}

#[test]
fn statements_stand_in_db_and_never_begin_or_commit() {
    for word in [".begin()", ".commit()", "PgPool"] {
        assert_none(&code_with("backend/src/db", word));
    }
    let rooms = ["db", "jobs/", "doorbell.rs", "listener.rs", "migrate.rs"].map(|room| format!("backend/src/{room}"));
    let outside = code_with("backend/src", "sqlx::query");
    let outside: Vec<_> =
        outside.into_iter().filter(|hit| !rooms.iter().any(|room| hit.starts_with(room.as_str()))).collect();
    assert_none(&outside);
    assert_none(&code_with("server/src", "sqlx::query"));
}

#[test]
fn whoever_plans_a_stored_task_reads_its_schedule_by_the_rule_it_was_stored_by() {
    let read = code_with("backend/src", "Schedule::read(");
    assert_none(&read);
    let stored = code_with("backend/src", "CronRule::of(");
    let homes = ["backend/src/db/schedule.rs", "backend/src/db/task.rs"];
    assert_none(&stored.into_iter().filter(|hit| !homes.iter().any(|home| hit.starts_with(home))).collect::<Vec<_>>());
}

#[test]
fn one_function_commits_and_knows_what_a_lost_reply_means() {
    let hits = code_with("backend/src", ".commit()");
    assert_eq!(hits.len(), 1, "{}", hits.join("\n"));
    assert!(hits[0].starts_with("backend/src/faults.rs"));
}

#[test]
fn every_connection_comes_from_the_one_function_that_sets_it_up() {
    let ways =
        ["PgPoolOptions::new", "PgConnectOptions::new", "PgPool::connect", "PgListener::connect(", ".connect_lazy"];
    for folder in ["backend/src", "server/src", "app/src"] {
        let hits = ways.iter().flat_map(|way| code_with(folder, way));
        assert_none(&hits.filter(|hit| !hit.starts_with("backend/src/pools.rs")).collect::<Vec<_>>());
    }
}

#[test]
fn what_a_request_changes_is_committed_with_the_answer_of_its_key() {
    // Loops, whose work nobody asked for with a key; and routes whose answers are never kept, or which take no key.
    let others = [
        "accounts",
        "executor/",
        "faults.rs",
        "idempotency.rs",
        "projects/delete.rs",
        "retention.rs",
        "scheduler",
        "tasks/delete.rs",
        "tasks/steer.rs",
        "tasks/sweep.rs",
        "tasks/teardown.rs",
        "transaction.rs",
    ];
    let hits = code_with("backend/src", "faults::commit(");
    let is_known = |hit: &String| others.iter().any(|other| hit.starts_with(&format!("backend/src/{other}")));
    assert_none(&hits.into_iter().filter(|hit| !is_known(hit)).collect::<Vec<_>>());
}

#[test]
fn only_one_component_has_a_textarea() {
    let hits = code_with("app/src", "<textarea");
    assert_eq!(hits.len(), 1, "{}", hits.join("\n"));
    assert!(hits[0].starts_with("app/src/components/field.rs"));
}

#[test]
fn html_is_shown_only_as_the_server_rendered_it() {
    let homes = ["app/src/browser.rs", "app/src/components/fragment.rs", "app/src/pages/task_form.rs"];
    let mut hits = code_with("app/src", "inner_html");
    hits.sort();
    assert_eq!(hits.len(), homes.len(), "{}", hits.join("\n"));
    assert!(hits.iter().zip(homes).all(|(hit, home)| hit.starts_with(home)), "{}", hits.join("\n"));
}

#[test]
fn components_and_pages_do_not_ask_where_they_run() {
    for folder in ["app/src/components", "app/src/pages"] {
        assert_none(&code_with(folder, "#[cfg"));
    }
}

#[test]
fn files_stay_small_and_say_what_they_are() {
    for folder in ["domain/src", "backend/src", "app/src", "frontend/src", "server/src", "xtask/src"] {
        for (file, text) in sources(folder) {
            assert!(text.lines().count() <= 300, "{file} has more than 300 lines");
            assert!(text.lines().take(3).any(|line| line.starts_with("//!")), "{file} does not say what it is");
        }
    }
}
