//! A pool of one connection: no request waits for a second one while it holds the first. Every route and every server
//! function of the permission matrix, each with things that are there, so that it goes all the way.

use crate::app::{App, id_of, task};
use crate::call::{Answer, call};
use crate::matrix::table::{FUNCTIONS, ROUTES};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use uuid::Uuid;

/// Whoever waits for themselves is told so soon.
const ONE: [&str; 4] = ["--api-connections", "1", "--acquire-timeout-ms", "1500"];

/// What a request may be about, made anew for each.
struct Things {
    name: String,
    project: String,
    task: String,
    /// Of another task.
    deletion: String,
    group: String,
    execution: Uuid,
    key: (String, String),
    user: Uuid,
}

impl Things {
    async fn new(app: &App, n: usize, fails: bool) -> Self {
        let title = format!("Project {n}");
        let project = app.project(&title).await;
        let (task, other) = (app.task(&project, "Ledger").await, app.task(&project, "Other").await);
        let deletion = app.accept(&other).await;
        if fails {
            app.fail(&deletion).await;
        }
        let group = app.post(&format!("{project}/task-groups"), &json!({ "name": "Nightly" })).await;
        let group = group.ok(201)["id"].as_str().unwrap().to_owned();
        let execution = app.send(call("POST", &format!("{task}/trigger"))).await;
        let key = app.post(&format!("{project}/api-keys"), &json!({ "name": "CI", "scopes": ["callbacks"] })).await;
        let key = key.ok(201);
        let name = format!("user{n}");
        app.person(&name).await;
        app.join(&project, &name, "readonly").await;
        let user = "SELECT id FROM users WHERE email = $1";
        let user = sqlx::query_scalar(user).bind(format!("{name}@example.com")).fetch_one(&app.pool).await.unwrap();
        Self {
            name: title,
            execution: id_of(execution.header("location")),
            key: (key["id"].as_str().unwrap().to_owned(), key["key"].as_str().unwrap().to_owned()),
            project,
            task,
            deletion,
            group,
            user,
        }
    }

    fn path(&self, path: &str) -> String {
        let ids = [
            ("project_id", id_of(&self.project).to_string()),
            ("task_uuid", id_of(&self.task).to_string()),
            ("deletion_id", id_of(&self.deletion).to_string()),
            ("group_id", self.group.clone()),
            ("execution_id", self.execution.to_string()),
            ("key_id", self.key.0.clone()),
            ("user_id", self.user.to_string()),
        ];
        ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
    }

    fn body(&self, method: &str, path: &str) -> Value {
        let project =
            json!({ "name": format!("Renamed {}", self.execution), "execution_endpoint": "http://example.com/" });
        match (method, path.rsplit('/').next().unwrap()) {
            ("POST", "projects") | ("PUT", "{project_id}") => project,
            ("PATCH", "{project_id}" | "{task_uuid}" | "{group_id}") => json!({ "name": format!("New {}", self.user) }),
            ("PUT", "members") => {
                json!({ "email": "ada@example.com", "role": "admin" })
            }
            ("PUT", "alert-settings") => json!({ "emails": ["ops@example.com"] }),
            ("POST", "schedule-preview") => json!({ "schedule_config": task("x")["schedule_config"] }),
            ("POST", "task-groups") | ("PUT", "{group_id}") => json!({ "name": "Weekly" }),
            ("POST", "tasks") | ("PUT", "{task_uuid}") => task("Another"),
            ("POST", "batch-delete") => json!({ "task_uuids": [id_of(&self.task)] }),
            ("POST", "session") => json!({ "email": "nobody@example.com", "password": "wrong" }),
            ("POST", "tokens" | "api-keys") => json!({ "name": "CI" }),
            ("POST", "logs") => json!({ "message": "Hello" }),
            ("PATCH", "status") if path.starts_with("executions") => json!({ "status": "FAILED" }),
            ("PATCH", "status") => json!({ "status": "DISABLED" }),
            _ => json!({}),
        }
    }
}

/// What there is nothing of on this stage; or a wrong password.
fn expected(method: &str, path: &str) -> &'static [u16] {
    match (method, path) {
        // No worker runs here.
        ("GET", "health") => &[503],
        ("POST", "session") => &[401],
        // Only for browsers; the pages below cover them.
        ("DELETE", "sessions") | ("POST", "tokens") => &[403],
        ("DELETE", "sessions/{session_id}" | "tokens/{token_id}") => &[404],
        ("GET", "project-deletions/{deletion_id}") => &[404],
        _ => &[200, 201, 202, 204],
    }
}

