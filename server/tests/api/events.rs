//! Live events over a real connection: `hello`, order, resuming, other projects, the end.

use crate::app::{App, PATIENCE, id_of, listen};
use crate::call::TOKEN;
use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::VecDeque;
use std::pin::Pin;
use tokio_util::task::TaskTracker;

type Bytes = Pin<Box<dyn futures::Stream<Item = reqwest::Result<axum::body::Bytes>> + Send>>;

/// An event as it comes over the wire.
#[derive(Debug, Default, PartialEq)]
struct Frame {
    name: String,
    id: Option<i64>,
    data: Value,
}

/// An open stream of events.
struct Stream {
    bytes: Bytes,
    text: String,
    ready: VecDeque<Frame>,
}

impl Stream {
    async fn open(url: &str, last: Option<i64>) -> Self {
        Self::open_by(url, last, TOKEN).await
    }

    async fn open_by(url: &str, last: Option<i64>, token: &str) -> Self {
        backend::executor::use_tls();
        let mut request = reqwest::Client::new().get(url).header("authorization", format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert!(!response.headers().contains_key("content-encoding"));
        Self { bytes: Box::pin(response.bytes_stream()), text: String::new(), ready: VecDeque::new() }
    }

    /// The next event; none when the stream has ended.
    async fn next(&mut self) -> Option<Frame> {
        while self.ready.is_empty() {
            let chunk = tokio::time::timeout(PATIENCE, self.bytes.next()).await.expect("nothing comes")?;
            self.text.push_str(str::from_utf8(&chunk.unwrap()).unwrap());
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                self.ready.extend(parse(block));
                self.text = rest.to_owned();
            }
        }
        self.ready.pop_front()
    }

    /// The next `count` names.
    async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.next().await.expect("the stream ended").name);
        }
        names
    }
}

/// Reads one block; none for a comment that only keeps the connection alive.
fn parse(block: &str) -> Option<Frame> {
    let mut frame = Frame::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut frame.name),
            Some(("id", id)) => frame.id = id.parse().ok(),
            Some(("data", data)) => frame.data = serde_json::from_str(data).unwrap(),
            _ => {}
        }
    }
    (!frame.name.is_empty()).then_some(frame)
}

/// A node with its loops, on a port.
async fn serve(app: &mut App) -> (String, TaskTracker) {
    let tracker = TaskTracker::new();
    app.loops.take().unwrap().start(&app.settings, &tracker, &app.stop);
    let address = listen(app.router.clone(), app.stop.clone()).await;
    (format!("http://{address}"), tracker)
}

async fn end(app: App, tracker: TaskTracker) {
    app.stop.cancel();
    tracker.close();
    tracker.wait().await;
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_deletion_is_told_in_order_and_a_resumed_stream_misses_nothing(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::new(&on).await;
    let (url, tracker) = serve(&mut app).await;
    let (project, task) = app.one_task().await;
    let events = format!("{url}{project}/events");
    let mut stream = Stream::open(&events, None).await;
    let hello = stream.next().await.unwrap();
    assert_eq!((hello.name.as_str(), hello.id), ("hello", None));
    let newest = hello.data["seq"].as_i64().unwrap();
    app.accept(&task).await;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Frame| frame.name != "TaskDeleted") {
        frames.push(stream.next().await.unwrap());
    }
    let told: Vec<_> = frames.iter().filter(|frame| frame.id > Some(newest)).collect();
    assert_eq!(
        told.iter().map(|frame| frame.name.as_str()).collect::<Vec<_>>(),
        ["TaskDeletionRequested", "TaskDeleted"]
    );
    assert!(told[0].id < told[1].id);
    assert!(
        told.iter().all(|frame| frame.data["task_uuid"] == json!(id_of(&task)) && frame.data["seq"] == json!(frame.id))
    );
    for (after, expected) in [(newest, &told[..]), (told[0].id.unwrap(), &told[1..])] {
        let mut resumed = Stream::open(&events, Some(after)).await;
        assert_eq!(resumed.next().await.unwrap().name, "hello");
        for frame in expected {
            assert_eq!(resumed.next().await.as_ref(), Some(*frame));
        }
    }
    end(app, tracker).await;
}

