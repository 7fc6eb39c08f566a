//! Accounts can be taken back: what ends access ends all of it, and nobody gets it back by what they have left.

use crate::app::{App, until};
use crate::call::{Answer, call};
use backend::Actor;
use backend::accounts::users::{self, Rights};
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

pub const PASSWORD: &str = "correct horse battery staple";

/// What somebody has who was let in: a session, a token, a link.
struct Access {
    session: String,
    token: String,
    link: String,
}

impl App {
    pub async fn user(&self, email: &str) -> domain::account::User {
        users::by_email(&self.state.backend, email).await.unwrap()
    }

    async fn access(&self, name: &str) -> Access {
        let token = self.person(name).await;
        let link = users::link(&self.state.backend, &format!("{name}@example.com")).await.unwrap();
        Access { session: self.session(name).await, token, link }
    }

    /// Who is let in: by the session, the token, the link.
    async fn opens(&self, access: &Access) -> [bool; 3] {
        let shown = async |secret: &str| self.send(call("GET", "/api/v1/session").by(secret)).await.status == 200;
        let form = call("POST", "/login/link").without("authorization").form(&[("token", &access.link)]);
        [shown(&access.session).await, shown(&access.token).await, self.send(form).await.status == 303]
    }

    /// Changes the password, as the program in the browser does.
    async fn change_password(&self, by: &str, current: &str, new: &str) -> Answer {
        let fields = [("current_password", current), ("new_password", new)];
        self.send(call("POST", "/fn/change_password").by(by).form(&fields)).await
    }
}

