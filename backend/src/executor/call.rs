//! One call: what is sent, how it is signed, and what its end means for the execution.

use super::answer;
use super::failure::{Failure, Kind};
use super::guard;
use super::send::{Deadlines, Sender};
use crate::clock::{Clock, Moment};
use crate::db::execution::Ended;
use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::{CallResponse, CallRetryPolicy, ExecutionStatus, Trigger};
use domain::task::Completion;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::http::{self, Method, Request};
use serde_json::json;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook, WebhookError};
use std::time::{Duration, Instant};
use url::{Position, Url};
use uuid::Uuid;

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
    /// How often this attempt was held up before.
    pub held_up: i32,
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
    /// The time on the database's clock when it was started, and before that on the node's own clocks.
    pub now: DateTime<Utc>,
    pub began: Moment,
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
    pub until: Option<Moment>,
}

/// The client that makes the calls: HTTP/1.1, no redirects, no proxy, addresses checked.
pub(crate) struct Caller {
    sender: Sender,
    allow_private: bool,
    clock: Clock,
}

impl Caller {
    /// A caller that gives up connecting after `connect_within`.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub(crate) fn new(allow_private: bool, connect_within: Duration, clock: Clock) -> Result<Self, rustls::Error> {
        super::use_tls();
        let sender = Sender::new(allow_private, connect_within, clock.clone())?;
        Ok(Self { sender, allow_private, clock })
    }

    /// Makes the call, unless the lease is nearly over: a node that was held up does not send what others have taken over.
    pub(super) async fn make(&self, call: &Call, send_within: Duration) -> Result<CallResponse, Failure> {
        let (planned, now) = (&call.planned, self.clock.now());
        let until = call.began.after(send_within);
        if until.is_past(now) {
            return Err(Failure::held_up());
        }
        let post = Post {
            id: planned.execution_id,
            url: &planned.endpoint,
            body: planned.body(),
            at: call.at(now),
            secrets: &planned.secrets,
            timeout_seconds: planned.timeout_seconds,
            until: Some(until),
        };
        self.post(post).await
    }

    /// Sends a signed POST and reads its answer.
    pub(crate) async fn post(&self, post: Post<'_>) -> Result<CallResponse, Failure> {
        let url: Url = post.url.parse().map_err(|_| Failure::refused("the endpoint is not a URL"))?;
        guard::check(&url, self.allow_private).map_err(|blocked| Failure::refused(&blocked))?;
        let signatures = post.signatures().map_err(|error| {
            Failure::refused(&format!("it could not be signed ({error}). Rotate the project's signing secret"))
        })?;
        let Post { id, at, timeout_seconds, .. } = post;
        let request = Request::builder()
            .method(Method::POST)
            .uri(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(USER_AGENT, concat!("Sexton/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_WEBHOOK_ID, id.to_string())
            .header(HEADER_WEBHOOK_TIMESTAMP, at.timestamp().to_string())
            .header(HEADER_WEBHOOK_SIGNATURE, signatures)
            .body(Full::new(Bytes::from(post.body)))
            .map_err(|error: http::Error| Failure::refused(&error))?;
        let began = Instant::now();
        let answered = began + Duration::from_secs(timeout_seconds.unsigned_abs().into());
        let deadlines = Deadlines { out: post.until, answered: answered.into() };
        match self.sender.send(&url, request, deadlines).await {
            Ok(answer) => answer::read(answer, began, at, timeout_seconds).await,
            Err(broken) => Err(Failure::of(&broken, timeout_seconds)),
        }
    }
}

impl Post<'_> {
    /// One signature a secret, as Standard Webhooks says: <https://www.standardwebhooks.com>. Nothing is sent with fewer
    /// signatures than there are secrets, or with none: its receiver could not tell it from a forgery.
    fn signatures(&self) -> Result<String, WebhookError> {
        let (id, at, body) = (self.id.to_string(), self.at.timestamp(), self.body.as_bytes());
        let sign = |secret: &String| Webhook::new(secret).and_then(|key| key.sign(&id, at, body));
        let signatures: Vec<String> = self.secrets.iter().flatten().map(sign).collect::<Result<_, _>>()?;
        if signatures.is_empty() { Err(WebhookError::InvalidSignature) } else { Ok(signatures.join(" ")) }
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
    /// The time on the database's clock at `now` on the node's, as far as this node can tell.
    fn at(&self, now: Moment) -> DateTime<Utc> {
        self.now + TimeDelta::from_std(now.since(self.began)).unwrap_or_default()
    }

    /// What the result means for the execution, at `now` on the node's clocks.
    pub(super) fn ended(self, result: Result<CallResponse, Failure>, now: Moment) -> Ended {
        let at = self.at(now);
        let age = at - self.planned.recorded_at.unwrap_or(self.now);
        let Planned { execution_id, attempt, held_up, max_attempts, completion, timeout_seconds, .. } = self.planned;
        let end = |status, error, response: Option<CallResponse>, retry_at, is_held_up| Ended {
            id: execution_id,
            attempt,
            held_up,
            is_held_up,
            status,
            error,
            response: response.and_then(|response| serde_json::to_value(response).ok()),
            retry_at,
            timeout_seconds,
        };
        let failure = match result {
            Ok(response) if completion == Completion::Callback => {
                return end(ExecutionStatus::Running, None, Some(response), None, false);
            }
            Ok(response) => return end(ExecutionStatus::Success, None, Some(response), None, false),
            Err(failure) => failure,
        };
        let policy = CallRetryPolicy::default();
        // A random number of the node is good enough to spread retries.
        let jitter = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        let (mut message, asked) = (failure.message, failure.asked);
        let retry_at = match failure.kind {
            Kind::Refused => None,
            Kind::Failed => policy.next_attempt(attempt, max_attempts, age, asked, jitter, at),
            Kind::HeldUp => policy.after_hold_up(held_up + 1, age, jitter, at),
        };
        if retry_at.is_none()
            && let Some(why) = policy.why_none(failure.kind == Kind::HeldUp, attempt, max_attempts, asked)
        {
            message = format!("{message} {why}");
        }
        end(ExecutionStatus::Failed, Some(message), failure.response, retry_at, failure.kind == Kind::HeldUp)
    }
}
