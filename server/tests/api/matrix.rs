//! Who may do what: one table of every route and every server function, tried by everybody. A route that is not in it fails
//! the test.

pub mod table;

use crate::app::{App, id_of};
use crate::call::{Answer, Call, TOKEN, call};
use leptos::server_fn::axum::server_fn_paths;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeSet;
use table::Need::{self, Callbacks, Creator, Delete, Known, Manage, Operator, Person, Public, Read, Session, Write};
use table::{FUNCTIONS, ROUTES};
use uuid::Uuid;

/// Who tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// A session or token that has ended, a key that was revoked.
    Gone,
    Stranger,
    /// A stranger with a session instead of a token.
    Browser,
    Looker,
    ProjectAdmin,
    InstanceAdmin,
    /// A token of the project's administrator that has one scope.
    Scoped(&'static str),
    Key(&'static str),
    OtherProjectsKey,
}

/// The status that refuses, or none when it passes.
fn refusal(need: Need, reads: bool, who: Who) -> Option<u16> {
    use Who::{Browser, Gone, InstanceAdmin, Key, Looker, Nobody, OtherProjectsKey, ProjectAdmin, Scoped, Stranger};
    let scope = match need {
        Read => "read",
        Write => "write",
        Delete => "delete",
        Manage => "manage",
        Callbacks => "callbacks",
        _ => "none",
    };
    match (need, who) {
        (Public, _) => None,
        (_, Nobody | Gone) => Some(401),
        (Callbacks, Key(has)) => (has != scope).then_some(403),
        // It finds no execution: that is no matter of permission.
        (Callbacks, OtherProjectsKey) => None,
        (Callbacks, _) => Some(401),
        // Outside of a project a token with scopes reads, or manages.
        (Known | Person | Creator, Scoped(has)) => (has != if reads { "read" } else { "manage" }).then_some(403),
        (Known, _) => None,
        (Session, who) => (who != Browser).then_some(403),
        (Creator, Key(_) | OtherProjectsKey | Looker) => Some(403),
        (Creator, _) => None,
        (Person | Operator, Key(_) | OtherProjectsKey) => Some(403),
        (Person, _) => None,
        (Operator, who) => (who != InstanceAdmin).then_some(403),
        (_, InstanceAdmin | ProjectAdmin) => None,
        (_, Stranger | Browser | OtherProjectsKey) => Some(404),
        (need, Looker) => (need != Read).then_some(403),
        (_, Key(has) | Scoped(has)) => (has != scope).then_some(403),
    }
}

/// A stage with everybody on it.
struct Cast {
    app: App,
    project: String,
    secrets: Vec<(Who, String)>,
}

impl Cast {
    async fn new(on: &PgConnectOptions) -> Self {
        let app = App::new(on).await;
        // A stream ends at once on a node that stops.
        app.stop.cancel();
        let (project, other) = (app.project("Billing").await, app.project("Foreign-affairs").await);
        app.plant(&project).await;
        let mut secrets = vec![(Who::Nobody, String::new()), (Who::InstanceAdmin, TOKEN.to_owned())];
        for (who, name, role) in [
            (Who::Stranger, "stranger", None),
            (Who::Looker, "looker", Some("readonly")),
            (Who::ProjectAdmin, "owner", Some("admin")),
        ] {
            let token = app.person(name).await;
            if let Some(role) = role {
                app.join(&project, name, role).await;
            }
            secrets.push((who, token));
        }
        for scope in ["read", "write", "delete", "manage"] {
            secrets.push((Who::Scoped(scope), app.scoped("owner", scope).await));
        }
        app.execute("UPDATE users SET may_create_projects = false WHERE email = 'looker@example.com'").await;
        app.person("browser").await;
        app.execute("UPDATE users SET password_hash = 'none that fits' WHERE email = 'browser@example.com'").await;
        secrets.push((Who::Browser, app.session("browser").await));
        for scope in ["read", "write", "delete", "callbacks"] {
            secrets.push((Who::Key(scope), app.key(&project, &[scope]).await));
        }
        secrets.push((Who::OtherProjectsKey, app.key(&other, &["read", "write", "delete", "callbacks"]).await));
        let gone = app.key(&project, &["read", "write", "delete", "callbacks"]).await;
        app.execute("DELETE FROM api_keys WHERE id = (SELECT id FROM api_keys ORDER BY id DESC LIMIT 1)").await;
        secrets.push((Who::Gone, gone));
        Self { app, project, secrets }
    }

    /// Sends the same by everybody.
    async fn everybody(&self, what: &str, need: Need, reads: bool, request: impl Fn() -> Call) {
        for (who, secret) in &self.secrets {
            // What it asked for before may have ended its session.
            let renewed = if *who == Who::Browser { self.app.session("browser").await } else { secret.clone() };
            let answer = self.app.send(request().by(&renewed)).await;
            let told = verdict(&answer);
            assert_eq!(told, refusal(need, reads, *who), "{what} ({need:?}) by {who:?}: {answer:?}");
            assert_shows_only_what_they_may_see(what, *who, &renewed, &answer);
        }
    }
}

/// Texts that only some may see, wherever they are shown: a webhook's address, signing secrets, another project.
const PLANTED: [(&str, MaySee); 3] = [
    (WEBHOOK_SECRET, manages),
    ("whsec_", manages),
    ("Foreign-affairs", |who| matches!(who, Who::InstanceAdmin | Who::OtherProjectsKey)),
];

type MaySee = fn(Who) -> bool;

const WEBHOOK_SECRET: &str = "planted-webhook-secret";

fn manages(who: Who) -> bool {
    matches!(who, Who::ProjectAdmin | Who::InstanceAdmin | Who::Scoped("manage"))
}

fn assert_shows_only_what_they_may_see(what: &str, who: Who, secret: &str, answer: &Answer) {
    for (text, may_see) in PLANTED {
        assert!(may_see(who) || !answer.text.contains(text), "{what} shows {text} to {who:?}: {answer:?}");
    }
    assert!(secret.is_empty() || !answer.text.contains(secret), "{what} repeats what {who:?} came with: {answer:?}");
}

/// The status, if it says that somebody may not.
fn verdict(answer: &Answer) -> Option<u16> {
    let hides = answer.text.contains("project-not-found");
    match answer.status {
        status @ (401 | 403) => Some(status),
        404 if hides => Some(404),
        _ => None,
    }
}

#[sqlx::test(migrations = false)]
async fn every_route_lets_in_whom_it_should_and_nobody_else(_: PgPoolOptions, on: PgConnectOptions) {
    let cast = Cast::new(&on).await;
    let document = cast.app.get("/api/v1/openapi.json").await.ok(200);
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = item.as_object().unwrap().keys().filter(|key| !key.starts_with("param") && *key != "summary");
        documented
            .extend(methods.map(|method| (method.to_uppercase(), path.trim_start_matches("/api/v1/").to_owned())));
    }
    let known: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(documented, known, "a route without its line in the table");
    let project = id_of(&cast.project).to_string();
    for (method, path, need) in ROUTES {
        let mut path = path.replace("{project_id}", &project);
        while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
            path.replace_range(start..=end, &Uuid::now_v7().to_string());
        }
        let request = || {
            let request = call(method, &format!("/api/v1/{path}"));
            if matches!(*method, "GET" | "DELETE") { request } else { request.json(&json!({})) }
        };
        cast.everybody(&format!("{method} {path}"), *need, *method == "GET", request).await;
    }
    cast.app.end().await;
}

