//! What a call is: once for a due time, with the documented body, signed; and how each bad endpoint fails.

use crate::node::{ALL_ENDED, Node, SETTINGS};
use crate::receiver::{Call, Receiver};
use crate::support::World;
use backend::executor::ExecutorSettings;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use standardwebhooks::Webhook;
use std::time::{Duration, Instant};

/// Whether the signature is right by this secret.
fn is_signed(call: &Call, secret: &str) -> bool {
    let mut headers = reqwest::header::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, call.headers[name].parse().unwrap());
    }
    Webhook::new(secret).unwrap().verify(call.body.as_bytes(), &headers).is_ok()
}

#[sqlx::test(migrations = false)]
async fn a_due_task_is_called_once_with_the_documented_body_and_signature(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/ok", |draft| draft.metadata = Some(json!({ "order": 7 }))).await;
    assert_eq!(node.step().await.started, 0, "nothing is due");
    world.all_due().await;
    assert_eq!(node.step().await.started, 1);
    node.until(&world, ALL_ENDED).await;
    assert_eq!(node.step().await.started, 0, "it is planned onwards");
    let (run, calls) = (world.run(&task).await, receiver.calls());
    assert_eq!((run.status.as_str(), run.trigger.as_str(), run.attempt, run.missed), ("SUCCESS", "SCHEDULED", 1, 0));
    let response = run.response.unwrap();
    assert_eq!((&response["status"], &response["body"]), (&json!(200), &json!("done")));
    let [call] = calls.as_slice() else { panic!("called {} times", calls.len()) };
    assert_eq!((call.id(), call.headers["content-type"].as_str()), (run.id, "application/json"));
    assert!(call.headers["user-agent"].starts_with("Sexton/"));
    let mut body: Value = serde_json::from_str(&call.body).unwrap();
    let scheduled_at = body["scheduled_at"].take();
    let expected = json!({
        "task_name": "Fires", "execution_id": run.id, "task_uuid": task.uuid, "scheduled_at": null, "attempt": 1,
        "trigger": "SCHEDULED", "metadata": { "order": 7 },
    });
    assert_eq!(body, expected);
    assert!(scheduled_at.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap() < chrono::Utc::now());
    let secret: String =
        sqlx::query_scalar("SELECT signing_secret FROM projects").fetch_one(&world.pool).await.unwrap();
    assert!(is_signed(call, &secret));
    assert!(!is_signed(call, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    assert_eq!(world.read(&task).await.next_run_at, task.next_run_at);
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn during_a_rotation_the_old_and_the_new_secret_verify_a_call(_: PgPoolOptions, options: PgConnectOptions) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    world.firing(&receiver, "/ok", |_| {}).await;
    let old = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    sqlx::query("UPDATE projects SET previous_signing_secret = $1").bind(old).execute(&world.pool).await.unwrap();
    world.all_due().await;
    node.step().await;
    let call = receiver.until(1).await.remove(0);
    let new: String = sqlx::query_scalar("SELECT signing_secret FROM projects").fetch_one(&world.pool).await.unwrap();
    assert!(is_signed(&call, old) && is_signed(&call, &new));
    world.end().await;
}

/// What each endpoint leads to: the end, and what is said of it.
const BAD: [(&str, &str); 8] = [
    ("/status/503", "The endpoint answered 503."),
    ("/status/404", "The endpoint answered 404."),
    ("/redirect", "The endpoint answered 302. Redirects are not followed."),
    ("/hang", "No whole answer within 1 s."),
    ("/slow-body", "The answer began, but did not end within 1 s."),
    ("/close", "The answer could not be read: connection closed before message completed."),
    ("/garbage", "The answer could not be read: invalid HTTP version parsed."),
    ("/retry-after/x", "The endpoint answered 503."),
];

#[sqlx::test(migrations = false)]
async fn each_bad_endpoint_fails_in_time_with_a_reason_and_disturbs_no_other(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let mut tasks = Vec::new();
    let refuses = format!("http://127.0.0.1:{}/", closed_port().await);
    let places = BAD.map(|(path, error)| (receiver.url(path), error));
    for (url, error) in places.into_iter().chain([(refuses, "Could not connect: Connection refused (os error 111).")]) {
        let project = world.calling(&url, &url).await;
        let once =
            |draft: &mut domain::task::TaskDraft| (draft.max_attempts, draft.timeout_seconds) = (Some(1), Some(1));
        tasks.push((world.planned(project.id, once).await, url, error));
    }
    let good = world.firing(&receiver, "/ok", |_| {}).await;
    world.all_due().await;
    let began = Instant::now();
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for (task, url, error) in tasks {
        let run = world.run(&task).await;
        assert_eq!((run.status.as_str(), run.error()), ("FAILED", error), "{url}");
    }
    assert_eq!(world.run(&good).await.status, "SUCCESS");
    let followed = receiver.calls().iter().filter(|call| call.path == "/ok").count();
    assert_eq!(followed, 1, "a redirect was followed");
    world.end().await;
}

async fn closed_port() -> u16 {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[sqlx::test(migrations = false)]
async fn a_good_answer_of_a_gigabyte_is_a_success_of_which_a_megabyte_is_read_and_64_kb_are_kept(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let task = world.firing(&receiver, "/huge", |draft| draft.max_attempts = Some(1)).await;
    world.all_due().await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    let run = world.run(&task).await;
    let response = run.response.unwrap();
    assert_eq!((run.status.as_str(), &response["is_truncated"]), ("SUCCESS", &json!(true)));
    assert_eq!(run.error, None);
    assert_eq!(response["body"].as_str().unwrap().len(), 65_536);
    assert!(receiver.sent() < 64 << 20, "{} bytes were taken", receiver.sent());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn addresses_that_are_not_public_are_not_called_unless_it_is_allowed(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), ExecutorSettings { allow_private: false, ..SETTINGS });
    let hosts = [
        ("127.0.0.1", "Not called: calls to 127.0.0.1 are not allowed: the address is not public."),
        ("localhost", "Not called: calls to localhost are not allowed: it resolves to an address that is not public."),
        ("2130706433", "Not called: calls to 127.0.0.1 are not allowed: the address is not public."),
        ("[::1]", "Not called: calls to [::1] are not allowed: the address is not public."),
        ("[::ffff:127.0.0.1]", "Not called: calls to [::ffff:7f00:1] are not allowed: the address is not public."),
    ];
    let mut tasks = Vec::new();
    for (host, error) in hosts {
        let project = world.calling(host, &format!("http://{host}:{}/ok", receiver.port())).await;
        tasks.push((world.planned(project.id, |_| {}).await, error));
    }
    world.all_due().await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    for (task, error) in tasks {
        let run = world.run(&task).await;
        assert_eq!((run.status.as_str(), run.attempt, run.error()), ("FAILED", 1, error));
    }
    assert!(receiver.calls().is_empty());
    world.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_call_that_cannot_be_signed_is_not_sent_and_fails_with_that_reason(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (world, receiver) = (World::new(&options).await, Receiver::start().await);
    let mut node = Node::start(world.backend.clone(), SETTINGS);
    let mut tasks = Vec::new();
    for column in ["signing_secret", "previous_signing_secret"] {
        let project = world.calling(column, &receiver.url("/ok")).await;
        let spoil = format!("UPDATE projects SET {column} = 'whsec_no base64 at all!' WHERE id = $1");
        sqlx::query(sqlx::AssertSqlSafe(spoil)).bind(project.id).execute(&world.pool).await.unwrap();
        tasks.push((column, world.planned(project.id, |_| {}).await));
    }
    world.all_due().await;
    node.step().await;
    node.until(&world, ALL_ENDED).await;
    for (column, task) in tasks {
        let run = world.run(&task).await;
        assert_eq!((run.status.as_str(), run.attempt), ("FAILED", 1), "{column}");
        let error = run.error();
        assert!(
            error.starts_with("Not called: it could not be signed") && error.contains("Rotate"),
            "{column}: {error}"
        );
        assert!(!error.contains("base64 at all"), "a secret is in the reason: {error}");
    }
    assert!(receiver.calls().is_empty());
    world.end().await;
}