#[sqlx::test(migrations = false)]
async fn another_projects_events_never_appear(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::new(&on).await;
    let (url, tracker) = serve(&mut app).await;
    let (mine, other) = (app.project("Mine").await, app.project("Other").await);
    let mut live = Stream::open(&format!("{url}{mine}/events"), None).await;
    assert_eq!(live.names(1).await, ["hello"]);
    let foreign = app.task(&other, "Theirs").await;
    app.accept(&foreign).await;
    app.task(&mine, "Ours").await;
    let mut resumed = Stream::open(&format!("{url}{mine}/events"), Some(0)).await;
    for stream in [&mut live, &mut resumed] {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|frame: &Frame| frame.name != "TaskCreated") {
            seen.push(stream.next().await.unwrap());
        }
        assert!(
            seen.iter().all(|frame| frame.name == "hello" || frame.data["project_id"] == json!(id_of(&mine))),
            "{seen:?}"
        );
    }
    end(app, tracker).await;
}

#[sqlx::test(migrations = false)]
async fn the_stream_of_all_has_the_events_of_every_project(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::new(&on).await;
    let (url, tracker) = serve(&mut app).await;
    let projects = [app.project("One").await, app.project("Two").await];
    let mut live = Stream::open(&format!("{url}/api/v1/events"), None).await;
    assert_eq!(live.names(1).await, ["hello"]);
    let mut resumed = Stream::open(&format!("{url}/api/v1/events"), Some(0)).await;
    for project in &projects {
        app.task(project, "Task").await;
    }
    for stream in [&mut live, &mut resumed] {
        let mut created = Vec::new();
        while created.len() < 2 {
            let frame = stream.next().await.unwrap();
            if frame.name == "TaskCreated" {
                created.push(frame.data["project_id"].clone());
            }
        }
        assert_eq!(created, projects.each_ref().map(|project| json!(id_of(project))));
    }
    end(app, tracker).await;
}

#[sqlx::test(migrations = false)]
async fn who_missed_more_than_a_thousand_is_told_to_read_again(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::new(&on).await;
    let project = app.project("Billing").await;
    let first: i64 = sqlx::query_scalar("SELECT max(seq) FROM events").fetch_one(&app.pool).await.unwrap();
    app.execute(
        "INSERT INTO events (id, kind, project_id) SELECT gen_random_uuid(), 'TaskUpdated', id
         FROM projects, generate_series(1, 1001)",
    )
    .await;
    let (url, tracker) = serve(&mut app).await;
    let mut stream = Stream::open(&format!("{url}{project}/events"), Some(first)).await;
    assert_eq!(stream.names(2).await, ["hello", "resync"]);
    let mut few = Stream::open(&format!("{url}{project}/events"), Some(first + 900)).await;
    assert_eq!(few.names(102).await[1..], vec!["TaskUpdated"; 101]);
    end(app, tracker).await;
}

#[sqlx::test(migrations = false)]
async fn a_node_that_stops_ends_its_streams(_: PgPoolOptions, on: PgConnectOptions) {
    let mut app = App::new(&on).await;
    let (url, tracker) = serve(&mut app).await;
    let project = app.project("Billing").await;
    let mut stream = Stream::open(&format!("{url}{project}/events"), None).await;
    assert_eq!(stream.names(1).await, ["hello"]);
    app.stop.cancel();
    while stream.next().await.is_some() {}
    end(app, tracker).await;
}

#[sqlx::test(migrations = false)]
async fn an_unknown_project_has_no_stream(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let path = "/api/v1/projects/0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d/events";
    app.get(path).await.problem(404, "project-not-found");
    app.end().await;
}

#[sqlx::test(migrations = false)]
async fn a_stream_ends_within_seconds_when_its_reader_may_not_read_any_more(_: PgPoolOptions, on: PgConnectOptions) {
    let app = App::new(&on).await;
    let (project, grace) = (app.project("Billing").await, app.person("grace").await);
    app.join(&project, "grace", "readonly").await;
    let address = listen(app.router.clone(), app.stop.clone()).await;
    let mut own = Stream::open_by(&format!("http://{address}{project}/events"), None, &grace).await;
    let mut all = Stream::open_by(&format!("http://{address}/api/v1/events"), None, &grace).await;
    for stream in [&mut own, &mut all] {
        assert_eq!(stream.names(1).await, ["hello"]);
    }
    app.execute("DELETE FROM personal_tokens WHERE name = 'Test'").await;
    for stream in [&mut own, &mut all] {
        assert_eq!(stream.next().await, None);
    }
    drop((own, all));
    app.end().await;
}
