//! The headers of a page, an answer of the API, a problem and a file, scored as Mozilla's HTTP Observatory scores them: from
//! 100, penalties first, then what is gained if 90 are left. 100 is A+.

use crate::app::App;
use crate::call::{Answer, call, get};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeMap;

/// One of its tests: what it looks at, and the points of an answer.
struct Rule {
    name: &'static str,
    points: fn(&Answer) -> i32,
}

/// Its tests that headers decide. Cookies and scripts of others: there are none, which is worth nothing; redirection to TLS is
/// the proxy's.
const RULES: [Rule; 8] = [
    Rule { name: "content-security-policy", points: policy },
    Rule { name: "cookies", points: |answer| if answer.has("set-cookie") { -40 } else { 0 } },
    Rule {
        name: "cross-origin-resource-sharing",
        points: |answer| if answer.has("access-control-allow-origin") { -50 } else { 0 },
    },
    Rule { name: "strict-transport-security", points: transport },
    Rule { name: "referrer-policy", points: referrer },
    Rule {
        name: "x-content-type-options",
        points: |answer| if said(answer, "x-content-type-options") == "nosniff" { 0 } else { -5 },
    },
    Rule { name: "x-frame-options", points: frames },
    Rule { name: "cross-origin-resource-policy", points: resource },
];

fn said<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let mut values = answer.headers.get_all(name).iter();
    let value = values.next().map_or("", |value| value.to_str().unwrap());
    assert!(values.next().is_none(), "{name} twice");
    value
}

/// The directives of the policy, with their sources; those that are not said are what `default-src` says.
fn directives(answer: &Answer) -> BTreeMap<&str, Vec<&str>> {
    let parts = said(answer, "content-security-policy").split(';').map(str::split_whitespace);
    parts.filter_map(|mut words| Some((words.next()?, words.collect()))).collect()
}

fn policy(answer: &Answer) -> i32 {
    let directives = directives(answer);
    if directives.is_empty() {
        return -25;
    }
    let of = |name: &str| directives.get(name).or_else(|| directives.get("default-src")).cloned().unwrap_or(vec!["*"]);
    let is_broad =
        |source: &&str| ["*", "http:", "https:", "ftp:", "data:", "blob:", "'unsafe-inline'"].contains(source);
    if of("script-src").iter().chain(&of("object-src")).any(&is_broad) {
        return -20;
    }
    if directives.values().flatten().any(|source| *source == "http:" || source.starts_with("http://")) {
        return -20;
    }
    if of("script-src").contains(&"'unsafe-eval'") || of("style-src").contains(&"'unsafe-eval'") {
        return -10;
    }
    if of("style-src").iter().any(is_broad) {
        return 0;
    }
    if directives.get("default-src").is_some_and(|sources| sources == &["'none'"]) { 10 } else { 5 }
}

fn transport(answer: &Answer) -> i32 {
    let seconds =
        said(answer, "strict-transport-security").split(';').find_map(|part| part.trim().strip_prefix("max-age="));
    match seconds.and_then(|seconds| seconds.parse::<u64>().ok()) {
        None => -20,
        Some(0..15_768_000) => -10,
        Some(_) => 0,
    }
}

fn referrer(answer: &Answer) -> i32 {
    match said(answer, "referrer-policy") {
        "no-referrer" | "same-origin" | "strict-origin" | "strict-origin-when-cross-origin" => 5,
        "" | "no-referrer-when-downgrade" => 0,
        _ => -5,
    }
}

fn frames(answer: &Answer) -> i32 {
    if directives(answer).get("frame-ancestors").is_some_and(|sources| sources == &["'none'"]) {
        return 5;
    }
    if matches!(said(answer, "x-frame-options"), "DENY" | "SAMEORIGIN") { 0 } else { -20 }
}

fn resource(answer: &Answer) -> i32 {
    match said(answer, "cross-origin-resource-policy") {
        "same-origin" | "same-site" => 10,
        "" => 0,
        _ => -5,
    }
}

