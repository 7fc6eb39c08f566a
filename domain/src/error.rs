//! Everything that a caller can be told: the kinds of problem and the errors of single fields.
//!
//! Invariant: a kind has one slug everywhere. `server/rest/problem.rs` gives it an HTTP status, the pages its words.

use crate::status::StatusRefusal;
use crate::text_enum::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What kind of problem it is; the text is the slug in the problem's `type`.
    pub enum ProblemKind {
        /// The request is not of the right form: path, query, or the shape of the body.
        InvalidRequest = "invalid-request",
        /// The request is well formed, but a value is not allowed.
        ValidationFailed = "validation-failed",
        /// A client asked for a status that only the deletion may give.
        StatusNotSettable = "status-not-settable",
        /// The caller did not say who it is, or nobody knows it.
        Unauthorized = "unauthorized",
        /// The caller may not do this here.
        Forbidden = "forbidden",
        /// The person has to prove again who they are before they may do this.
        ProofRequired = "proof-required",
        /// There is no such project for this caller.
        ProjectNotFound = "project-not-found",
        /// There is no such task in this project.
        TaskNotFound = "task-not-found",
        /// The task was deleted; its receipt is still kept.
        TaskDeleted = "task-deleted",
        /// There is no such task group in this project.
        GroupNotFound = "group-not-found",
        /// There is no such deletion in this project.
        DeletionNotFound = "deletion-not-found",
        /// There is no such route.
        RouteNotFound = "route-not-found",
        /// The route exists, but not for this method.
        MethodNotAllowed = "method-not-allowed",
        /// The body's content type is not the one that is read here.
        UnsupportedMediaType = "unsupported-media-type",
        /// The body is larger than the limit.
        PayloadTooLarge = "payload-too-large",
        /// Another thing has this name already.
        NameTaken = "name-taken",
        /// Someone changed the thing in between: `If-Match` does not fit.
        EtagMismatch = "etag-mismatch",
        /// The task is being deleted and cannot be changed or started.
        TaskPendingDelete = "task-pending-delete",
        /// The project is being deleted: nothing in it can be made, changed or started.
        ProjectPendingDelete = "project-pending-delete",
        /// The task is disabled and cannot be started.
        TaskDisabled = "task-disabled",
        /// The task's group is stopped: nothing of it can be started.
        GroupStopped = "group-stopped",
        /// There is no such API key in this project.
        ApiKeyNotFound = "api-key-not-found",
        /// There is no such token of this person.
        TokenNotFound = "token-not-found",
        /// There is no such session of this person.
        SessionNotFound = "session-not-found",
        /// There is no such person in this project.
        MemberNotFound = "member-not-found",
        /// There is no account of this person.
        UserNotFound = "user-not-found",
        /// A project must keep an administrator, and so must the instance.
        LastAdmin = "last-admin",
        /// The instance has its first administrator already.
        AlreadyClaimed = "already-claimed",
        /// There is no such execution in this project.
        ExecutionNotFound = "execution-not-found",
        /// The execution has ended and cannot be changed any more.
        ExecutionEnded = "execution-ended",
        /// The teardown has begun: the deletion cannot be undone any more.
        PointOfNoReturn = "point-of-no-return",
        /// Only a failed deletion can be retried.
        NotFailed = "not-failed",
        /// It still has tasks.
        HasChildren = "has-children",
        /// The same `Idempotency-Key` came with another request.
        IdempotencyKeyReused = "idempotency-key-reused",
        /// The first request with this `Idempotency-Key` is under way.
        IdempotencyInProgress = "idempotency-in-progress",
        /// There may not be more of this: a quota is used up.
        QuotaExceeded = "quota-exceeded",
        /// The caller asks too often.
        TooManyRequests = "too-many-requests",
        /// The service cannot answer now; nothing has changed.
        Unavailable = "unavailable",
        /// Nobody knows whether the change has happened.
        Unconfirmed = "unconfirmed",
        /// The request took too long; nothing has changed.
        Timeout = "timeout",
        /// A defect of ours.
        Internal = "internal",
    }
}