#[sqlx::test(migrations = false)]
async fn no_route_waits_for_itself(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &ONE).await;
    app.stop.cancel();
    for (n, (method, path, _)) in ROUTES.iter().enumerate() {
        for keyed in [false, true] {
            if keyed && !matches!(*method, "POST" | "DELETE") {
                continue;
            }
            let things = Things::new(&app, 2 * n + usize::from(keyed), path.contains("retry")).await;
            let at = things.path(path).replace("{session_id}", &Uuid::nil().to_string());
            let mut request = call(method, &format!("/api/v1/{}", at.replace("{token_id}", &Uuid::nil().to_string())));
            if !matches!(*method, "GET" | "DELETE") {
                request = request.json(&things.body(method, path));
            }
            if path.starts_with("executions/") {
                request = request.by(&things.key.1);
            }
            if keyed {
                request = request.header("idempotency-key", &n.to_string());
            }
            let answer = app.send(request).await;
            let refused = keyed && answer.status == 400 && answer.text.contains("never kept");
            let is_right = refused || expected(method, path).contains(&answer.status);
            assert!(is_right, "{method} {path} (with a key: {keyed}): {answer:?}");
            // The connection is free again: whoever comes next is answered.
            app.get(&things.project).await;
        }
    }
    app.end().await;
}

/// The fields that a server function is sent: all that any of them knows; each reads its own.
fn fields(name: &str, things: &Things) -> Vec<(String, String)> {
    let project = id_of(&things.project).to_string();
    let id = match name {
        "get_project" => project.clone(),
        "get_deletion" => id_of(&things.deletion).to_string(),
        "cancel_execution" => things.execution.to_string(),
        "start_group" | "stop_group" | "delete_group" => things.group.clone(),
        "set_account" => things.user.to_string(),
        "delete_key" => things.key.0.clone(),
        _ => Uuid::nil().to_string(),
    };
    let at = format!("/projects/{project}/settings");
    let mut fields = vec![
        ("id", id),
        ("project_id", project.clone()),
        ("task_id", id_of(&things.task).to_string()),
        ("deletion_id", id_of(&things.deletion).to_string()),
        ("user_id", things.user.to_string()),
        ("at", at),
        ("status", "DISABLED".to_owned()),
        ("mode", "cascade".to_owned()),
        ("is_disabled", "true".to_owned()),
        ("may_create", "true".to_owned()),
        ("email", "ada@example.com".to_owned()),
        ("role", "admin".to_owned()),
        ("name", things.name.clone()),
        ("current_password", "x".to_owned()),
        ("new_password", "a password of some length".to_owned()),
    ];
    let form =
        ["project_id", "name", "kind", "cron_expression", "timezone", "execution_endpoint", "status", "id", "version"];
    let typed = [
        project,
        format!("Form {}", things.user),
        "cron".to_owned(),
        "30 2 * * *".to_owned(),
        if name == "save_group" { String::new() } else { "UTC".to_owned() },
        "http://example.com/".to_owned(),
        "ACTIVE".to_owned(),
        String::new(),
        String::new(),
    ];
    let mut all: Vec<(String, String)> = fields.drain(..).map(|(name, value)| (name.to_owned(), value)).collect();
    all.extend(form.iter().zip(typed).map(|(name, value)| (format!("form[{name}]"), value)));
    all
}

#[sqlx::test(migrations = false)]
async fn no_server_function_and_no_page_waits_for_itself(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &ONE).await;
    for (n, (name, _)) in FUNCTIONS.iter().enumerate() {
        let things = Things::new(&app, n, name.contains("retry")).await;
        let fields = fields(name, &things);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = app.send(call("POST", &format!("/fn/{name}")).form(&fields)).await;
        let absent = matches!(*name, "end_session" | "delete_token" | "set_creator") && answer.status == 404;
        // A token may not change the password of its person.
        let refused = *name == "change_password" && answer.status == 403;
        assert!(absent || refused || answer.status == 200, "{name}: {answer:?}");
    }
    let things = Things::new(&app, 1_000, false).await;
    let (project, task) = (id_of(&things.project), id_of(&things.task));
    let (deletion, execution, group) = (id_of(&things.deletion), things.execution, &things.group);
    let inside = [
        String::new(),
        format!("/tasks/{task}"),
        format!("/tasks/{task}/edit"),
        format!("/tasks/{task}/delete"),
        "/tasks/new".to_owned(),
        format!("?deletion={deletion}"),
        "/deletions".to_owned(),
        format!("/deletions/{deletion}"),
        "/executions".to_owned(),
        format!("/executions/{execution}"),
        "/groups".to_owned(),
        format!("/groups/{group}"),
        format!("/groups/{group}/delete"),
        "/settings".to_owned(),
        "/statistics".to_owned(),
        "/audit".to_owned(),
        "/delete".to_owned(),
    ];
    let inside = inside.iter().map(|page| format!("/projects/{project}{page}"));
    let pages = ["/projects", "/deletions", "/accounts", "/audit", "/account"].map(str::to_owned);
    for page in inside.chain(pages) {
        let answer: Answer = app.get(&page).await;
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
    }
    app.end().await;
}
