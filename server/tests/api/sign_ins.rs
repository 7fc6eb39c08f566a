//! Attempts to sign in: how they are limited, whom that does not lock out, and what is written down of them.

use crate::app::App;
use crate::call::{Answer, Call, call};
use crate::taking_back::PASSWORD;
use backend::accounts::users::Rights;
use backend::accounts::{setup, users};
use backend::{Actor, refusals};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

impl App {
    async fn with_grace(on: &PgConnectOptions) -> Self {
        let app = Self::new(on).await;
        users::add(&app.state.backend, &Actor::system("test"), "iris@example.com", PASSWORD, Rights::default())
            .await
            .unwrap();
        app
    }

    /// What the audit says of this action: who, to what, in which words.
    async fn audited(&self, action: &str) -> Vec<(String, String)> {
        let rows = "SELECT actor, coalesce(detail, '') FROM audit WHERE action = $1 ORDER BY id";
        sqlx::query_as(rows).bind(action).fetch_all(&self.pool).await.unwrap()
    }
}

fn attempt(email: &str, password: &str, from: &str) -> Call {
    let body = json!({ "email": email, "password": password });
    call("POST", "/api/v1/session").without("authorization").from(from).json(&body)
}

/// The cookie by which a browser is known that has signed in.
fn device(answer: &Answer) -> String {
    let set = answer.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap());
    let set = set.into_iter().find(|set| set.starts_with("sexton-device=")).unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

