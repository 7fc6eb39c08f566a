//! What server functions answer, and what pages are asked for, as it stands in their URLs.

use domain::deletion::Deletion;
use domain::page::Page;
use domain::project::Project;
use domain::schedule::SchedulePreview;
use domain::status::TaskStatus;
use domain::task::Task;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The task list of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskListView {
    pub project: Project,
    pub counts: Vec<(TaskStatus, i64)>,
    pub page: Page<Task>,
    /// Names of the groups that its tasks are in, and of the one that is asked for.
    pub groups: Vec<(Uuid, String)>,
    /// Whether who looks may change nothing.
    pub looks_only: bool,
}

/// What a task list shows, as it stands in its URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskQuery {
    pub status: Option<String>,
    pub search: Option<String>,
    /// A group's id.
    pub group: Option<String>,
    pub cursor: Option<String>,
}

/// One task with what its page shows around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    pub project: Project,
    pub task: Task,
    pub preview: SchedulePreview,
    /// Its latest executions, rendered.
    pub runs: String,
}

/// What a request to delete was answered with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DeleteOutcome {
    /// Accepted.
    Scheduled(Box<Deletion>),
    /// It is gone already, and there is a receipt.
    AlreadyDeleted(Box<Deletion>),
    /// There is no such task here.
    Unknown,
}
