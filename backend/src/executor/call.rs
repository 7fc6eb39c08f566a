//! One call: what is sent, how it is signed, and what its end means for the execution.

use super::answer::{self, Failure};
use super::guard::{self, Guarded};
use super::in_time::InTime;
use crate::db::execution::Ended;
use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::{CallResponse, CallRetryPolicy, ExecutionStatus, Trigger};
use domain::task::Completion;
use reqwest::{Body, Client, Url, redirect};
use serde_json::json;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What is to be called, as it was when the execution was started.
#[derive(Debug)]
pub(crate) struct Planned {
    pub execution_id: Uuid,
    pub task_id: Uuid,
    pub project_id: Uuid,
    pub task_name: String,
    pub scheduled_at: DateTime<Utc>,
    /// None: just now.
    pub recorded_at: Option<DateTime<Utc>>,
    pub attempt: i32,
    pub trigger: Trigger,
    pub metadata: serde_json::Value,
    pub timeout_seconds: i32,
    pub max_attempts: i32,
    pub completion: Completion,
    pub endpoint: String,
    /// The present signing secret, and the one before it while it is being replaced.
    pub secrets: [Option<String>; 2],
}

/// A call that this node may make until its lease ends.
#[derive(Debug)]
pub(crate) struct Call {
    pub planned: Planned,
    /// The time on the database's clock when it was started, and before that on the node's own steady one.
    pub now: DateTime<Utc>,
    pub began: Instant,
}

/// One signed POST.
pub(crate) struct Post<'a> {
    pub id: Uuid,
    pub url: &'a str,
    pub body: String,
    /// The time that is signed.
    pub at: DateTime<Utc>,
    pub secrets: &'a [Option<String>; 2],
    pub timeout_seconds: i32,
    /// Later it is not sent.
    pub until: Option<Instant>,
}

/// The client that makes the calls: no redirects, no proxy, addresses checked.
pub(crate) struct Caller {
    http: Client,
    allow_private: bool,
}

impl Caller {
    pub(crate) fn new(allow_private: bool) -> Result<Self, reqwest::Error> {
        super::use_tls();
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guarded { allow_private }))
            .connect_timeout(CONNECT_WITHIN)
            .user_agent(concat!("Sexton/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, allow_private })
    }

    /// Makes the call, unless the lease is nearly over: a node that was held up does not send what others have taken over.
    pub(super) async fn make(&self, call: &Call, lease: Duration) -> Result<CallResponse, Failure> {
        let planned = &call.planned;
        let until = call.began + (lease - lease / 4);
        if Instant::now() > until {
            return Err(Failure::held_up());
        }
        let post = Post {
            id: planned.execution_id,
            url: &planned.endpoint,
            body: planned.body(),
            at: call.at(),
            secrets: &planned.secrets,
            timeout_seconds: planned.timeout_seconds,
            until: Some(until),
        };
        self.post(post).await
    }

    /// Sends a signed POST and reads its answer.
    pub(crate) async fn post(&self, post: Post<'_>) -> Result<CallResponse, Failure> {
        let url: Url = post.url.parse().map_err(|_| Failure::refused("The endpoint is not a URL."))?;
        guard::check(&url, self.allow_private).map_err(|blocked| Failure::refused(&blocked))?;
        let mut request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .header(HEADER_WEBHOOK_ID, post.id.to_string())
            .header(HEADER_WEBHOOK_TIMESTAMP, post.at.timestamp().to_string())
            .timeout(Duration::from_secs(post.timeout_seconds.unsigned_abs().into()));
        if let Some(signatures) = post.signatures() {
            request = request.header(HEADER_WEBHOOK_SIGNATURE, signatures);
        }
        let began = Instant::now();
        match request.body(Body::wrap(InTime::new(post.body, post.until))).send().await {
            Ok(response) => answer::read(response, began, post.at).await,
            Err(error) => Err(Failure::of(&error, post.timeout_seconds)),
        }
    }
}

impl Post<'_> {
    /// One signature a secret, as Standard Webhooks says: <https://www.standardwebhooks.com>.
    fn signatures(&self) -> Option<String> {
        let (id, at, body) = (self.id.to_string(), self.at.timestamp(), self.body.as_bytes());
        let sign = |secret: &String| Webhook::new(secret).and_then(|key| key.sign(&id, at, body)).ok();
        let signatures: Vec<String> = self.secrets.iter().flatten().filter_map(sign).collect();
        (!signatures.is_empty()).then(|| signatures.join(" "))
    }
}

impl Planned {
    /// The body: who is called for what. The client's program reads it.
    fn body(&self) -> String {
        json!({
            "task_name": self.task_name,
            "execution_id": self.execution_id,
            "task_uuid": self.task_id,
            "scheduled_at": self.scheduled_at,
            "attempt": self.attempt,
            "trigger": self.trigger,
            "metadata": self.metadata,
        })
        .to_string()
    }
}

impl Call {
    /// The time on the database's clock, as far as this node can tell.
    fn at(&self) -> DateTime<Utc> {
        self.now + TimeDelta::from_std(self.began.elapsed()).unwrap_or_default()
    }

    /// What the result means for the execution.
    pub(super) fn ended(self, result: Result<CallResponse, Failure>) -> Ended {
        let at = self.at();
        let Planned { execution_id, attempt, max_attempts, completion, timeout_seconds, recorded_at, .. } =
            self.planned;
        let end = |status, error, response: Option<CallResponse>, retry_at| Ended {
            id: execution_id,
            attempt,
            status,
            error,
            response: response.and_then(|response| serde_json::to_value(response).ok()),
            retry_at,
            timeout_seconds,
        };
        match result {
            Ok(response) if completion == Completion::Callback => {
                end(ExecutionStatus::Running, None, Some(response), None)
            }
            Ok(response) => end(ExecutionStatus::Success, None, Some(response), None),
            Err(failure) => {
                let age = at - recorded_at.unwrap_or(self.now);
                let policy = CallRetryPolicy::default();
                // A random number of the node is good enough to spread retries.
                let jitter = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
                let again = policy.next_attempt(attempt, max_attempts, age, failure.asked, jitter, at);
                let retry_at = match failure.kind {
                    answer::Kind::Refused => None,
                    answer::Kind::HeldUp => Some(at),
                    answer::Kind::Failed => again,
                };
                end(ExecutionStatus::Failed, Some(failure.message), failure.response, retry_at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    /// Sends once; answers what the endpoint read before the connection ended, and how the call ended.
    async fn sent(until: Instant) -> (String, Option<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let endpoint = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while !read.ends_with(b"{}") && stream.read_buf(&mut read).await.unwrap() > 0 {}
            String::from_utf8(read).unwrap()
        });
        let caller = Caller::new(true).unwrap();
        let (body, at, until) = ("{}".to_owned(), DateTime::UNIX_EPOCH, Some(until));
        let post = Post { id: Uuid::nil(), url: &url, body, at, secrets: &[None, None], timeout_seconds: 30, until };
        let ended = caller.post(post).await;
        (endpoint.await.unwrap(), ended.err().map(|failure| failure.message))
    }

    #[tokio::test]
    async fn what_is_too_late_when_the_connection_is_there_is_not_sent_at_all() {
        let (read, said) = sent(Instant::now()).await;
        assert_eq!((read.as_str(), said), ("", Some(Failure::held_up().message)));
        let (read, _) = sent(Instant::now() + Duration::from_secs(60)).await;
        assert!(read.contains("content-length: 2") && read.ends_with("\r\n\r\n{}"), "{read}");
    }
}
