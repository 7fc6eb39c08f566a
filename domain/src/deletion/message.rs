//! The payload of the job that tears a task down.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The payload of the job that tears a task down: ids and times only, versioned JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTaskMessage {
    /// Version of this form; readers refuse what they do not know.
    #[serde(rename = "v")]
    pub version: MessageVersion,
    /// The task.
    pub task_uuid: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// When the deletion was accepted.
    pub requested_at: DateTime<Utc>,
    /// The request that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The record that the job works for; also the job's idempotency key.
    pub deletion_id: Uuid,
}

/// The known versions of [`DeleteTaskMessage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum MessageVersion {
    /// The first one.
    #[default]
    V1,
}

impl TryFrom<u8> for MessageVersion {
    type Error = String;
    fn try_from(version: u8) -> Result<Self, String> {
        if version == 1 { Ok(Self::V1) } else { Err(format!("unknown message version {version}")) }
    }
}

impl From<MessageVersion> for u8 {
    fn from(version: MessageVersion) -> Self {
        match version {
            MessageVersion::V1 => 1,
        }
    }
}
