//! What was done by whom.

use crate::text_enum::text_enum;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// What kind of somebody did it.
    pub enum ActorKind {
        /// A person, in a browser or with a token.
        User = "user",
        /// A program with a key of the project.
        Key = "key",
        /// The product itself, or its operator at the command line.
        System = "system",
    }
}

text_enum! {
    /// What was done.
    pub enum AuditAction {
        /// The instance got its first administrator.
        InstanceClaimed = "instance.claimed",
        /// An account was created.
        UserCreated = "user.created",
        /// An account was disabled: nothing of it opens anything.
        UserDisabled = "user.disabled",
        /// An account may sign in again.
        UserEnabled = "user.enabled",
        /// What an account may do in the instance was changed.
        RightsChanged = "user.rights_changed",
        /// An account was linked with somebody at an issuer of OpenID Connect.
        IdentityLinked = "user.identity_linked",
        /// A password was changed.
        PasswordChanged = "user.password_changed",
        /// Somebody signed in.
        SignedIn = "session.created",
        /// Somebody signed out, or ended a session.
        SessionEnded = "session.ended",
        /// A person ended all sessions, tokens and sign-in links of their account.
        SignedOutEverywhere = "session.ended_everywhere",
        /// Sign-ins were refused: a wrong password, an unknown account, a link that has ended.
        SignInRefused = "session.refused",
        /// Sign-ins were refused because there were too many.
        SignInLimited = "session.limited",
        /// Somebody asked for what they may not do.
        PermissionRefused = "permission.refused",
        /// A personal token was created.
        TokenCreated = "token.created",
        /// A personal token was deleted.
        TokenDeleted = "token.deleted",
        /// A project was created.
        ProjectCreated = "project.created",
        /// A project was changed.
        ProjectUpdated = "project.updated",
        /// A project was deleted.
        ProjectDeleted = "project.deleted",
        /// A person was added to a project, or is something else in it now.
        MemberChanged = "member.changed",
        /// A person was removed from a project.
        MemberRemoved = "member.removed",
        /// An API key was created.
        KeyCreated = "api_key.created",
        /// An API key was deleted.
        KeyDeleted = "api_key.deleted",
        /// The signing secret was read.
        SecretRead = "signing_secret.read",
        /// The signing secret was replaced.
        SecretRotated = "signing_secret.rotated",
        /// The signing secret before it was forgotten.
        SecretForgotten = "signing_secret.forgotten",
        /// Who is told what was changed.
        AlertsChanged = "alerts.changed",
        /// A group was created.
        GroupCreated = "task_group.created",
        /// A group was changed.
        GroupUpdated = "task_group.updated",
        /// A group was started or stopped by hand.
        GroupSteered = "task_group.steered",
        /// A group was deleted.
        GroupDeleted = "task_group.deleted",
        /// A task was created.
        TaskCreated = "task.created",
        /// A task was changed.
        TaskUpdated = "task.updated",
        /// A task was started by hand.
        TaskTriggered = "task.triggered",
        /// The deletion of a task was accepted.
        TaskDeleted = "task.delete_requested",
        /// A deletion was undone.
        DeletionUndone = "deletion.undone",
        /// A failed deletion was given a fresh cycle of attempts.
        DeletionRetried = "deletion.retried",
        /// An execution was cancelled.
        ExecutionCancelled = "execution.cancelled",
    }
}

/// One line of what was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// The entry.
    pub id: Uuid,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// The project; null when it is about the instance.
    pub project_id: Option<Uuid>,
    /// What kind of somebody did it.
    pub actor_kind: ActorKind,
    /// The person or key.
    pub actor_id: Option<Uuid>,
    /// Their name then.
    pub actor: String,
    /// Where the request came from.
    pub address: Option<String>,
    /// The request, as in the log.
    pub request_id: Option<String>,
    /// What was done.
    pub action: AuditAction,
    /// What it was done to.
    pub subject_id: Option<Uuid>,
    /// More, such as a name.
    pub detail: Option<String>,
}
