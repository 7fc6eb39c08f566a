//! Signing in with OpenID Connect, at a real issuer by its own forms.

use crate::app::App;
use crate::call::{Answer, call};
use crate::oidc_issuer::{Issuer, Person, cookie};
use backend::Actor;
use backend::accounts::users;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::net::TcpListener;

impl App {
    /// An account without a password.
    async fn known(&self, name: &str) {
        self.execute(&format!("INSERT INTO users (id, email) VALUES (gen_random_uuid(), '{name}@example.com')")).await;
    }

    async fn disable(&self, name: &str, is_disabled: bool) {
        let backend = &self.state.backend;
        let user = users::by_email(backend, &format!("{name}@example.com")).await.unwrap();
        users::set_disabled(backend, &Actor::system("test"), user.id, is_disabled).await.unwrap();
    }

    /// Everything that a sign-in may change.
    async fn people(&self) -> [i64; 4] {
        [
            self.count("users").await,
            self.count("user_identities").await,
            self.count("sessions").await,
            self.count("audit WHERE action <> 'session.refused'").await,
        ]
    }
}

/// The words of the page where one signs in, which must say why nobody was.
fn refused(answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:?}");
    assert!(answer.text.contains("role=\"alert\"") && answer.text.contains(why), "{why}: {}", answer.text);
    assert!(answer.text.contains("Sign in with Acme"), "{}", answer.text);
    let signs_in = |value: &axum::http::HeaderValue| value.to_str().unwrap().starts_with("sexton=");
    assert!(!answer.headers.get_all("set-cookie").iter().any(signs_in), "{answer:?}");
}

/// The address of who is signed in by this answer, which leads to `next`.
async fn email(app: &App, answer: &Answer, next: &str) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.header("location"), next);
    let session = cookie(answer, "sexton");
    let session = app.send(call("GET", "/api/v1/session").without("authorization").header("cookie", &session)).await;
    session.ok(200)["user"]["email"].as_str().unwrap().to_owned()
}