impl ProblemKind {
    /// A short title for people, the same for every problem of this kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed",
            Self::ValidationFailed => "A value is not allowed",
            Self::StatusNotSettable => "This status cannot be set",
            Self::Unauthorized => "Not signed in",
            Self::Forbidden => "Not allowed",
            Self::ProofRequired => "Prove who you are",
            Self::ProjectNotFound => "No such project",
            Self::TaskNotFound => "No such task in this project",
            Self::TaskDeleted => "The task was deleted",
            Self::GroupNotFound => "No such task group in this project",
            Self::DeletionNotFound => "No such deletion in this project",
            Self::RouteNotFound => "No such page or resource",
            Self::MethodNotAllowed => "Method not allowed",
            Self::UnsupportedMediaType => "Unsupported content type",
            Self::PayloadTooLarge => "The request is too large",
            Self::NameTaken => "The name is taken",
            Self::EtagMismatch => "Changed in between",
            Self::TaskPendingDelete => "The task is being deleted",
            Self::ProjectPendingDelete => "The project is being deleted",
            Self::TaskDisabled => "The task is disabled",
            Self::GroupStopped => "The task group is stopped",
            Self::ApiKeyNotFound => "No such API key in this project",
            Self::TokenNotFound => "No such token",
            Self::SessionNotFound => "No such session",
            Self::MemberNotFound => "No such member of this project",
            Self::UserNotFound => "No such account",
            Self::LastAdmin => "The last administrator",
            Self::AlreadyClaimed => "Already claimed",
            Self::ExecutionNotFound => "No such execution in this project",
            Self::ExecutionEnded => "The execution has ended",
            Self::PointOfNoReturn => "Too late to undo",
            Self::NotFailed => "The deletion has not failed",
            Self::HasChildren => "Not empty",
            Self::IdempotencyKeyReused => "Used for another request",
            Self::IdempotencyInProgress => "Still under way",
            Self::QuotaExceeded => "A quota is used up",
            Self::TooManyRequests => "Too many requests",
            Self::Unavailable => "Temporarily unavailable",
            Self::Unconfirmed => "Not confirmed",
            Self::Timeout => "The request took too long",
            Self::Internal => "Internal error",
        }
    }
}

/// One field that was refused: its path in the request and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Path of the field, such as `schedule_config.timezone`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl FieldError {
    /// An error of `field` with its `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// What serde could not read, at `path`. Its name for "here" is a dot, and what is missing or doubled stands in its
    /// message only.
    #[must_use]
    pub fn malformed(path: &str, message: &str) -> Self {
        let said = ["missing field `", "duplicate field `"].iter().find_map(|words| message.strip_prefix(words));
        let field = match (path, said.and_then(|rest| rest.split('`').next())) {
            (".", None) => "(body)".to_owned(),
            (".", Some(name)) => name.to_owned(),
            (path, None) => path.to_owned(),
            (path, Some(name)) => format!("{path}.{name}"),
        };
        Self::new(field, message)
    }
}

/// A refusal: the kind, a sentence that is never empty, and the fields concerned. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// The kind, which decides slug, title and HTTP status.
    pub kind: ProblemKind,
    /// What happened, for a person.
    pub detail: String,
    /// The fields concerned, if any.
    pub errors: Vec<FieldError>,
    /// A path of the API that says more, such as the record of a deletion.
    pub see: Option<String>,
    /// True when it is the caller's own precondition (`If-Match`) that does not hold.
    #[serde(default)]
    pub precondition: bool,
    /// When to ask again, where this is known.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
}

impl Refusal {
    /// A refusal without fields.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            see: None,
            precondition: false,
            retry_after_seconds: None,
        }
    }

    /// A refusal of values, one error a field; `kind` is [`ProblemKind::ValidationFailed`] or
    /// [`ProblemKind::InvalidRequest`].
    #[must_use]
    pub fn fields(kind: ProblemKind, errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>().join("; ");
        Self { kind, detail, errors, see: None, precondition: false, retry_after_seconds: None }
    }
}

impl From<StatusRefusal> for Refusal {
    fn from(refusal: StatusRefusal) -> Self {
        let kind = match refusal {
            StatusRefusal::BeingDeleted => ProblemKind::TaskPendingDelete,
            StatusRefusal::NotPending => ProblemKind::PointOfNoReturn,
            StatusRefusal::NotFailed => ProblemKind::NotFailed,
        };
        Self::new(kind, format!("Refused: {refusal}."))
    }
}
