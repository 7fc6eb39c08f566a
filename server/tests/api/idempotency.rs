//! `Idempotency-Key`: a request that is repeated is answered as it was the first time, and happens once.

use crate::app::{App, task, until};
use crate::call::{Answer, Call, call};
use axum::http::HeaderValue;
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn create(project: &str, name: &str) -> Call {
    call("POST", &format!("{project}/tasks")).json(&task(name)).header("idempotency-key", KEY)
}

/// The same answer as before, which says that it is.
fn assert_replayed(again: &Answer, first: &Answer) {
    assert!(!first.has("idempotency-replayed"), "{first:?}");
    assert_eq!(again.header("idempotency-replayed"), "true", "{again:?}");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for name in ["location", "etag", "retry-after", "content-type", "cache-control"] {
        assert_eq!(again.headers.get(name), first.headers.get(name), "{name}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_repeat_is_answered_the_same_and_happens_once(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let first = app.send(create(&project, "Ledger")).await;
    first.ok(201);
    let before = app.snapshot().await;
    for _ in 0..3 {
        assert_replayed(&app.send(create(&project, "Ledger")).await, &first);
    }
    let path = first.header("location").to_owned();
    let delete = || call("DELETE", &path).header("idempotency-key", KEY);
    assert_eq!(app.snapshot().await, before);
    let gone = app.send(delete()).await;
    gone.ok(202);
    app.fail(gone.header("location")).await;
    let before = app.snapshot().await;
    // Without the key this would begin a fresh cycle of attempts.
    assert_replayed(&app.send(delete()).await, &gone);
    assert_eq!(app.snapshot().await, before);
    assert_eq!(app.count("tasks").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_refusal_is_kept_too_and_each_answer_has_its_own_request_id(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let first = app.send(create(&project, "")).await;
    first.message(422, "validation-failed", "name");
    let again = app.send(create(&project, "").header("x-request-id", "second")).await;
    assert_eq!(again.problem(422, "validation-failed")["request_id"], "second");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["errors"], first.json()["errors"]);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_key_is_of_one_request_and_one_caller(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, other) = (app.project("Billing").await, app.project("Other").await);
    app.send(create(&project, "Ledger")).await.ok(201);
    let before = app.snapshot().await;
    let query = call("POST", &format!("{project}/tasks?a=b")).json(&task("Ledger")).header("idempotency-key", KEY);
    let precondition = create(&project, "Ledger").header("if-match", "\"v9\"");
    for reused in [create(&project, "Another"), query, precondition] {
        app.send(reused).await.problem(422, "idempotency-key-reused");
    }
    assert_eq!(app.snapshot().await, before);
    // Another path, another caller, and without a key: requests of their own.
    app.send(create(&other, "Ledger")).await.ok(201);
    let (grace, alan) = (app.person("grace").await, app.person("alan").await);
    for name in ["grace", "alan"] {
        app.join(&project, name, "admin").await;
    }
    let caller = |token: &str| create(&project, "Theirs").by(token);
    app.send(caller(&grace)).await.ok(201);
    assert_eq!(app.count("tasks WHERE name = 'Theirs'").await, 1);
    assert!(app.send(caller(&grace)).await.has("idempotency-replayed"));
    assert!(!app.send(caller(&alan)).await.has("idempotency-replayed"));
    // Who may no longer do it does not read what they were answered when they might.
    app.join(&project, "grace", "readonly").await;
    app.send(caller(&grace)).await.problem(403, "forbidden");
    let unkeyed = app.send(create(&project, "Unkeyed").without("idempotency-key")).await;
    assert!(!unkeyed.has("idempotency-replayed"));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn of_fifty_at_once_one_happens(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let answers = join_all((0..50).map(|_| app.send(create(&project, "Ledger")))).await;
    let first: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!first.is_empty());
    for answer in &answers {
        match answer.status {
            201 => assert_eq!(answer.text, first[0].text),
            _ => {
                answer.problem(409, "idempotency-in-progress");
                assert_eq!(answer.header("retry-after"), "1");
            }
        }
    }
    assert_eq!(answers.iter().filter(|a| a.status == 201 && !a.has("idempotency-replayed")).count(), 1);
    assert_eq!(app.count("tasks").await, 1);
    app.end().await;
}

/// Until a request waits for the lock that the test holds.
async fn until_one_waits(app: &App) {
    let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("a request waits", async || app.count(waits).await > 0).await;
}

#[sqlx::test(migrations = false)]
async fn a_client_that_hangs_up_is_answered_when_it_comes_back(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let mut conn = app.pool.acquire().await.unwrap();
    let mut held = conn.begin().await.unwrap();
    sqlx::query("SELECT FROM projects FOR UPDATE").execute(&mut *held).await.unwrap();
    let patient = tokio::select! {
        answer = app.send(create(&project, "Ledger")) => Some(answer),
        () = until_one_waits(&app) => None,
    };
    assert!(patient.is_none(), "{patient:?}");
    let meanwhile = app.send(create(&project, "Ledger")).await;
    meanwhile.problem(409, "idempotency-in-progress");
    assert_eq!(meanwhile.header("retry-after"), "1");
    held.commit().await.unwrap();
    drop(conn);
    let status = async || app.send(create(&project, "Ledger")).await.status;
    until("the first request has its answer", async || status().await != 409).await;
    let answer = app.send(create(&project, "Ledger")).await;
    answer.ok(201);
    assert_eq!(answer.header("idempotency-replayed"), "true");
    assert_eq!(app.count("tasks").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_answer_that_says_nothing_of_the_request_is_not_kept(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    for code in ["57014", "XX000"] {
        app.execute(&format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{code}'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION refuse();"
        ))
        .await;
        assert!(app.send(create(&project, "Ledger")).await.status >= 500);
        assert_eq!(app.count("idempotency_keys").await, 0);
        app.execute("DROP FUNCTION refuse() CASCADE").await;
    }
    let line =
        call("POST", "/api/v1/executions/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d/logs").json(&json!({ "message": "a" }));
    app.send(line.header("idempotency-key", KEY)).await.problem(401, "unauthorized");
    assert_eq!(app.count("idempotency_keys").await, 0);
    let answer = app.send(create(&project, "Ledger")).await;
    answer.ok(201);
    assert!(!answer.has("idempotency-replayed"));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn who_has_deleted_a_project_hears_so_again_when_it_is_gone(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let grace = app.person("grace").await;
    let draft = json!({ "name": "Hers", "execution_endpoint": "http://example.com/" });
    let project =
        app.send(call("POST", "/api/v1/projects").by(&grace).json(&draft)).await.header("location").to_owned();
    let delete = || call("DELETE", &project).by(&grace).header("idempotency-key", KEY);
    let first = app.send(delete()).await;
    first.ok(202);
    app.execute("UPDATE project_deletions SET wake_at = now()").await;
    while backend::projects::delete::advance(&app.state.backend).await.unwrap() {}
    app.send(call("GET", &project).by(&grace)).await.problem(404, "project-not-found");
    assert_replayed(&app.send(delete()).await, &first);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_key_must_be_printable_short_and_alone(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let before = app.snapshot().await;
    for key in ["", " ", &"x".repeat(256), "ü", "a\tb"] {
        let answer = app.send(create(&project, "Ledger").header("idempotency-key", key)).await;
        let message = answer.message(400, "invalid-request", "Idempotency-Key");
        assert!(message.contains("1 to 255 printable"), "{message}");
    }
    let mut twice = create(&project, "Ledger").request();
    twice.headers_mut().append("idempotency-key", HeaderValue::from_static("another"));
    assert_eq!(app.router.clone().oneshot(twice).await.unwrap().status(), 400);
    assert_eq!(app.snapshot().await, before);
    for key in ["x", "\"quoted\"", "a b", &"x".repeat(255)] {
        app.send(create(&project, key).header("idempotency-key", key)).await.ok(201);
    }
    let large = call("POST", &format!("{project}/tasks")).body("application/json", vec![b' '; 300_000]);
    app.send(large.header("idempotency-key", "large")).await.problem(413, "payload-too-large");
    app.end().await;
}

/// Members of a schema, wherever they stand.
fn members(document: &Value, schema: &Value) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return members(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    let nested = ["allOf", "oneOf", "anyOf"].iter().filter_map(|kind| schema[kind].as_array()).flatten();
    let own = schema["properties"].as_object().into_iter().flatten();
    let below = own.clone().flat_map(|(_, member)| members(document, member));
    own.map(|(name, _)| name.clone()).chain(nested.flat_map(|part| members(document, part))).chain(below).collect()
}

#[sqlx::test(migrations = false)]
async fn an_answer_that_shows_a_secret_is_never_kept(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let document = app.get("/api/v1/openapi.json").await.ok(200);
    let mut secret = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["post", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            let good = operation["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'));
            let shown =
                good.flat_map(|(_, answer)| members(&document, &answer["content"]["application/json"]["schema"]));
            let shows = shown
                .into_iter()
                .any(|name| ["key", "secret", "token", "password", "current"].contains(&name.as_str()));
            // Its secret is in the cookie.
            let shows = shows || path == "/api/v1/session";
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let takes = parameters.filter(|parameter| parameter["name"] == "Idempotency-Key").count();
            assert_eq!(takes, usize::from(!shows), "{method} {path}");
            if shows {
                let path = path.replace("/api/v1/projects/{project_id}", &project);
                let request =
                    call(&method.to_uppercase(), &path).json(&json!({ "name": "Ours", "scopes": ["callbacks"] }));
                let refused = app.send(request.header("idempotency-key", KEY)).await;
                let message = refused.message(400, "invalid-request", "Idempotency-Key");
                assert!(message.contains("never kept"), "{message}");
                secret += 1;
            }
        }
    }
    assert!(secret >= 3, "{secret}");
    assert_eq!((app.count("idempotency_keys").await, app.count("api_keys").await), (0, 0));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn nothing_is_kept_for_who_may_not_act(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task_path) = app.one_task().await;
    let looker = app.person("looker").await;
    app.join(&project, "looker", "readonly").await;
    let nowhere = "/api/v1/projects/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d";
    let refused = [
        ("POST", format!("{project}/tasks"), 403),
        ("POST", format!("{task_path}/trigger"), 403),
        ("DELETE", task_path.clone(), 403),
        ("POST", "/api/v1/deletions/retry-failed".to_owned(), 403),
        ("POST", format!("{nowhere}/tasks"), 404),
        ("DELETE", "/api/v1/tokens/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d".to_owned(), 404),
        ("DELETE", "/api/v1/sessions/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d".to_owned(), 404),
        ("POST", format!("{project}/tasks/nonsense/trigger"), 403),
    ];
    for n in 0..5 {
        for (method, path, status) in &refused {
            let request = call(method, path).by(&looker).json(&task("Ledger"));
            let answer = app.send(request.header("idempotency-key", &format!("{n} {path}"))).await;
            assert_eq!(answer.status, *status, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(app.count("idempotency_keys").await, 0);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_caller_may_use_so_many_new_keys_in_an_hour_and_repeat_them(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &["--idempotency-keys-per-hour", "2"]).await;
    let project = app.project("Billing").await;
    let keyed = |key: &str| create(&project, "Ledger").header("idempotency-key", key);
    for key in ["a", "b"] {
        app.send(keyed(key)).await.ok(201);
    }
    let refused = app.send(keyed("c")).await;
    refused.problem(429, "too-many-requests");
    assert!((1..=1_800).contains(&refused.header("retry-after").parse::<u64>().unwrap()), "{refused:?}");
    assert_eq!(app.count("tasks").await, 2);
    assert!(app.send(keyed("a")).await.has("idempotency-replayed"));
    let grace = app.person("grace").await;
    app.join(&project, "grace", "admin").await;
    app.send(keyed("c").by(&grace)).await.ok(201);
    app.end().await;
}
