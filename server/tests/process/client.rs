//! The API as a client of a node sees it.

use reqwest::header::{self, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// The token of the administrator whom [`crate::node::let_in`] makes.
pub const TOKEN: &str = "sxt_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn known() -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {TOKEN}")).unwrap())])
}

/// A client of one node.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub location: String,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self::patient(base, Duration::from_secs(20))
    }

    /// One that waits so long for an answer.
    fn patient(base: &str, patience: Duration) -> Self {
        backend::executor::use_tls();
        let http = reqwest::Client::builder().timeout(patience).default_headers(known()).build().unwrap();
        Self { http, base: base.to_owned() }
    }

    /// The same, for nodes that may not answer at all.
    pub fn impatient(&self) -> Self {
        Self::patient(&self.base, Duration::from_secs(3))
    }

    /// Where the node is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where the node listens.
    pub fn address(&self) -> SocketAddr {
        self.base.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Sends a request; fails when the connection breaks.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, retry_after) = (header("location").unwrap_or_default(), header("retry-after"));
        let status = response.status().as_u16();
        let body = serde_json::from_str(&response.text().await?).unwrap_or_default();
        Ok(Answer { status, location, retry_after, body })
    }

    /// Sends a callback with an API key; answers the status, or none when the connection broke.
    pub async fn call_back(&self, method: &str, path: &str, key: &str, body: Value) -> Option<u16> {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base)).bearer_auth(key);
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await;
        response.ok().map(|response| response.status().as_u16())
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body)).await.unwrap()
    }

    /// Signs in; answers the text of the session, which only a cookie has.
    pub async fn sign_in(&self, email: &str, password: &str) -> String {
        let body = json!({ "email": email, "password": password }).to_string();
        let request =
            self.http.post(format!("{}/api/v1/session", self.base)).header("content-type", "application/json");
        let response = request.body(body).send().await.unwrap();
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        cookie.split(['=', ';']).nth(1).unwrap().to_owned()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await.unwrap()
    }

    /// The body as it is.
    pub async fn text(&self, path: &str) -> String {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap().text().await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await.unwrap()
    }

    pub async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status
    }

    /// A stream of events, up to its headers.
    pub async fn events(&self, project: &str) -> reqwest::Response {
        reqwest::Client::builder()
            .default_headers(known())
            .build()
            .unwrap()
            .get(format!("{}{project}/events", self.base))
            .send()
            .await
            .unwrap()
    }

    /// A project whose deletions can be undone for so many seconds; answers its path.
    pub async fn project(&self, undo_window_seconds: i32) -> String {
        self.project_named(&format!("Undo within {undo_window_seconds} s"), undo_window_seconds).await
    }

    /// The same, where there are more of them.
    pub async fn project_named(&self, name: &str, undo_window_seconds: i32) -> String {
        self.project_calling(name, "http://127.0.0.1:9/", undo_window_seconds).await
    }

    /// A project whose tasks call this endpoint.
    pub async fn project_calling(&self, name: &str, endpoint: &str, undo_window_seconds: i32) -> String {
        let body = json!({
            "name": name,
            "execution_endpoint": endpoint,
            "undo_window_seconds": undo_window_seconds,
        });
        self.create("/api/v1/projects", body).await
    }

    /// Tasks of a project; answers their paths.
    pub async fn tasks(&self, project: &str, count: usize) -> Vec<String> {
        let mut paths = Vec::new();
        for number in 0..count {
            let schedule = json!({ "cron_expression": "0 3 * * *", "timezone": "UTC" });
            let body = json!({ "name": format!("Task {number}"), "schedule_config": schedule });
            paths.push(self.create(&format!("{project}/tasks"), body).await);
        }
        paths
    }

    pub async fn create(&self, path: &str, body: Value) -> String {
        let answer = self.send("POST", path, Some(body)).await.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.location
    }

    /// Requests the deletion of a task; answers the path of the record.
    pub async fn accept(&self, task: &str) -> String {
        let answer = self.delete(task).await;
        assert_eq!((answer.status, &answer.body["status"]), (202, &json!("PENDING_DELETE")), "{answer:?}");
        answer.location
    }

    /// The state of a deletion.
    pub async fn state(&self, record: &str) -> String {
        let answer = self.get(record).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["state"].as_str().unwrap().to_owned()
    }
}
