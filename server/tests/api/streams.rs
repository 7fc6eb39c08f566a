//! How many streams of events there may be: of one caller, of a node, and never all of its connections.

use crate::app::App;
use crate::call::{Answer, Call, call, get};
use axum::body::Body;
use axum::http::Response;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tower::ServiceExt;

const EVENTS: &str = "/api/v1/events";

/// Opens a stream, which is open until it is dropped.
async fn open(app: &App, call: Call) -> Response<Body> {
    let response = app.router.clone().oneshot(call.request()).await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

fn is_told_when_to_come_back(answer: &Answer) {
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0, "{answer:?}");
}

#[sqlx::test(migrations = false)]
async fn one_caller_takes_only_so_many_streams_and_the_node_keeps_some_for_others(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let app = App::with(&on, &["--streams-per-caller", "2", "--streams", "3"]).await;
    let project = app.project("Billing").await;
    let (grace, alan) = (app.person("grace").await, app.person("alan").await);
    let first = open(&app, get(EVENTS)).await;
    let second = open(&app, get(&format!("{project}/events"))).await;
    // Behind a proxy everybody has its address; and a person has many tokens.
    for path in [EVENTS.to_owned(), format!("{project}/events")] {
        let refused = app.get(&path).await;
        let problem = refused.problem(429, "too-many-requests");
        assert!(problem["detail"].as_str().unwrap().contains("2 event streams"), "{problem}");
        is_told_when_to_come_back(&refused);
    }
    let third = open(&app, get(EVENTS).by(&grace)).await;
    let full = app.send(get(EVENTS).by(&alan)).await;
    full.problem(503, "unavailable");
    is_told_when_to_come_back(&full);
    let gauge = app.get("/metrics").await;
    assert!(gauge.text.contains("sexton_event_streams"), "{gauge:?}");
    drop(first);
    let fourth = open(&app, get(EVENTS).by(&alan)).await;
    // Who may not read the project takes no place.
    app.send(call("GET", &format!("{project}/events")).by(&alan)).await.problem(404, "project-not-found");
    drop((second, third, fourth));
    open(&app, get(EVENTS)).await;
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn streams_leave_a_quarter_of_the_connections(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::with(&on, &["--streams-per-caller", "100", "--streams", "100", "--connections", "16"]).await;
    let mut streams = Vec::new();
    for _ in 0..12 {
        streams.push(open(&app, get(EVENTS)).await);
    }
    app.get(EVENTS).await.problem(503, "unavailable");
    drop(streams);
    app.end().await;
}