#[sqlx::test(migrations = false)]
async fn all_spellings_of_an_address_share_the_limit_of_the_account(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_grace(&on).await;
    let is_same = "SELECT lower('İris@Example.com') = 'iris@example.com'";
    let is_same: bool = sqlx::query_scalar(is_same).fetch_one(&app.pool).await.unwrap();
    let spellings =
        ["iris@example.com", "IRIS@example.com", " Iris@Example.com ", "iriS@example.com", "iris@EXAMPLE.com"];
    for (n, email) in spellings.into_iter().enumerate() {
        app.send(attempt(email, "wrong", &format!("10.0.0.{n}"))).await.problem(401, "unauthorized");
    }
    let more = ["irIs@example.com", if is_same { "İris@example.com" } else { "Iris@example.com" }];
    for (n, email) in more.into_iter().enumerate() {
        app.send(attempt(email, "wrong", &format!("10.0.1.{n}"))).await.problem(429, "too-many-requests");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn strangers_lock_nobody_out_of_a_browser_that_has_signed_in_before(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_grace(&on).await;
    users::add(&app.state.backend, &Actor::system("test"), "eve@example.com", PASSWORD, Rights::default())
        .await
        .unwrap();
    let known = device(&app.send(attempt("iris@example.com", PASSWORD, "10.0.0.1")).await);
    let eves = device(&app.send(attempt("eve@example.com", PASSWORD, "10.0.0.2")).await);
    assert_eq!(app.count("known_devices").await, 2);
    for n in 0..5 {
        app.send(attempt("iris@example.com", "wrong", &format!("10.0.1.{n}"))).await;
    }
    let with = |cookie: &str| attempt("iris@example.com", PASSWORD, "10.0.0.1").header("cookie", cookie);
    for stranger in ["x=y", "sexton-device=sxd_made-up", &eves] {
        app.send(with(stranger)).await.problem(429, "too-many-requests");
    }
    let signed_in = app.send(with(&known)).await;
    signed_in.ok(201);
    assert_eq!(device(&signed_in), known, "it stays the same browser");
    for _ in 0..4 {
        let wrong = attempt("iris@example.com", "wrong", "10.0.0.1").header("cookie", &known);
        app.send(wrong).await.problem(401, "unauthorized");
    }
    app.send(with(&known)).await.problem(429, "too-many-requests");
    assert_eq!(app.count("known_devices").await, 2);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn only_who_holds_the_setup_token_makes_the_server_check_or_hash_anything(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let claim = |token: &str, email: &str, from: &str| {
        let fields = [("token", token), ("email", email), ("password", "short")];
        call("POST", "/setup").without("authorization").form(&fields).from(from)
    };
    assert_eq!(app.send(claim("x", "nobody", "10.0.0.1")).await.status, 409, "there is nothing to claim");
    app.execute("DELETE FROM users; UPDATE setup SET claimed_at = NULL").await;
    let token = setup::offer(&app.state.backend, None).await.unwrap().unwrap();
    for _ in 0..20 {
        let refused = app.send(claim("sxu_wrong", "nobody", "10.0.0.2")).await;
        assert_eq!(refused.status, 403, "the token comes first: {refused:?}");
    }
    assert_eq!(app.send(claim(&token, "nobody", "10.0.0.2")).await.status, 429, "and the limit before it");
    assert_eq!(app.send(claim(&token, "nobody", "10.0.0.3")).await.status, 422);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn refused_sign_ins_and_permissions_are_counted_and_fill_few_rows_of_the_audit(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::with_grace(&on).await;
    let project = app.project("Billing").await;
    let looker = app.person("looker").await;
    app.join(&project, "looker", "readonly").await;
    for _ in 0..7 {
        app.send(attempt("iris@example.com", "hunter2-typed", "10.0.0.1")).await;
    }
    app.send(attempt("typed-password", "x", "10.0.0.2")).await.problem(401, "unauthorized");
    for _ in 0..3 {
        app.send(call("POST", &format!("{project}/tasks")).by(&looker).json(&json!({})))
            .await
            .problem(403, "forbidden");
        app.send(call("GET", "/api/v1/audit").by(&looker)).await.problem(403, "forbidden");
        let form = [("id", looker.as_str()), ("is_disabled", "true")];
        assert_ne!(app.send(call("POST", "/fn/set_account").by(&looker).form(&form)).await.status, 200);
        assert_eq!(app.send(call("GET", "/audit").by(&looker)).await.status, 403);
    }
    refusals::flush(&app.state.backend, true).await;
    let said = async |action: &str| app.audited(action).await;
    let nobody = |detail: &str| ("nobody signed in".to_owned(), detail.to_owned());
    let unknown = nobody("an account that does not exist");
    let (first, rest) = (nobody("iris@example.com"), nobody("iris@example.com (4 times)"));
    assert_eq!(said("session.refused").await, [first.clone(), unknown, rest]);
    assert_eq!(said("session.limited").await, [first, nobody("iris@example.com")]);
    let permissions = said("permission.refused").await;
    assert_eq!(permissions.len(), 4, "two places, a first and the others each: {permissions:?}");
    assert!(permissions.iter().all(|(actor, _)| actor == "looker@example.com"), "{permissions:?}");
    let of_project = app.get(&format!("{project}/audit")).await.ok(200);
    assert_eq!(of_project["data"][0]["action"], "permission.refused");
    assert_eq!(app.count("audit WHERE detail LIKE '%typed%'").await, 0, "what was typed is not kept");
    let metrics = app.get("/metrics").await.text;
    for action in ["session.refused", "session.limited", "permission.refused"] {
        let line = format!("sexton_refusals_total{{action=\"{action}\"}} ");
        let count = metrics.lines().find_map(|text| text.strip_prefix(&line)).unwrap();
        assert!(count.parse::<u64>().unwrap() > 0, "{action}");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn reading_a_signing_secret_is_written_into_the_audit(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let api = app.get(&format!("{project}/signing-secret")).await.ok(200);
    let page = project.trim_start_matches("/api/v1");
    app.get(&format!("{page}/settings")).await;
    assert_eq!(app.audited("signing_secret.read").await.len(), 1, "the settings do not show it");
    let shown = app.send(call("POST", &format!("{page}/signing-secret")).form(&[])).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    assert!(shown.text.contains(api["secret"].as_str().unwrap()));
    assert_eq!(app.audited("signing_secret.read").await.len(), 2);
    app.end().await;
}
