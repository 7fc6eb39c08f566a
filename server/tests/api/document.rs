//! What the OpenAPI document says of each operation is whole, and true where it can be tried: its limits, its problems. The
//! page of it needs nothing of anybody else. `make test` has schemathesis besides.

use crate::app::App;
use crate::call::{Call, call};
use domain::error::ProblemKind;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;

/// One operation of a document.
struct Operation {
    method: String,
    path: String,
    said: Value,
}

impl Operation {
    fn id(&self) -> &str {
        self.said["operationId"].as_str().unwrap()
    }

    fn has_body(&self) -> bool {
        !self.said["requestBody"].is_null()
    }

    fn is_callback(&self) -> bool {
        self.said["tags"][0] == "callbacks"
    }

    /// A call with an id of nothing in place of each parameter.
    fn call(&self) -> Call {
        self.with_ids("0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d")
    }

    fn with_ids(&self, id: &str) -> Call {
        let part = |part: &str| if part.starts_with('{') { id.to_owned() } else { part.to_owned() };
        call(&self.method, &self.path.split('/').map(part).collect::<Vec<_>>().join("/"))
    }
}

async fn document(app: &App) -> Value {
    app.get("/api/v1/openapi.json").await.ok(200)
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, said) in item.as_object().unwrap() {
            found.push(Operation { method: method.to_uppercase(), path: path.clone(), said: said.clone() });
        }
    }
    assert!(found.len() > 50, "{}", found.len());
    found
}

/// The schema that a reference leads to, or the schema itself.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[sqlx::test(migrations = false)]
async fn every_operation_is_described_and_names_its_problems(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let document = document(&app).await;
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    let mut ids = BTreeSet::new();
    for operation in operations(&document) {
        let said = &operation.said;
        let name = format!("{} {}", operation.method, operation.path);
        assert!(ids.insert(operation.id().to_owned()), "{name}: another has the id {}", operation.id());
        assert!(said["summary"].as_str().is_some_and(|text| text.len() > 8), "{name} has no summary");
        assert!(tags.contains(&said["tags"][0]), "{name}: no description of the tag {}", said["tags"][0]);
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            let about = parameter["description"].as_str().unwrap_or_default();
            assert!(about.len() > 5, "{name}: nothing is said of {}", parameter["name"]);
        }
        let answers = said["responses"].as_object().unwrap();
        assert!(
            answers.values().all(|answer| answer["description"].as_str().is_some_and(|text| !text.is_empty())),
            "{name}"
        );
        assert!(answers.keys().any(|status| status.starts_with('2')), "{name}");
        let mut expected = vec!["403", "503"];
        expected.extend((said["security"] != json!([{}])).then_some("401"));
        expected.extend(operation.path.contains('{').then_some(["400", "404"]).into_iter().flatten());
        expected.extend(operation.has_body().then_some(["400", "413", "415", "422"]).into_iter().flatten());
        for status in expected {
            assert!(answers.contains_key(status), "{name} does not say that it can answer {status}");
        }
        for (status, answer) in answers.iter().filter(|(status, _)| status.as_str() >= "4") {
            if operation.path != "/api/v1/health" || status != "503" {
                assert_is_problem(&name, status, answer);
            }
        }
    }
    app.end().await;
}

/// The answer is a problem, and the kinds that it names have this status.
fn assert_is_problem(name: &str, status: &str, answer: &Value) {
    let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/ProblemBody", "{name} {status}");
    let slugs = answer["description"].as_str().unwrap().split('(').skip(1);
    let kinds: Vec<ProblemKind> = slugs.map(|rest| rest.split(')').next().unwrap().parse().unwrap()).collect();
    assert!(!kinds.is_empty(), "{name} {status}: no kind of problem in {answer}");
    for kind in kinds {
        assert_eq!(server::rest::problem::status_of(kind).as_str(), status, "{name} {kind}");
    }
}

