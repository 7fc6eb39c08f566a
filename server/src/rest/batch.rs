//! Deleting many tasks by one request.

use super::deletions::retry_after;
use super::extract::{ApiJson, ApiPath};
use super::problem::Problem;
use crate::AppState;
use crate::access::Deleter;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use backend::tasks::delete_many::{Outcome, request_many};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The tasks to delete.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "task_uuids": ["0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d"] })))]
pub struct BatchBody {
    /// 1 to 1,000 ids.
    #[schema(min_items = 1, max_items = 1000)]
    task_uuids: Vec<Uuid>,
}

/// What became of each, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer {
    results: Vec<BatchResult>,
}

/// What became of one.
#[derive(Serialize, ToSchema)]
pub struct BatchResult {
    /// The task.
    task_uuid: Uuid,
    /// `PENDING_DELETE` or `ALREADY_DELETED`.
    status: &'static str,
    /// The record of a deletion that is pending; a repeat gets the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_id: Option<Uuid>,
    /// `receipt` or `none`, of one that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'static str>,
}

impl BatchResult {
    fn new(task_uuid: Uuid, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Scheduled { deletion_id } => {
                Self { task_uuid, status: "PENDING_DELETE", deletion_id: Some(deletion_id), evidence: None }
            }
            Outcome::AlreadyDeleted { has_receipt } => {
                let evidence = Some(if has_receipt { "receipt" } else { "none" });
                Self { task_uuid, status: "ALREADY_DELETED", deletion_id: None, evidence }
            }
        }
    }
}

/// Accepts the deletion of many tasks, all in one transaction; each is then torn down like one that was deleted by itself.
#[utoipa::path(post, operation_id = "delete_many", path = "/api/v1/projects/{project_id}/tasks/batch-delete", tag = "tasks", params(("project_id" = Uuid, Path)), request_body = BatchBody,
    responses((status = 202, body = BatchAnswer, headers(("Retry-After" = u32)))))]
pub async fn delete(
    State(state): State<AppState>,
    Deleter(actor): Deleter,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiJson(body): ApiJson<BatchBody>,
) -> Result<Response, Problem> {
    let outcomes = request_many(&state.backend, &actor, project_id, &body.task_uuids).await?;
    let results =
        body.task_uuids.into_iter().zip(outcomes).map(|(id, outcome)| BatchResult::new(id, outcome)).collect();
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::ACCEPTED, [retry_after(), no_store], Json(BatchAnswer { results })).into_response())
}
