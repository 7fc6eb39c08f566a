//! What people and programs really type and send: names, searches, JSON and encodings, on every path that takes them.

use crate::app::{App, task};
use crate::call::{Call, call};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// `levels` objects inside each other.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
}

fn with_metadata(metadata: &str) -> String {
    task("Ledger").to_string().replacen('{', &format!("{{\"metadata\": {metadata}, "), 1)
}

/// `POST`, `PUT` and `PATCH` of a task with this body.
fn writes(project: &str, path: &str, body: &str) -> [Call; 3] {
    let tasks = format!("{project}/tasks");
    [("POST", tasks.as_str()), ("PUT", path), ("PATCH", path)]
        .map(|(method, path)| call(method, path).body("application/json", body))
}

async fn names(app: &App, project: &str, search: &str) -> Vec<String> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("search", search).finish();
    let page = app.get(&format!("{project}/tasks?{query}")).await.ok(200);
    page["data"].as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap().to_owned()).collect()
}

#[sqlx::test(migrations = false)]
async fn metadata_of_64_levels_is_refused_and_what_is_stored_is_shown(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    for levels in [64, 65, 100, 126, 127, 500] {
        for request in writes(&project, &path, &with_metadata(&nested(levels).to_string())) {
            let message = app.send(request).await.message(422, "validation-failed", "metadata");
            assert!(message.contains("64 levels"), "{levels}: {message}");
        }
    }
    assert_eq!(app.snapshot().await, before);
    for request in writes(&project, &path, &with_metadata(&nested(63).to_string())) {
        assert_eq!(app.send(request).await.json()["metadata"], nested(63));
    }
    // Version 0.1.0 stored this.
    app.execute(&format!("UPDATE tasks SET metadata = '{}'", nested(126))).await;
    let list = app.get(&format!("{project}/tasks")).await;
    assert_eq!((list.status, app.get(&path).await.status), (200, 200));
    for page in
        [project.replace("/api/v1", ""), path.replace("/api/v1", ""), format!("{}/edit", path.replace("/api/v1", ""))]
    {
        let page = app.get(&page).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains("could not be read"), "{}", page.text);
    }
    let disable = call("PATCH", &format!("{path}/status")).json(&json!({ "status": "DISABLED" }));
    assert_eq!(app.send(disable).await.status, 200);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_number_comes_back_as_it_was_sent_or_is_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    for number in ["98765432109876543210", "0.1000000000000000000001", "1e400", "9007199254740993.5"] {
        for request in writes(&project, &path, &with_metadata(&format!("{{\"a\": [0, {number}]}}"))) {
            app.send(request).await.message(422, "validation-failed", "metadata.a[1]");
        }
    }
    for number in ["9223372036854775807", "18446744073709551615", "0.1", "-2.5", "1234567890.125"] {
        for request in writes(&project, &path, &with_metadata(&format!("{{\"a\": {number}}}"))) {
            let answer = app.send(request).await;
            assert!(answer.text.contains(&format!("\"a\":{number}}}")), "{number}: {}", answer.text);
        }
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_same_letters_are_the_same_name_however_they_are_typed(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Caf\u{e9}").await;
    app.task(&project, "U\u{308}bersicht").await;
    app.task(&project, "\u{dc}bung").await;
    // Version 0.1.0 stored names as they were sent.
    app.execute("UPDATE tasks SET name = normalize(name, NFD) WHERE name LIKE '%bung'").await;
    for search in ["\u{dc}bersicht", "U\u{308}bersicht", "u\u{308}ber"] {
        assert_eq!(names(&app, &project, search).await, ["\u{dc}bersicht"], "{search:?}");
    }
    for search in ["\u{dc}bung", "U\u{308}bung", "\u{dc}b", "U\u{308}b"] {
        let found = names(&app, &project, search).await;
        assert!(found.contains(&"U\u{308}bung".to_owned()), "{search:?}: {found:?}");
    }
    let taken = json!({ "name": "CAFE\u{301}", "execution_endpoint": "http://example.com/" });
    app.post("/api/v1/projects", &taken).await.problem(409, "name-taken");
    let groups = format!("{project}/task-groups");
    app.post(&groups, &json!({ "name": "A\u{30a}r" })).await.ok(201);
    app.post(&groups, &json!({ "name": "\u{c5}r" })).await.problem(409, "name-taken");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_name_that_cannot_be_seen_is_refused_everywhere(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    for name in ["\u{200b}", "a\u{202e}b", "\u{3164}", "\u{feff}x", "\u{200d}"] {
        for request in writes(&project, &path, &task(name).to_string()) {
            app.send(request).await.message(422, "validation-failed", "name");
        }
        let named = json!({ "name": name });
        let of_project = json!({ "name": name, "execution_endpoint": "http://example.com/" });
        for (path, body) in [
            ("/api/v1/projects".to_owned(), &of_project),
            (format!("{project}/task-groups"), &named),
            (format!("{project}/api-keys"), &named),
        ] {
            app.post(&path, body).await.message(422, "validation-failed", "name");
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_filter_that_names_nothing_never_lists_everything(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, _) = app.one_task().await;
    for search in ["a%00b", "%00", "%20", "%E2%80%8B", "%0A", "a%0Ab", "%C2%A0"] {
        app.get(&format!("{project}/tasks?search={search}")).await.message(400, "invalid-request", "search");
    }
    assert_eq!(names(&app, &project, "%").await, Vec::<String>::new());
    assert_eq!(names(&app, &project, "").await.len(), 1, "an empty parameter is none");
    for (path, field) in [
        ("tasks?status=,", "status"),
        ("tasks?status=%20", "status"),
        ("tasks?status=ACTIVE,", "status"),
        ("deletions?state=,", "state"),
        ("executions?status=,", "status"),
    ] {
        app.get(&format!("{project}/{path}")).await.message(400, "invalid-request", field);
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_byte_order_mark_is_skipped_and_other_encodings_are_named(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    for request in writes(&project, &path, &format!("\u{feff}{}", task("Ledger"))) {
        assert!(matches!(app.send(request).await.status, 200 | 201));
    }
    let tasks = format!("{project}/tasks");
    let utf16: Vec<u8> = task("Ledger").to_string().encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect();
    let latin1 = b"{\"name\": \"Caf\xe9\"}".to_vec();
    for body in [utf16, latin1] {
        let message = app.send(call("POST", &tasks).body("application/json", body)).await;
        assert!(message.message(400, "invalid-request", "(body)").contains("UTF-8"));
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_encoded_body_is_415_with_what_is_accepted(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, path) = app.one_task().await;
    let before = app.snapshot().await;
    for coding in ["gzip", "br", "deflate", "zstd", "x-gzip", "identity, gzip", "GZIP"] {
        for request in writes(&project, &path, "\u{1f}not json") {
            let answer = app.send(request.header("content-encoding", coding)).await;
            answer.problem(415, "unsupported-media-type");
            assert_eq!(answer.header("accept-encoding"), "identity");
        }
        let form = call("POST", "/fn/save_project").form(&[("form[name]", "x")]).header("content-encoding", coding);
        assert_eq!(app.send(form).await.status, 415);
    }
    assert_eq!(app.snapshot().await, before);
    for request in writes(&project, &path, &task("Ledger").to_string()) {
        assert!(matches!(app.send(request.header("content-encoding", "identity")).await.status, 200 | 201));
    }
    app.end().await;
}