/// The score, and the points of each test.
fn score(answer: &Answer) -> (i32, Vec<(&'static str, i32)>) {
    let points: Vec<_> = RULES.iter().map(|rule| (rule.name, (rule.points)(answer))).collect();
    let without = 100 + points.iter().map(|(_, points)| points.min(&0)).sum::<i32>();
    let gained = points.iter().map(|(_, points)| points.max(&0)).sum::<i32>();
    (if without >= 90 { without + gained } else { without }, points)
}

/// A file of the site.
const FILE: &str = "/favicon.svg";
const PUBLIC: [&str; 2] = ["--public-url", "https://cron.example.com"];

/// A page, an answer of the API, a problem, a file, a stream would be the same as an answer.
async fn answers(app: &App) -> Vec<(String, Answer)> {
    let (project, task) = app.one_task().await;
    let page = project.replace("/api/v1", "");
    let paths = ["/", &page, "/nonsense", &project, &task, "/api/v1/openapi.json", "/api/v1/nonsense", FILE, "/livez"];
    let mut answers = Vec::new();
    for path in paths {
        answers.push((path.to_owned(), app.send(get(path).header("host", "cron.example.com")).await));
    }
    let file = &answers.iter().find(|(path, _)| path == FILE).unwrap().1;
    assert_eq!(file.status, 200, "the site is not built: cargo xtask build");
    answers.push(("a form".to_owned(), app.send(call("POST", "/fn/delete_task").form(&[])).await));
    answers.push(("another host".to_owned(), app.send(get("/").header("host", "evil.example")).await));
    answers
}

#[sqlx::test(migrations = false)]
async fn every_answer_is_worth_an_a_plus(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &PUBLIC).await;
    for (path, answer) in answers(&app).await {
        let (score, points) = score(&answer);
        assert!(points.iter().all(|(_, points)| *points >= 0) && score >= 130, "{path}: {score} {points:?}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(said(&answer, name), value, "{path}");
        }
        assert!(said(&answer, "permissions-policy").contains("camera=()"), "{path}");
        let is_file = path == FILE;
        assert_eq!(said(&answer, "cache-control") == "no-store", !is_file, "{path}: {answer:?}");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_page_loads_only_what_is_ours_and_another_answer_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &PUBLIC).await;
    let mut nonces = Vec::new();
    for (path, answer) in answers(&app).await {
        let directives = directives(&answer);
        let is_page = answer.header("content-type").starts_with("text/html");
        for (name, page, other) in [
            ("default-src", "'none'", "'none'"),
            ("frame-ancestors", "'none'", "'none'"),
            ("base-uri", "'none'", "'none'"),
            ("form-action", "'self'", "'none'"),
        ] {
            assert_eq!(directives[name], [if is_page { page } else { other }], "{path}: {name}");
        }
        let text = said(&answer, "content-security-policy");
        for never in ["unsafe-inline", "'unsafe-eval'", "strict-dynamic", "data:", "http:", "https:", "*"] {
            assert!(!text.contains(never), "{path}: {text}");
        }
        if is_page {
            let nonce = directives["script-src"].iter().find(|source| source.starts_with("'nonce-"));
            nonces.push((*nonce.expect("no nonce")).to_owned());
        }
    }
    assert!(nonces.len() >= 3);
    let all = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), all, "a nonce is of one answer");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn only_who_is_reached_by_tls_tells_browsers_to_use_nothing_else(_: PgPoolOptions, on: PgConnectOptions) {
    for arguments in [&[][..], &["--public-url", "http://cron.example.com"]] {
        let app = App::with(&on, arguments).await;
        for (path, answer) in answers(&app).await {
            assert!(!answer.has("strict-transport-security"), "{path}");
        }
        app.execute("TRUNCATE projects CASCADE").await;
        app.end().await;
    }
}

#[sqlx::test(migrations = false)]
async fn the_public_name_is_answered_as_well_as_localhost_and_its_pages_may_change_things(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::with(&on, &PUBLIC).await;
    let (project, task) = app.one_task().await;
    for host in ["cron.example.com", "cron.example.com:443", "localhost:3000"] {
        app.send(get(&project).header("host", host)).await.ok(200);
    }
    for host in ["example.com", "cron.example.com.evil.example", "cron.example.com:3000"] {
        let page = get(&project).header("host", host).header("sec-fetch-site", "same-origin");
        app.send(page).await.problem(403, "forbidden");
    }
    let ours = |origin: &str| call("DELETE", &task).header("host", "cron.example.com").header("origin", origin);
    app.send(ours("https://evil.example")).await.problem(403, "forbidden");
    app.send(ours("https://cron.example.com")).await.ok(202);
    app.end().await;
}

#[test]
fn the_scoring_finds_what_is_missing() {
    let answer = |headers: &[(&str, &str)]| Answer {
        status: 200,
        headers: headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect(),
        text: String::new(),
    };
    let none = score(&answer(&[])).0;
    assert_eq!(none, 100 - 25 - 20 - 5 - 20);
    let of = |text: &str| policy(&answer(&[("content-security-policy", text)]));
    for (text, points) in [
        ("default-src 'none'", 10),
        ("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'", 10),
        ("default-src 'self'", 5),
        ("default-src 'none'; style-src 'unsafe-inline'", 0),
        ("default-src 'none'; script-src 'unsafe-eval'", -10),
        ("default-src 'none'; script-src 'unsafe-inline'", -20),
        ("default-src 'none'; script-src https:", -20),
        ("script-src 'self'", -20),
        ("img-src 'self'", -20),
        ("", -25),
    ] {
        assert_eq!(of(text), points, "{text}");
    }
}
