//! Forged requests: a page of another origin changes nothing, whatever of ours it sends its visitors' browsers to. Every
//! mutation of the OpenAPI document and every server function, with every kind of header that a browser could send.

use crate::app::{App, id_of, task};
use crate::call::{Call, TOKEN, call};
use leptos::server_fn::axum::server_fn_paths;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// What tells that a page of another origin asks: in each of these a request must be refused.
const FORGED: [&[(&str, &str)]; 12] = [
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "nonsense")],
    &[("sec-fetch-site", ""), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:3000")],
    &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "http://localhost:8080")],
    &[("origin", "http://localhost.evil.example:3000")],
    &[("host", "evil.example"), ("origin", "http://evil.example")],
    &[("host", "evil.example"), ("sec-fetch-site", "same-origin")],
];

/// Where nobody forges: a program, a page of ours, somebody who types an address.
const HONEST: [&[(&str, &str)]; 4] = [
    &[],
    &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:3000")],
    &[("sec-fetch-site", "none")],
    &[("origin", "http://localhost:3000")],
];

fn with(request: Call, headers: &[(&str, &str)]) -> Call {
    headers.iter().fold(request.header("host", "localhost:3000"), |request, (name, value)| request.header(name, value))
}

/// What a request is about.
struct Stage {
    project: String,
    task: String,
}

impl Stage {
    fn filled(&self, path: &str) -> String {
        let (project, task) = (id_of(&self.project).to_string(), id_of(&self.task).to_string());
        let known = path.replace("{project_id}", &project).replace("{task_uuid}", &task);
        known
            .split('/')
            .map(|part| if part.starts_with('{') { task.as_str() } else { part })
            .collect::<Vec<_>>()
            .join("/")
    }

    /// Every operation that is no reading.
    fn operations(&self, document: &Value) -> Vec<(String, String)> {
        let paths = document["paths"].as_object().unwrap();
        let of = |(path, item): (&String, &Value)| {
            let methods = ["post", "put", "patch", "delete"].into_iter().filter(|method| item.get(*method).is_some());
            methods.map(|method| (method.to_uppercase(), self.filled(path))).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of).collect()
    }

    /// A body that would do something wherever it is understood.
    fn call(&self, method: &str, path: &str) -> Call {
        let mut body = task("Theirs");
        body["execution_endpoint"] = json!("http://example.com/");
        call(method, path).json(&body)
    }

    /// A form that would do something wherever it is understood, from a browser or from its program.
    fn form(&self, path: &str, accept: &str) -> Call {
        let (project, task) = (id_of(&self.project).to_string(), id_of(&self.task).to_string());
        let fields = [("project_id", project.as_str()), ("task_id", &task), ("task_uuid", &task), ("name", "Theirs")];
        call("POST", path).form(&fields).header("accept", accept)
    }
}

async fn stage(on: &PgConnectOptions) -> (App, Stage) {
    let app = App::with(on, &["--rate-per-second", "0"]).await;
    let (project, task) = app.one_task().await;
    (app, Stage { project, task })
}

#[sqlx::test(migrations = false)]
async fn no_mutation_of_the_api_is_forged(_: PgPoolOptions, on: PgConnectOptions) {
    let (app, stage) = stage(&on).await;
    let document = app.get("/api/v1/openapi.json").await.ok(200);
    let operations = stage.operations(&document);
    assert!(operations.len() >= 25, "{}", operations.len());
    let before = app.snapshot().await;
    for (method, path) in &operations {
        for forged in FORGED {
            let answer = app.send(with(stage.call(method, path), forged)).await;
            assert_eq!(answer.status, 403, "{method} {path} {forged:?}: {answer:?}");
            answer.problem(403, "forbidden");
        }
    }
    assert_eq!(app.snapshot().await, before);
    let session = app.session("ada").await;
    for (method, path) in operations.iter().filter(|(method, _)| method != "DELETE") {
        for honest in HONEST {
            // No token creates another one.
            let by = if path == "/api/v1/tokens" { session.as_str() } else { TOKEN };
            let answer = app.send(with(stage.call(method, path).by(by), honest)).await;
            assert_ne!(answer.status, 403, "{method} {path} {honest:?}: {answer:?}");
        }
    }
    assert_ne!(app.snapshot().await, before, "the honest ones do something");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn no_server_function_is_forged(_: PgPoolOptions, on: PgConnectOptions) {
    let (app, stage) = stage(&on).await;
    let mut functions: Vec<_> = server_fn_paths().map(|(path, method)| (path.to_owned(), method.to_string())).collect();
    let keys = format!("{}/api-keys", stage.project.trim_start_matches("/api/v1"));
    let account = format!("/accounts/{}/password", uuid::Uuid::nil());
    let secret = keys.replace("api-keys", "signing-secret");
    let own = ["/account/tokens", "/account/display", "/accounts/new", &account, &keys, &secret];
    let documents = ["/login", "/login/link", "/logout", "/setup"].into_iter().chain(own);
    functions.extend(documents.map(|path| (path.to_owned(), "POST".to_owned())));
    assert!(functions.len() >= 20, "{functions:?}");
    let before = app.snapshot().await;
    for (path, method) in &functions {
        assert_eq!(method, "POST", "{path}: what is not a POST is not checked");
        for accept in ["application/json", "text/html"] {
            for forged in FORGED {
                let answer = app.send(with(stage.form(path, accept), forged)).await;
                assert_eq!(answer.status, 403, "{path} {forged:?}: {answer:?}");
                answer.problem(403, "forbidden");
            }
        }
    }
    assert_eq!(app.snapshot().await, before);
    let session = app.session("ada").await;
    for (path, _) in &functions {
        for honest in HONEST {
            // No token creates another one.
            let by = if path == "/account/tokens" { session.as_str() } else { TOKEN };
            let answer = app.send(with(stage.form(path, "application/json").by(by), honest)).await;
            assert_ne!(answer.status, 403, "{path} {honest:?}: {answer:?}");
        }
    }
    assert_ne!(app.snapshot().await, before, "the honest ones do something");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn nobody_is_signed_out_everywhere_by_a_forged_request(_: PgPoolOptions, on: PgConnectOptions) {
    let (app, stage) = stage(&on).await;
    let session = app.session("ada").await;
    for forged in FORGED {
        let answer = app.send(with(stage.form("/logout/everywhere", "text/html").by(&session), forged)).await;
        answer.problem(403, "forbidden");
    }
    app.send(call("GET", "/api/v1/session").by(&session)).await.ok(200);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn reading_changes_nothing_wherever_it_comes_from(_: PgPoolOptions, on: PgConnectOptions) {
    let (app, stage) = stage(&on).await;
    let before = app.snapshot().await;
    let functions: Vec<_> = server_fn_paths().map(|(path, _)| path.to_owned()).collect();
    for path in functions.iter().chain([&stage.task, &stage.project]) {
        for method in ["GET", "HEAD", "OPTIONS"] {
            app.send(with(call(method, path), FORGED[0])).await;
        }
    }
    assert_eq!(app.snapshot().await, before);
    app.end().await;
}