#[sqlx::test(migrations = false)]
async fn every_server_function_lets_in_whom_it_should_and_nobody_else(_: PgPoolOptions, on: PgConnectOptions) {
    let cast = Cast::new(&on).await;
    let there: BTreeSet<_> = server_fn_paths().map(|(path, _)| path.trim_start_matches("/fn/").to_owned()).collect();
    let known: BTreeSet<_> = FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, known, "a server function without its line in the table");
    let (project, some) = (id_of(&cast.project).to_string(), Uuid::now_v7().to_string());
    let at = format!("/projects/{project}/settings");
    for (name, need) in FUNCTIONS {
        // What any of them may ask for; each reads what it knows.
        let mut fields: Vec<(&str, &str)> =
            ["task_id", "deletion_id", "user_id"].map(|field| (field, some.as_str())).to_vec();
        let id = if *name == "get_project" { &project } else { &some };
        fields.extend([("id", id.as_str()), ("project_id", &project), ("form[project_id]", &project), ("at", &at)]);
        fields.extend([
            ("form[id]", ""),
            ("form[version]", ""),
            ("form[name]", ""),
            ("status", "ACTIVE"),
            ("is_disabled", "false"),
            ("mode", "block"),
        ]);
        fields.extend([("email", "nobody@example.com"), ("role", "readonly"), ("may_create", "true")]);
        fields.extend([("current_password", "x"), ("new_password", "short")]);
        cast.everybody(name, *need, false, || call("POST", &format!("/fn/{name}")).form(&fields)).await;
    }
    cast.app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_page_shows_nothing_to_who_may_not_see_it(_: PgPoolOptions, on: PgConnectOptions) {
    let cast = Cast::new(&on).await;
    let project = cast.project.trim_start_matches("/api/v1").to_owned();
    for page in ["", "/groups", "/executions", "/deletions", "/statistics", "/settings", "/tasks/new"] {
        let path = format!("{project}{page}");
        for (who, secret) in &cast.secrets {
            let answer = cast.app.send(call("GET", &path).by(secret)).await;
            assert_shows_only_what_they_may_see(&path, *who, secret, &answer);
            match who {
                Who::Nobody | Who::Gone => {
                    assert_eq!(answer.status, 303, "{path} by {who:?}: {answer:?}");
                    assert!(answer.header("location").starts_with("/login?next=%2Fprojects%2F"), "{answer:?}");
                }
                Who::Looker | Who::ProjectAdmin | Who::InstanceAdmin | Who::Scoped("read") | Who::Key("read") => {
                    assert_eq!(answer.status, 200, "{path} by {who:?}");
                    assert!(answer.text.contains("Billing"), "{path} shows {who:?} nothing");
                }
                _ if page == "/tasks/new" => {}
                _ => assert!(!answer.text.contains("Billing"), "{path} by {who:?}: {answer:?}"),
            }
        }
    }
    cast.app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_webhook_is_shown_in_full_to_who_manages_the_project_and_masked_to_who_reads_it(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let cast = Cast::new(&on).await;
    let alerts = format!("{}/alerts", cast.project);
    for (who, secret) in &cast.secrets {
        let shown = match who {
            Who::ProjectAdmin | Who::InstanceAdmin => "https://hooks.example.com/planted-webhook-secret",
            Who::Looker | Who::Scoped("read") | Who::Key("read") => "https://hooks.example.com/…",
            _ => continue,
        };
        let alerts = cast.app.send(call("GET", &alerts).by(secret)).await.ok(200);
        assert_eq!(alerts["data"][0]["deliveries"][0]["target"], shown, "{who:?}");
    }
    let shows = async |secret: &str, path: &str, text: &str| {
        cast.app.send(call("GET", path).by(secret)).await.text.contains(text)
    };
    let settings = format!("{}/settings", cast.project.trim_start_matches("/api/v1"));
    assert!(shows(TOKEN, &settings, WEBHOOK_SECRET).await, "who may change it sees it");
    assert!(!shows(TOKEN, &settings, "whsec_").await, "a secret is shown only to who asks for it");
    cast.app.end().await;
}

impl App {
    /// What only some may see in this project: a webhook, and an alert that goes there.
    async fn plant(&self, project: &str) {
        let webhook = json!({ "webhook_url": format!("https://hooks.example.com/{WEBHOOK_SECRET}") });
        self.send(call("PUT", &format!("{project}/alert-settings")).json(&webhook)).await.ok(200);
        let record = self.accept(&self.task(project, "Told about").await).await;
        self.fail(&record).await;
    }

    /// A token of an account that has this scope.
    async fn scoped(&self, name: &str, scope: &str) -> String {
        let secret = Uuid::new_v4().simple();
        let token = format!("sxt_{secret}{secret}");
        let statement = format!(
            "INSERT INTO personal_tokens (id, user_id, name, hash, hint, scopes)
             SELECT gen_random_uuid(), id, 'Scoped', sha256('{token}'), 'sxt_', '{{{scope}}}' FROM users WHERE email = '{name}@example.com'"
        );
        self.execute(&statement).await;
        token
    }

    /// A session of an account.
    pub async fn session(&self, name: &str) -> String {
        let (id, secret) = (Uuid::now_v7(), Uuid::new_v4().simple());
        let session = format!("sxs_{secret}{secret}");
        let statement = format!(
            "INSERT INTO sessions (id, user_id, hash, expires_at)
             SELECT '{id}', id, sha256('{session}'), now() + interval '1 day' FROM users WHERE email = '{name}@example.com'"
        );
        self.execute(&statement).await;
        session
    }

    /// An account and its token.
    pub async fn person(&self, name: &str) -> String {
        let (id, secret) = (Uuid::now_v7(), Uuid::new_v4().simple());
        let token = format!("sxt_{secret}{secret}");
        let statement = format!(
            "INSERT INTO users (id, email) VALUES ('{id}', '{name}@example.com');
             INSERT INTO personal_tokens (id, user_id, name, hash, hint) VALUES ('{id}', '{id}', 'Test', sha256('{token}'), 'sxt_')"
        );
        self.execute(&statement).await;
        token
    }

    /// Puts an account into a project.
    pub async fn join(&self, project: &str, name: &str, role: &str) {
        let body = json!({ "email": format!("{name}@example.com"), "role": role });
        self.send(call("PUT", &format!("{project}/members")).json(&body)).await.ok(200);
    }
}