#[sqlx::test(migrations = false)]
async fn a_reset_a_disable_and_signing_out_everywhere_end_sessions_tokens_and_links(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let (backend, actor) = (&app.state.backend, Actor::system("test"));
    assert_eq!(app.opens(&app.access("control").await).await, [true; 3]);
    let access = app.access("grace").await;
    users::reset_password(backend, &actor, app.user("grace@example.com").await.id, PASSWORD).await.unwrap();
    assert_eq!(app.opens(&access).await, [false; 3], "a reset");
    let access = app.access("alan").await;
    let id = app.user("alan@example.com").await.id;
    users::set_disabled(backend, &actor, id, true).await.unwrap();
    assert_eq!(app.opens(&access).await, [false; 3], "a disable");
    users::set_disabled(backend, &actor, id, false).await.unwrap();
    assert_eq!(app.opens(&access).await, [false; 3], "nor when the account is enabled again");
    let access = app.access("edsger").await;
    assert_eq!(app.send(call("DELETE", "/api/v1/sessions").by(&access.session)).await.status, 204);
    assert_eq!(app.opens(&access).await, [false; 3], "signing out everywhere");
    let access = app.access("barbara").await;
    let out = app.send(call("POST", "/logout/everywhere").by(&access.session).form(&[])).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert_eq!(app.opens(&access).await, [false; 3], "by the button");
    for name in ["grace", "alan", "edsger", "barbara"] {
        let known = format!("known_devices d JOIN users u ON u.id = d.user_id AND u.email = '{name}@example.com'");
        assert_eq!(app.count(&known).await, 0, "no browser of {name} is known any more");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_sign_in_under_way_does_not_outlive_a_reset(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    users::add(&app.state.backend, &Actor::system("test"), "grace@example.com", PASSWORD, Rights::default())
        .await
        .unwrap();
    // The reset, up to its commit.
    let mut reset = PgConnection::connect_with(&on).await.unwrap();
    let statements = "BEGIN; UPDATE users SET password_hash = 'another' WHERE email = 'grace@example.com'";
    sqlx::raw_sql(statements).execute(&mut reset).await.unwrap();
    let body = serde_json::json!({ "email": "grace@example.com", "password": PASSWORD });
    let signing_in = app.send(call("POST", "/api/v1/session").without("authorization").json(&body));
    let committing = async {
        let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid'))";
        until("the sign-in waits", async || sqlx::query_scalar(waits).fetch_one(&app.pool).await.unwrap()).await;
        sqlx::raw_sql("COMMIT").execute(&mut reset).await.unwrap();
    };
    let (answer, ()) = tokio::join!(signing_in, committing);
    answer.problem(401, "unauthorized");
    assert_eq!(app.count("sessions").await, 0);
    reset.close().await.unwrap();
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn guesses_at_ones_own_password_are_limited_as_sign_ins_are(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    users::add(&app.state.backend, &Actor::system("test"), "grace@example.com", PASSWORD, Rights::default())
        .await
        .unwrap();
    let session = app.session("grace").await;
    for _ in 0..5 {
        let wrong = app.change_password(&session, "wrong", "another good password").await;
        assert_eq!((wrong.status, &wrong.json()["errors"][0]["field"]), (422, &serde_json::json!("current_password")));
    }
    let limited = app.change_password(&session, PASSWORD, "another good password").await;
    assert_eq!((limited.status, &limited.json()["kind"]), (429, &serde_json::json!("too-many-requests")));
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn neither_a_token_nor_a_session_gives_a_password_to_an_account_that_has_none(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let token = app.person("grace").await;
    let session = app.session("grace").await;
    for by in [("DELETE", "/api/v1/sessions"), ("POST", "/logout/everywhere")] {
        app.send(call(by.0, by.1).by(&token)).await.problem(403, "forbidden");
    }
    for secret in [&token, &session] {
        assert_eq!(app.change_password(secret, "", "another good password").await.status, 403);
    }
    assert_eq!(app.count("users WHERE password_hash IS NOT NULL").await, 0);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_token_creates_no_token_and_one_that_manages_creates_keys(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, session) = (app.project("Billing").await, app.session("ada").await);
    app.send(call("POST", "/api/v1/tokens").json(&json!({ "name": "another" }))).await.problem(403, "forbidden");
    let form = [("name", "another")];
    assert_eq!(app.send(call("POST", "/account/tokens").form(&form)).await.status, 403);
    let token = async |scopes: Value| {
        let draft = json!({ "name": "program", "scopes": scopes });
        let made = app.send(call("POST", "/api/v1/tokens").by(&session).json(&draft)).await.ok(201);
        assert_eq!(made["scopes"], scopes);
        made["token"].as_str().unwrap().to_owned()
    };
    let (reader, manager) = (token(json!(["read"])).await, token(json!(["read", "manage"])).await);
    let key = json!({ "name": "key" });
    let create = |by: &str| call("POST", &format!("{project}/api-keys")).by(by).json(&key);
    let refused = app.send(create(&reader)).await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("\"manage\""), "{refused}");
    app.send(create(&manager)).await.ok(201);
    app.send(call("GET", &project).by(&reader)).await.ok(200);
    app.send(call("GET", "/api/v1/projects").by(&reader)).await.ok(200);
    app.send(call("DELETE", &project).by(&reader)).await.problem(403, "forbidden");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_gives_lasting_access_takes_a_proof_that_is_ten_minutes_old_at_most(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let rights = Rights::ADMIN;
    users::add(&app.state.backend, &Actor::system("test"), "grace@example.com", PASSWORD, rights).await.unwrap();
    let (project, session) = (app.project("Billing").await, app.session("grace").await);
    let page = project.trim_start_matches("/api/v1");
    let named = json!({ "name": "program" });
    let requests = || {
        [
            call("POST", "/api/v1/tokens").json(&named),
            call("POST", &format!("{project}/api-keys")).json(&named),
            call("GET", &format!("{project}/signing-secret")),
            call("POST", &format!("{project}/signing-secret/rotate")),
        ]
        .map(|request| request.by(&session))
    };
    let user = app.user("grace@example.com").await.id;
    let forms = || {
        [
            (call("POST", "/account/tokens").form(&[("name", "x"), ("read", "on")]), "value=\"x\""),
            (call("POST", "/accounts/new").form(&[("email", "root@example.com"), ("admin", "on")]), "root@example.com"),
            (call("POST", &format!("{page}/api-keys")).form(&[("name", "<k>"), ("read", "on")]), "&lt;k&gt;"),
            (call("POST", &format!("{page}/signing-secret")).form(&[]), "Go on"),
            (call("POST", &format!("/accounts/{user}/password")).form(&[]), "Go on"),
        ]
        .map(|(request, kept)| (request.by(&session), kept))
    };
    app.execute("UPDATE sessions SET proved_at = now() - interval '11 minutes'").await;
    let before = (app.count("personal_tokens").await, app.count("api_keys").await, app.count("users").await);
    for request in requests() {
        app.send(request).await.problem(403, "proof-required");
    }
    for (request, kept) in forms() {
        let asked = app.send(request).await;
        assert!(asked.status == 403 && asked.text.contains("name=\"proof_password\""), "{asked:?}");
        assert!(asked.text.contains(kept), "what was typed is kept: {kept}: {}", asked.text);
    }
    assert_eq!((app.count("personal_tokens").await, app.count("api_keys").await, app.count("users").await), before);
    let send = |password: &str| {
        let fields = [("name", "laptop"), ("read", "on"), ("proof_password", password)];
        call("POST", "/account/tokens").by(&session).form(&fields)
    };
    let wrong = app.send(send("wrong")).await;
    assert!(wrong.status == 422 && wrong.text.contains("is not your password") && !wrong.text.contains("\"wrong\""));
    let made = app.send(send(PASSWORD)).await;
    assert!(made.status == 201 && made.text.contains("sxt_"), "it goes on: {made:?}");
    assert_eq!(app.count("personal_tokens WHERE name = 'laptop' AND scopes = '{read}'").await, 1);
    for request in requests() {
        assert!(matches!(app.send(request).await.status, 200 | 201), "and counts from then on");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn only_who_was_given_the_right_creates_projects(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let made = app.send(call("POST", "/accounts/new").form(&[("email", "grace@example.com")])).await;
    assert_eq!(made.status, 201);
    let (id, session) = (app.user("grace@example.com").await.id.to_string(), app.session("grace").await);
    let draft = json!({ "name": "Hers", "execution_endpoint": "http://example.com/" });
    let create = || call("POST", "/api/v1/projects").by(&session).json(&draft);
    app.send(create()).await.problem(403, "forbidden");
    let form = [("form[name]", "Hers"), ("form[execution_endpoint]", "http://example.com/")];
    assert_eq!(app.send(call("POST", "/fn/save_project").by(&session).form(&form)).await.status, 403);
    assert!(!app.send(call("GET", "/projects").by(&session)).await.text.contains("New project"));
    assert_eq!(
        app.send(call("GET", "/api/v1/session").by(&session)).await.ok(200)["user"]["may_create_projects"],
        false
    );
    let allow = [("id", id.as_str()), ("may_create", "true")];
    assert_eq!(app.send(call("POST", "/fn/set_creator").by(&session).form(&allow)).await.status, 403);
    assert_eq!(app.send(call("POST", "/fn/set_creator").form(&allow)).await.status, 200);
    app.send(create()).await.ok(201);
    assert_eq!(app.count("audit WHERE action = 'user.rights_changed'").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_trivial_password_is_refused_by_the_field_with_the_reason(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    users::add(&app.state.backend, &Actor::system("test"), "grace@example.com", PASSWORD, Rights::default())
        .await
        .unwrap();
    let session = app.session("grace").await;
    for trivial in ["passwordpassword", "aaaaaaaaaaaaaaaa", "grace@example.com"] {
        let refused = app.change_password(&session, PASSWORD, trivial).await;
        assert_eq!(refused.status, 422, "{trivial}: {refused:?}");
        let error = &refused.json()["errors"][0];
        assert_eq!(error["field"], "new_password");
        assert!(error["message"].as_str().unwrap().starts_with("is too easy to guess"), "{error}");
    }
    app.end().await;
}
