//! Projects: what tasks belong to, and where their calls go.

#[cfg(feature = "parsing")]
use crate::error::FieldError;
#[cfg(feature = "parsing")]
use crate::text::{parse_name, parse_text};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod deletion;
#[cfg(feature = "parsing")]
pub use deletion::check_consent;
pub use deletion::{ProjectDeletion, ProjectDeletionPreview, ProjectReceipt, deletion_state};

/// A project as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    /// The project.
    pub id: Uuid,
    /// 1 to 255 characters, unique regardless of case.
    pub name: String,
    /// At most 1,000 characters.
    pub description: String,
    /// Where the calls of its tasks go: an http(s) URL.
    pub execution_endpoint: String,
    /// How long an accepted deletion can be undone; null means the server's default.
    pub undo_window_seconds: Option<i32>,
    /// How long executions are kept after their end, in days; null means the server's default.
    pub execution_days: Option<i32>,
    /// What a deletion does with calls in flight: true cancels them at once, false lets them end within the server's limit.
    pub cancel_on_delete: bool,
    /// Grows with every change; the ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// When its deletion was accepted; null otherwise. Then nothing is made or changed in it, and it goes after its last task.
    #[serde(default)]
    pub deletion_requested_at: Option<DateTime<Utc>>,
}

/// What a client sends to create or replace a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", schema(examples(json!({ "name": "Billing", "execution_endpoint": "https://example.com/hooks/billing" }))))]
pub struct ProjectDraft {
    /// 1 to 255 characters.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: String,
    /// At most 1,000 characters.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_length = 1000))]
    pub description: String,
    /// http or https URL, at most 2,048 characters, without user and password.
    #[cfg_attr(feature = "openapi", schema(format = "uri", max_length = 2048))]
    pub execution_endpoint: String,
    /// 0 to 2,592,000 (30 days); null means the server's default.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 2592000))]
    pub undo_window_seconds: Option<i32>,
    /// 1 to 3,650; null means the server's default.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 3650))]
    pub execution_days: Option<i32>,
    /// Whether a deletion cancels calls in flight at once; otherwise they may end, within the server's limit.
    #[serde(default)]
    pub cancel_on_delete: bool,
}

/// The longest that executions are kept: ten years.
pub const MAX_EXECUTION_DAYS: i32 = 3_650;

/// The secrets that calls of a project are signed with, as Standard Webhooks says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SigningSecrets {
    /// `whsec_` and 32 bytes in base64.
    pub secret: String,
    /// The one before it: until it is forgotten, calls carry a signature by each.
    pub previous: Option<String>,
}

/// The longest undo window: 30 days.
pub const MAX_UNDO_WINDOW_SECONDS: i32 = 30 * 24 * 3_600;

impl From<&Project> for ProjectDraft {
    fn from(project: &Project) -> Self {
        Self {
            name: project.name.clone(),
            description: project.description.clone(),
            execution_endpoint: project.execution_endpoint.clone(),
            undo_window_seconds: project.undo_window_seconds,
            execution_days: project.execution_days,
            cancel_on_delete: project.cancel_on_delete,
        }
    }
}

impl ProjectDraft {
    /// Checks every field and returns the draft with surrounding space removed.
    ///
    /// # Errors
    /// One [`FieldError`] a refused field, saying what is allowed.
    #[cfg(feature = "parsing")]
    pub fn parse(self) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        let name = parse_name("name", &self.name).map_err(|e| errors.push(e)).unwrap_or_default();
        let description =
            parse_text("description", &self.description, 1_000).map_err(|e| errors.push(e)).unwrap_or_default();
        let endpoint =
            parse_url("execution_endpoint", &self.execution_endpoint).map_err(|e| errors.push(e)).unwrap_or_default();
        if self.undo_window_seconds.is_some_and(|seconds| !(0..=MAX_UNDO_WINDOW_SECONDS).contains(&seconds)) {
            let message = format!("must be between 0 and {MAX_UNDO_WINDOW_SECONDS} seconds (30 days), or null");
            errors.push(FieldError::new("undo_window_seconds", message));
        }
        if self.execution_days.is_some_and(|days| !(1..=MAX_EXECUTION_DAYS).contains(&days)) {
            let message = format!("must be between 1 and {MAX_EXECUTION_DAYS} days, or null");
            errors.push(FieldError::new("execution_days", message));
        }
        if errors.is_empty() {
            Ok(Self { name, description, execution_endpoint: endpoint, ..self })
        } else {
            Err(errors)
        }
    }
}

/// Where calls go: an http or https URL without user and password.
#[cfg(feature = "parsing")]
pub(crate) fn parse_url(field: &str, text: &str) -> Result<String, FieldError> {
    let refuse = |message: &str| FieldError::new(field, message);
    if text.len() > 2_048 {
        return Err(refuse("must have at most 2048 characters"));
    }
    let url = url::Url::parse(text.trim()).map_err(|_| refuse("must be a URL such as https://example.com/hook"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse("must be an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("must not contain a user or password"));
    }
    Ok(url.to_string())
}