#[sqlx::test(migrations = false)]
async fn who_signs_in_at_the_issuer_comes_back_to_where_they_wanted_to_go(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[]).await;
    app.known("grace").await;
    let page = app.send(call("GET", "/login?next=/projects/new").without("authorization")).await;
    assert!(page.text.contains("Sign in with Acme") && page.text.contains("/login/oidc?next=%2Fprojects%2Fnew"));
    for _ in 0..2 {
        let answer = app.there_and_back("/projects/new?a=1", "grace").await;
        assert_eq!(email(&app, &answer, "/projects/new?a=1").await, "grace@example.com");
        assert!(cookie(&answer, "sexton-oidc").ends_with('='), "the cookie of the flow is gone");
    }
    assert_eq!(app.count("user_identities WHERE subject = 'grace'").await, 1, "linked once");
    let mine = "actor = 'grace@example.com' AND address IS NOT NULL AND action";
    for (action, times) in [("user.identity_linked", 1), ("session.created", 2)] {
        assert_eq!(app.count(&format!("audit WHERE {mine} = '{action}'")).await, times);
    }
    assert_eq!(app.count("oidc_flows").await, 0);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_instance_without_a_secret_proves_by_pkce_alone_that_it_asks(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton-public", &[]).await;
    app.known("grace").await;
    assert_eq!(email(&app, &app.there_and_back("/", "grace").await, "/").await, "grace@example.com");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_comes_back_is_good_for_one_browser_and_once(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[]).await;
    app.known("grace").await;
    let (path, mine) = app.there("/", "grace").await;
    let (_, other) = app.there("/", "grace").await;
    let before = app.people().await;
    let why = "begun in another browser";
    for cookie in ["", "sexton-oidc=", &other] {
        refused(&app.arrive(&path, cookie).await, 401, why);
    }
    let (state, of) = (path.split_once("state=").unwrap().1, "sxo_");
    let elsewhere = path.replace(state.split('&').next().unwrap(), &format!("{of}{}", "0".repeat(64)));
    for path in [&elsewhere, "/login/oidc/callback", "/login/oidc/callback?code=1"] {
        refused(&app.arrive(path, &mine).await, 401, why);
    }
    refused(&app.arrive("/login/oidc/callback?state=1&state=2", &mine).await, 400, "malformed");
    assert_eq!(app.people().await, before);
    assert_eq!(email(&app, &app.arrive(&path, &mine).await, "/").await, "grace@example.com");
    let after = app.people().await;
    refused(&app.arrive(&path, &mine).await, 401, why);
    assert_eq!(app.people().await, after);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn what_does_not_belong_together_signs_nobody_in(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[]).await;
    app.known("grace").await;
    let cases = [
        ("expires_at = now() - interval '1 second'", 401, "more than ten minutes ago"),
        ("nonce = 'another'", 401, "nonce mismatch"),
        ("verifier = repeat('a', 43)", 401, "does not take this sign-in"),
    ];
    let before = app.people().await;
    for (change, status, why) in cases {
        let (path, cookie) = app.there("/", "grace").await;
        app.execute(&format!("UPDATE oidc_flows SET {change}")).await;
        refused(&app.arrive(&path, &cookie).await, status, why);
        assert_eq!(app.count("oidc_flows").await, 0, "it is used up");
    }
    for (given, why) in
        [("code=wrong&", "does not take"), ("iss=http%3A%2F%2Fevil.example&", "not come from Acme"), ("", "incomplete")]
    {
        let (path, cookie) = app.there("/", "grace").await;
        let state = path.split_once("state=").unwrap().1.split('&').next().unwrap();
        refused(&app.arrive(&format!("/login/oidc/callback?{given}state={state}"), &cookie).await, 401, why);
    }
    assert_eq!(app.people().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn who_refuses_at_the_issuer_reads_that_they_were_not_signed_in(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[]).await;
    let before = app.people().await;
    let departure = app.depart("/").await;
    let path = Person::new().refuse(departure.header("location")).await;
    refused(&app.arrive(&path, &cookie(&departure, "sexton-oidc")).await, 401, "Acme did not sign you in");
    assert_eq!(app.people().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_account_is_linked_only_by_an_address_that_the_issuer_has_verified(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[]).await;
    for name in ["unverified", "grace", "gone"] {
        app.known(name).await;
    }
    app.disable("gone", true).await;
    let before = app.people().await;
    for (login, why) in
        [("unverified", "email_verified"), ("nobody", "no account for nobody@example.com"), ("gone", "disabled")]
    {
        refused(&app.there_and_back("/", login).await, 403, why);
    }
    assert_eq!(app.people().await, before);
    assert_eq!(email(&app, &app.there_and_back("/", "grace").await, "/").await, "grace@example.com");
    // Addresses change hands: who is known by one before is somebody else.
    let before = app.people().await;
    refused(&app.there_and_back("/", "grace+other").await, 403, "linked with somebody else");
    assert_eq!(app.people().await, before);
    app.disable("grace", true).await;
    refused(&app.there_and_back("/", "grace").await, 403, "disabled");
    app.disable("grace", false).await;
    app.execute("UPDATE users SET email = 'hopper@example.com' WHERE email = 'grace@example.com'").await;
    assert_eq!(email(&app, &app.there_and_back("/", "grace").await, "/").await, "hopper@example.com");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn where_the_settings_say_so_who_has_no_account_gets_one_that_sees_nothing(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &["--oidc-create"]).await;
    app.project("Billing").await;
    let before = app.people().await;
    refused(&app.there_and_back("/", "unverified").await, 403, "email_verified");
    assert_eq!(app.people().await, before);
    // A path that is not ours leads to the first page.
    let answer = app.there_and_back("https://evil.example/", "nobody").await;
    assert_eq!(email(&app, &answer, "/").await, "nobody@example.com");
    let (session, made) = (cookie(&answer, "sexton"), "users WHERE password_hash IS NULL AND NOT is_admin");
    assert_eq!(app.count(&format!("{made} AND email = 'nobody@example.com'")).await, 1);
    let seen = app.send(call("GET", "/api/v1/projects").without("authorization").header("cookie", &session)).await;
    assert_eq!(seen.ok(200)["data"].as_array().unwrap().len(), 0);
    assert_eq!(app.count("audit WHERE action = 'user.created' AND actor = 'OpenID Connect'").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_instance_that_nobody_has_claimed_cannot_be_had_by_the_issuer(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &["--oidc-create"]).await;
    let (path, cookie) = app.there("/", "grace").await;
    app.execute("UPDATE setup SET claimed_at = NULL").await;
    let before = app.people().await;
    refused(&app.arrive(&path, &cookie).await, 403, "no administrator yet");
    assert_eq!(app.depart("/").await.header("location"), "/setup");
    assert_eq!(app.people().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn an_issuer_that_is_away_is_asked_again(_: PgPoolOptions, on: PgConnectOptions) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let app = App::with_issuer(&on, &url, "sexton", &[]).await;
    app.known("grace").await;
    let before = app.people().await;
    refused(&app.depart("/").await, 502, "Acme cannot be used now");
    let page = app.send(call("GET", "/login").without("authorization")).await;
    assert!(page.status == 200 && page.text.contains("Password"), "{page:?}");
    let issuer = Issuer::start(port);
    let (path, cookie) = app.there("/", "grace").await;
    drop(issuer);
    refused(&app.arrive(&path, &cookie).await, 502, "Acme cannot be used now");
    assert_eq!(app.people().await, before);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn without_an_issuer_there_is_no_way_to_one(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    for path in ["/login/oidc", "/login/oidc/callback?state=1&code=1"] {
        let answer = app.send(call("GET", path).without("authorization")).await;
        assert!(answer.status == 404 && !answer.text.contains("Sign in with"), "{answer:?}");
    }
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn the_settings_say_whom_of_the_issuer_is_let_in_and_what_they_may_do(_: PgPoolOptions, on: PgConnectOptions) {
    let others = ["--oidc-create", "--oidc-allowed-domains", "other.example,@Another.example"];
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &others).await;
    let before = app.people().await;
    refused(&app.there_and_back("/", "grace").await, 403, "address of certain domains");
    assert_eq!(app.people().await, before);
    app.end().await;
    let settings = ["--oidc-create", "--oidc-allowed-domains", "example.com", "--oidc-required-claim", "sub=grace"];
    let groups = ["--oidc-groups-claim", "sub", "--oidc-admin-groups", "root,ops", "--oidc-creator-groups", "grace"];
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[&settings[..], &groups].concat()).await;
    let before = app.people().await;
    refused(&app.there_and_back("/", "nobody").await, 403, "what is needed to sign in here (sub)");
    assert_eq!(app.people().await, before);
    app.execute("INSERT INTO users (id, email, is_admin) VALUES (gen_random_uuid(), 'grace@example.com', true)").await;
    app.execute("UPDATE users SET may_create_projects = false WHERE email = 'grace@example.com'").await;
    assert_eq!(email(&app, &app.there_and_back("/", "grace").await, "/").await, "grace@example.com");
    let grace = "users WHERE email = 'grace@example.com' AND NOT is_admin AND may_create_projects";
    assert_eq!(app.count(grace).await, 1, "the groups decide");
    assert_eq!(app.count("audit WHERE action = 'user.rights_changed' AND actor = 'OpenID Connect'").await, 1);
    // Who is the last administrator stays one.
    app.execute("UPDATE users SET is_admin = email = 'grace@example.com'").await;
    assert_eq!(email(&app, &app.there_and_back("/", "grace").await, "/").await, "grace@example.com");
    assert_eq!(app.count("users WHERE email = 'grace@example.com' AND is_admin").await, 1);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_sign_in_at_the_issuer_is_a_proof_when_it_says_that_it_was_just_now(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with_issuer(&on, Issuer::shared(), "sexton", &[]).await;
    app.known("grace").await;
    let create = |answer: &Answer| {
        let (session, draft) = (cookie(answer, "sexton"), serde_json::json!({ "name": "laptop" }));
        call("POST", "/api/v1/tokens").without("authorization").header("cookie", &session).json(&draft)
    };
    let unsaid = app.there_and_back("/", "grace").await;
    app.send(create(&unsaid)).await.problem(403, "proof-required");
    let session = cookie(&unsaid, "sexton");
    let form = call("POST", "/account/tokens").without("authorization").header("cookie", &session);
    let asked = app.send(form.form(&[("name", "laptop")])).await;
    assert!(asked.status == 403 && asked.text.contains("/login/oidc?next=%2Faccount&amp;proof=on"), "{asked:?}");
    assert!(!asked.text.contains("proof_password"), "there is no password to ask for");
    let departure = app.send(call("GET", "/login/oidc?next=%2Faccount&proof=on").without("authorization")).await;
    let to = departure.header("location");
    assert!(to.contains("prompt=login") && to.contains("max_age=0"), "{to}");
    let back = Person::new().sign_in(to, "grace").await;
    let proved = app.arrive(&back, &cookie(&departure, "sexton-oidc")).await;
    assert_eq!(email(&app, &proved, "/account").await, "grace@example.com");
    app.send(create(&proved)).await.ok(201);
    app.end().await;
}
