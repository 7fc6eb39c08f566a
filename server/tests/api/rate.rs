//! How often one client may ask, what it is told, and which client it is behind a proxy.

use crate::app::App;
use crate::call::{Call, call, get};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const SLOW: [&str; 4] = ["--rate-per-second", "1", "--rate-burst", "3"];
const PATH: &str = "/api/v1/projects";

/// What `RateLimit` says is left.
fn left(said: &str) -> u32 {
    said.strip_prefix("\"requests\";r=").and_then(|rest| rest.split(';').next()).unwrap().parse().unwrap()
}

#[sqlx::test(migrations = false)]
async fn who_asks_too_often_is_told_when_to_come_back_and_nobody_else_suffers(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &SLOW).await;
    for expected in [2, 1, 0] {
        let answer = app.get(PATH).await;
        answer.ok(200);
        assert_eq!(left(answer.header("ratelimit")), expected);
        assert_eq!(answer.header("ratelimit-policy"), "\"requests\";q=3;w=3");
    }
    let before = app.snapshot().await;
    for request in [get(PATH), get("/"), call("POST", PATH), call("DELETE", "/api/v1/nonsense"), get("/favicon.svg")] {
        let refused = app.send(request).await;
        refused.problem(429, "too-many-requests");
        assert_eq!((refused.header("retry-after"), left(refused.header("ratelimit"))), ("1", 0));
        assert!(refused.header("ratelimit").ends_with(";t=3"));
    }
    assert_eq!(app.snapshot().await, before);
    for probe in ["/livez", "/readyz", "/metrics"] {
        let answer = app.get(probe).await;
        assert!(answer.status != 429 && !answer.has("ratelimit"), "{probe}: {answer:?}");
    }
    app.send(get(PATH).from("127.0.0.2")).await.ok(200);
    app.send(get(PATH).from("::1")).await.ok(200);
    app.send(get(PATH).from("::ffff:127.0.0.1")).await.problem(429, "too-many-requests");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_problem_says_what_is_left_as_well(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &SLOW).await;
    let refused = app.get("/api/v1/nonsense").await;
    refused.problem(404, "route-not-found");
    assert_eq!(left(refused.header("ratelimit")), 2);
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn without_a_limit_nothing_is_said_of_one(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &["--rate-per-second", "0", "--rate-burst", "1"]).await;
    for _ in 0..20 {
        let answer = app.get(PATH).await;
        assert_eq!((answer.status, answer.has("ratelimit"), answer.has("ratelimit-policy")), (200, false, false));
    }
    app.end().await;
}

fn through(proxy: &str, client: &str) -> Call {
    get(PATH).from(proxy).header("x-forwarded-for", client)
}

#[sqlx::test(migrations = false)]
async fn clients_behind_a_trusted_proxy_are_told_apart_and_nobody_else_can_say_who_it_is(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::with(&on, &[&SLOW[..], &["--trusted-proxies", "127.0.0.2,10.0.0.0/8"]].concat()).await;
    for client in ["127.0.9.1", "127.0.9.2, 10.1.1.1", "127.0.0.9, 127.0.9.3"] {
        for expected in [2, 1, 0] {
            assert_eq!(left(app.send(through("127.0.0.2", client)).await.header("ratelimit")), expected, "{client}");
        }
        app.send(through("127.0.0.2", client)).await.problem(429, "too-many-requests");
    }
    for n in 0..3 {
        app.send(through("127.0.0.3", &format!("127.0.8.{n}"))).await.ok(200);
    }
    app.send(through("127.0.0.3", "127.0.8.9")).await.problem(429, "too-many-requests");
    app.send(through("127.0.0.2", "8.8.8.8")).await.ok(200);
    app.send(through("10.1.1.1", "127.0.7.1")).await.ok(200);
    app.end().await;
}
