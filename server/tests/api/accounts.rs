//! Signing in and out, tokens, members, and how an instance is claimed.

use crate::app::{App, id_of};
use crate::call::{Answer, call};
use backend::accounts::users::Rights;
use backend::accounts::{setup, users};
use backend::{Actor, accounts};
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::{Duration, Instant};

const PASSWORD: &str = "correct horse battery staple";

impl App {
    async fn with_password(&self, email: &str) {
        users::add(&self.state.backend, &Actor::system("test"), email, PASSWORD, Rights::default()).await.unwrap();
    }

    async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.send(call("POST", "/api/v1/session").without("authorization").json(&body)).await
    }

    async fn with_cookie(&self, method: &str, path: &str, cookie: &str) -> Answer {
        self.send(call(method, path).without("authorization").header("cookie", cookie)).await
    }
}

impl Answer {
    /// What is shown this once.
    fn secret(&self) -> String {
        let after = self.text.split_once("readonly value=\"").unwrap_or_else(|| panic!("{self:?}")).1;
        after.split('"').next().unwrap().to_owned()
    }

    fn says(&self, status: u16, words: &str) {
        assert!(self.status == status && self.text.contains(words), "{self:?}");
    }
}

/// What a browser would send back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[sqlx::test(migrations = false)]
async fn a_session_opens_until_it_is_ended(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    app.with_password("grace@example.com").await;
    let signed_in = app.sign_in("Grace@Example.com", PASSWORD).await;
    assert_eq!(signed_in.ok(201)["email"], "grace@example.com");
    let set = signed_in.header("set-cookie").to_lowercase();
    for attribute in ["httponly", "samesite=lax", "path=/"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!signed_in.text.contains("sxs_"), "the session is for the cookie alone");
    let mine = cookie(&signed_in);
    assert_eq!(app.with_cookie("GET", "/api/v1/session", &mine).await.ok(200)["user"]["email"], "grace@example.com");
    let other = cookie(&app.sign_in("grace@example.com", PASSWORD).await);
    let sessions = app.with_cookie("GET", "/api/v1/sessions", &mine).await.ok(200);
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let newest = sessions[0]["id"].as_str().unwrap();
    assert_eq!(app.with_cookie("DELETE", &format!("/api/v1/sessions/{newest}"), &mine).await.status, 204);
    app.with_cookie("GET", "/api/v1/session", &other).await.problem(401, "unauthorized");
    assert_eq!(app.with_cookie("DELETE", "/api/v1/session", &mine).await.status, 204);
    app.with_cookie("GET", "/api/v1/session", &mine).await.problem(401, "unauthorized");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn who_may_not_sign_in_is_told_the_same_whatever_is_wrong(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    app.with_password("grace@example.com").await;
    app.with_password("gone@example.com").await;
    let gone = users::by_email(&app.state.backend, "gone@example.com").await.unwrap();
    users::set_disabled(&app.state.backend, &Actor::system("test"), gone.id, true).await.unwrap();
    let said = |answer: &Answer| answer.problem(401, "unauthorized")["detail"].clone();
    let begun = Instant::now();
    let wrong = said(&app.sign_in("grace@example.com", "wrong").await);
    assert!(begun.elapsed() >= Duration::from_millis(500), "a refusal takes its time");
    for (email, password) in [("nobody@example.com", PASSWORD), ("gone@example.com", PASSWORD), ("", "")] {
        assert_eq!(said(&app.sign_in(email, password).await), wrong);
    }
    assert_eq!(app.count("sessions").await, 0);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_account_that_is_disabled_loses_everything_at_once(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    app.with_password("grace@example.com").await;
    let session = cookie(&app.sign_in("grace@example.com", PASSWORD).await);
    let token = app.person("alan").await;
    for name in ["grace", "alan"] {
        let user = users::by_email(&app.state.backend, &format!("{name}@example.com")).await.unwrap();
        users::set_disabled(&app.state.backend, &Actor::system("test"), user.id, true).await.unwrap();
    }
    app.with_cookie("GET", "/api/v1/session", &session).await.problem(401, "unauthorized");
    app.send(call("GET", "/api/v1/projects").by(&token)).await.problem(401, "unauthorized");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_token_is_shown_once_and_may_what_its_person_may(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let project = app.project("Billing").await;
    let session = app.session("ada").await;
    let post = |body: &Value| app.send(call("POST", "/api/v1/tokens").by(&session).json(body));
    let created = post(&json!({ "name": "laptop" })).await;
    assert_eq!(created.header("cache-control"), "no-store");
    let mut created = created.ok(201);
    let token = created.as_object_mut().unwrap().remove("token").unwrap().as_str().unwrap().to_owned();
    app.send(call("GET", &project).by(&token)).await.ok(200);
    let listed = app.get("/api/v1/tokens").await;
    assert!(!listed.text.contains(&token[12..]) && listed.ok(200)["data"][0]["name"] == "laptop", "{listed:?}");
    let path = format!("/api/v1/tokens/{}", created["id"].as_str().unwrap());
    assert_eq!(app.delete(&path).await.status, 204);
    app.send(call("GET", &project).by(&token)).await.problem(401, "unauthorized");
    app.delete(&path).await.problem(404, "token-not-found");
    let bad = json!({ "name": " ", "expires_at": "2001-01-01T00:00:00Z", "scopes": [] });
    let refused = post(&bad).await;
    for field in ["name", "expires_at", "scopes"] {
        refused.message(422, "validation-failed", field);
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_last_administrator_of_a_project_stays(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (grace, _) = (app.person("grace").await, app.person("alan").await);
    let draft = json!({ "name": "Hers", "execution_endpoint": "http://example.com/" });
    let project = app.send(call("POST", "/api/v1/projects").by(&grace).json(&draft)).await;
    let project = project.header("location").to_owned();
    let members = app.send(call("GET", &format!("{project}/members")).by(&grace)).await.ok(200);
    assert_eq!(
        (&members["data"][0]["email"], &members["data"][0]["role"]),
        (&json!("grace@example.com"), &json!("admin"))
    );
    let her = format!("{project}/members/{}", members["data"][0]["user_id"].as_str().unwrap());
    let demoted = json!({ "email": "grace@example.com", "role": "readonly" });
    app.send(call("DELETE", &her).by(&grace)).await.problem(409, "last-admin");
    app.send(call("PUT", &format!("{project}/members")).by(&grace).json(&demoted)).await.problem(409, "last-admin");
    app.join(&project, "alan", "admin").await;
    assert_eq!(app.send(call("DELETE", &her).by(&grace)).await.status, 204);
    app.send(call("GET", &project).by(&grace)).await.problem(404, "project-not-found");
    let bad = json!({ "email": "nobody@example.com", "role": "readonly" });
    app.send(call("PUT", &format!("{project}/members")).json(&bad)).await.message(422, "validation-failed", "email");
    let bad = json!({ "email": "alan@example.com", "role": "owner" });
    app.send(call("PUT", &format!("{project}/members")).json(&bad)).await.message(422, "validation-failed", "role");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn of_fifty_who_claim_an_instance_exactly_one_does(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    app.execute("DELETE FROM users; UPDATE setup SET claimed_at = NULL").await;
    let redirected = app.send(call("GET", "/login").without("authorization")).await;
    assert_eq!((redirected.status, redirected.header("location")), (303, "/setup"));
    let token = setup::offer(&app.state.backend, None).await.unwrap().unwrap();
    assert_eq!(setup::offer(&app.state.backend, Some(&token)).await.unwrap(), None, "a token that is known stays");
    let (backend, visit) = (&app.state.backend, accounts::Visit::default());
    let wrong = setup::claim(backend, &visit, "sxu_wrong", "eve@example.com", PASSWORD).await;
    assert!(wrong.is_err());
    let claims = (0..50).map(|n| {
        let (visit, token, email) = (visit.clone(), token.clone(), format!("admin{n}@example.com"));
        async move { setup::claim(backend, &visit, &token, &email, PASSWORD).await.is_ok() }
    });
    let won = join_all(claims).await.into_iter().filter(|won| *won).count();
    assert_eq!((won, app.count("users WHERE is_admin").await), (1, 1));
    assert_eq!(setup::offer(backend, None).await.unwrap(), None, "it can be claimed once");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn forms_sign_in_and_out_without_any_program(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    app.with_password("grace@example.com").await;
    let page = app.send(call("GET", "/projects?x=1").without("authorization")).await;
    assert_eq!((page.status, page.header("location")), (303, "/login?next=%2Fprojects%3Fx%3D1"));
    let form = |password: &str, next: &str| {
        let fields = [("email", "grace@example.com"), ("password", password), ("next", next)];
        call("POST", "/login").without("authorization").form(&fields).header("accept", "text/html")
    };
    let wrong = app.send(form("wrong", "/projects")).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("value=\"grace@example.com\""), "{wrong:?}");
    assert!(!wrong.text.contains("\"wrong\""), "a password is not shown again");
    let elsewhere = app.send(form(PASSWORD, "//evil.example")).await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (303, "/"));
    let signed_in = app.send(form(PASSWORD, "/projects?x=1")).await;
    assert_eq!((signed_in.status, signed_in.header("location")), (303, "/projects?x=1"));
    let mine = cookie(&signed_in);
    let projects = app.with_cookie("GET", "/projects", &mine).await;
    assert_eq!(projects.status, 200);
    let out = app.with_cookie("POST", "/logout", &mine).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert_eq!(app.with_cookie("GET", "/projects", &mine).await.status, 303);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn who_administers_the_instance_makes_and_disables_accounts_and_nobody_else(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::new(&on).await;
    let form = |path: &str, fields: &[(&str, &str)]| call("POST", path).form(fields).header("accept", "text/html");
    let new = [("email", "grace@example.com"), ("admin", "")];
    let made = app.send(form("/accounts/new", &new)).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{made:?}");
    let first = made.secret();
    let session = cookie(&app.sign_in("grace@example.com", &first).await);
    app.send(form("/accounts/new", &new)).await.says(409, "another account has this address already");
    app.send(form("/accounts/new", &[("email", "grace")])).await.says(422, "email");
    let user = users::by_email(&app.state.backend, "grace@example.com").await.unwrap();
    let (id, page) = (user.id.to_string(), app.get("/accounts").await);
    assert!(page.text.contains("grace@example.com") && !page.text.contains(&first), "{page:?}");
    let password = format!("/accounts/{id}/password");
    let disable = [("id", id.as_str()), ("is_disabled", "true")];
    let hers = |call: crate::call::Call| call.without("authorization").header("cookie", &session);
    let before = app.snapshot().await;
    for path in ["/accounts/new", &password] {
        assert_eq!(app.send(hers(form(path, &new))).await.status, 403, "{path}");
        assert_eq!(app.send(form(path, &new).without("authorization")).await.status, 401, "{path}");
    }
    assert_eq!(app.with_cookie("GET", "/accounts", &session).await.status, 403);
    assert_eq!(app.snapshot().await, before);
    let second = app.send(form(&password, &[])).await.secret();
    app.with_cookie("GET", "/api/v1/session", &session).await.problem(401, "unauthorized");
    app.sign_in("grace@example.com", &first).await.problem(401, "unauthorized");
    app.sign_in("grace@example.com", &second).await.ok(201);
    assert_eq!(app.send(form("/fn/set_account", &disable)).await.header("location"), "/accounts");
    app.sign_in("grace@example.com", &second).await.problem(401, "unauthorized");
    let enable = [("id", id.as_str()), ("is_disabled", "false")];
    assert_eq!(app.send(form("/fn/set_account", &enable)).await.status, 302);
    app.sign_in("grace@example.com", &second).await.ok(201);
    // Who asks is the only administrator, and has a page of their own for their password.
    let own = app.get("/api/v1/session").await.ok(200)["user"]["id"].as_str().unwrap().to_owned();
    let last = app.send(call("POST", "/fn/set_account").form(&[("id", &own), ("is_disabled", "true")])).await;
    assert!(last.text.contains("last-admin"), "{last:?}");
    app.send(form(&format!("/accounts/{own}/password"), &[])).await.says(403, "Change your own password");
    app.send(form(&format!("/accounts/{}/password", uuid::Uuid::nil()), &[])).await.says(404, "no account");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_browser_shows_pages_as_it_was_told(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let choose = |times| call("POST", "/account/display").form(&[("theme", "dark"), ("times", times)]);
    let chosen = app.send(choose("absolute")).await;
    let mut set: Vec<_> = chosen.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    set.sort_unstable();
    let is_safe = |set: &str| set.contains("HttpOnly") && set.contains("SameSite=Lax");
    assert_eq!(set.len(), 2, "{set:?}");
    for (set, cookie) in set.iter().zip(["theme=dark; ", "times=absolute; "]) {
        assert!(set.starts_with(cookie) && is_safe(set), "{set}");
    }
    let refused = app.send(choose("never")).await;
    let detail = refused.problem(400, "invalid-request")["detail"].to_string();
    assert!(detail.contains("`relative` or `absolute`") && !refused.has("set-cookie"), "{detail}");
    app.send(call("POST", "/account/display")).await.problem(415, "unsupported-media-type");
    for (path, shown) in [("/account", "data-times=\"absolute\""), ("/login?link=x", "<form")] {
        let page = app.send(call("GET", path).header("cookie", "theme=dark; times=absolute")).await;
        assert!(page.text.contains("data-theme=\"dark\"") && page.text.contains(shown), "{path}: {page:?}");
    }
    assert_eq!(app.get("/login?next=/projects").await.header("location"), "/projects", "who is signed in is not asked");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_done_is_written_down_with_who_did_it(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, task) = app.one_task().await;
    app.send(call("DELETE", &task).header("x-request-id", "mine-1")).await.ok(202);
    let audit = app.get(&format!("{project}/audit")).await.ok(200);
    let actions: Vec<&Value> = audit["data"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["task.delete_requested", "task.created", "project.created"]);
    let newest = &audit["data"][0];
    assert_eq!((&newest["actor"], &newest["request_id"]), (&json!("ada@example.com"), &json!("mine-1")));
    assert_eq!((&newest["subject_id"], &newest["address"]), (&json!(id_of(&task)), &json!("127.0.0.1")));
    // What is refused is not done.
    app.send(call("PATCH", &task).json(&json!({ "name": "x" }))).await.problem(409, "task-pending-delete");
    assert_eq!(app.count("audit WHERE action LIKE 'task%'").await, 2);
    app.end().await;
}