#[sqlx::test(migrations = false)]
async fn every_route_answers_problems_to_what_it_cannot_read(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let key = app.post(&format!("{project}/api-keys"), &json!({ "name": "Ledger" })).await.ok(201);
    let key = key["key"].as_str().unwrap();
    // A stream ends at once on a node that stops.
    app.stop.cancel();
    for operation in operations(&document(&app).await) {
        let authorized = |call: Call| if operation.is_callback() { call.header("authorization", key) } else { call };
        let name = format!("{} {}", operation.method, operation.path);
        if operation.path.contains('{') {
            let call = authorized(operation.with_ids("nonsense"));
            let answer = app.send(call.json(&json!({}))).await;
            assert_eq!(answer.status, 400, "{name}");
            answer.problem(400, "invalid-request");
        }
        // Only a browser creates personal tokens: whatever a token sends is refused before it is read.
        if operation.path == "/api/v1/tokens" && operation.method == "POST" {
            app.send(operation.call().body("text/plain", "{}")).await.problem(403, "forbidden");
        } else if operation.has_body() {
            app.send(authorized(operation.call()).body("text/plain", "{}"))
                .await
                .problem(415, "unsupported-media-type");
            app.send(authorized(operation.call()).body("application/json", "[]")).await.problem(400, "invalid-request");
            app.send(authorized(operation.call()).body("application/json", "{")).await.problem(400, "invalid-request");
            let large = json!({ "name": "x".repeat(1 << 20) });
            app.send(authorized(operation.call()).json(&large)).await.problem(413, "payload-too-large");
        }
        if operation.is_callback() {
            app.send(operation.call().json(&json!({}))).await.problem(401, "unauthorized");
        }
        app.send(call("TRACE", &operation.path)).await.problem(405, "method-not-allowed");
        app.get(&format!("{}/nothing/here", operation.path)).await.problem(404, "route-not-found");
    }
    app.end().await;
}

/// A value at a limit of a schema, and one that is just outside.
fn edges(schema: &Value) -> Vec<(Value, Value)> {
    let number = |name: &str, step: i64| schema[name].as_i64().map(|edge| (json!(edge), json!(edge + step)));
    let text = |length: i64| {
        let begin = if schema["format"] == "uri" { "https://example.com/" } else { "" };
        json!(format!("{begin}{}", "x".repeat(usize::try_from(length).unwrap().saturating_sub(begin.len()))))
    };
    let length = |name: &str, step: i64| schema[name].as_i64().map(|edge| (text(edge), text(edge + step)));
    let at = |hours: &str, outside: &str| schema["pattern"].is_string().then(|| (json!(hours), json!(outside)));
    let found = [
        number("minimum", -1),
        number("maximum", 1),
        length("minLength", -1),
        length("maxLength", 1),
        at("00:00", "24:00"),
        at("23:59", "7:00"),
    ];
    found.into_iter().flatten().collect()
}

/// Every limit of the drafts is where their parsers have it: what is at the limit is taken, what is outside is not.
#[sqlx::test(migrations = false)]
async fn the_limits_of_bodies_are_those_of_the_parsers(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let document = document(&app).await;
    let project = app.project("Limits").await;
    let id = project.rsplit('/').next().unwrap();
    let mut tried = 0;
    for operation in operations(&document) {
        let body = &operation.said["requestBody"]["content"]["application/json"]["schema"];
        let schema = resolved(&document, body);
        let example = &schema["examples"][0];
        if !example.is_object()
            || operation.is_callback()
            || operation.path.contains("{task_uuid}")
            || operation.path.contains("{group_id}")
        {
            continue;
        }
        for (field, property) in schema["properties"].as_object().unwrap() {
            // A webhook and a whole window have rules besides their length.
            if ["webhook_url", "start_time", "end_time"].contains(&field.as_str()) {
                continue;
            }
            for (inside, outside) in edges(property) {
                for (value, is_taken) in [(inside, true), (outside, false)] {
                    let mut body = example.clone();
                    if field != "name" && body.get("name").is_some() {
                        body["name"] = json!(format!("{field} {tried} {is_taken}"));
                    }
                    body[field] = value;
                    let answer = app.send(operation.with_ids(id).json(&body)).await;
                    let was_taken = !matches!(answer.status, 400 | 422);
                    assert_eq!(was_taken, is_taken, "{} {field}: {body} {answer:?}", operation.id());
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 30, "{tried}");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_page_shows_every_operation_and_loads_nothing_of_others(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let answer = app.get("/api/docs").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    for loose in ["unsafe", "script-src", "http:", "https:"] {
        assert!(!policy.contains(loose), "{policy}");
    }
    let page = &answer.text;
    for inline in ["<script", "<style", " style=", " onclick=", "src=\"http", "href=\"http"] {
        assert!(!page.contains(inline), "{inline}");
    }
    let document = document(&app).await;
    for operation in operations(&document) {
        for part in [format!("id=\"{}\"", operation.id()), format!("<code>{}</code>", operation.path)] {
            assert!(page.contains(&part), "{part}");
        }
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
    }
    // Every link within the page leads somewhere.
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
    app.end().await;
}
