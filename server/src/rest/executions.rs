//! Executions: lists, one, its log, counts by day. What starts and cancels them stands in `runs`.

use super::extract::{ApiPath, ApiQuery};
use super::problem::Problem;
use crate::AppState;
use crate::access::Reader;
use axum::Json;
use axum::extract::State;
use backend::executions::{self, ExecutionQuery, LogQuery};
use domain::execution::{DayCounts, Execution, ExecutionStatus, LogLevel, LogLine};
use domain::page::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// Filters and page of a list of executions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// `PENDING`, `RUNNING`, `RETRY_WAIT`, `SUCCESS`, `FAILED`, `CANCELLED`, `SKIPPED`; several separated by commas.
    #[param(value_type = Option<Vec<ExecutionStatus>>, style = Form, explode = false)]
    status: Option<String>,
    /// A day, `YYYY-MM-DD`: of a task what was due on it, of a project what was recorded on it.
    #[param(format = "date")]
    date: Option<String>,
    /// The IANA zone of that day; UTC unless given.
    tz: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl ListParams {
    fn query(self, task_id: Option<Uuid>) -> ExecutionQuery {
        let Self { status, date, tz, cursor, limit } = self;
        ExecutionQuery { task_id, status, date, tz, cursor, limit }
    }
}

/// Filter and page of a log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// `info`, `warn`, `error`; several separated by commas.
    #[param(value_type = Option<Vec<LogLevel>>, style = Form, explode = false)]
    level: Option<String>,
    /// Only what came after the line with this id: the last one that is known, or `next_cursor`.
    after: Option<i64>,
    /// 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Which counts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatsParams {
    /// 1 to 90, today included; 30 unless given.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
    /// The IANA zone of the days; UTC unless given.
    tz: Option<String>,
    /// Only this task.
    task: Option<Uuid>,
}

/// Lists the executions of a task, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/tasks/{task_uuid}/executions", tag = "executions", params(("project_id" = Uuid, Path), ("task_uuid" = Uuid, Path), ListParams),
    responses((status = 200, body = Page<Execution>)))]
pub async fn list_of_task(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, task_id)): ApiPath<(Uuid, Uuid)>,
    ApiQuery(params): ApiQuery<ListParams>,
) -> Result<Json<Page<Execution>>, Problem> {
    Ok(Json(executions::list(&state.backend, project_id, &params.query(Some(task_id))).await?))
}

/// Lists the executions of a project, newest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/executions", tag = "executions", params(("project_id" = Uuid, Path), ListParams),
    responses((status = 200, body = Page<Execution>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<ListParams>,
) -> Result<Json<Page<Execution>>, Problem> {
    Ok(Json(executions::list(&state.backend, project_id, &params.query(None)).await?))
}

/// Counts the ends of executions by day, oldest first, of a project or of one task.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/executions/stats", tag = "executions", params(("project_id" = Uuid, Path), StatsParams),
    responses((status = 200, body = Vec<DayCounts>)))]
pub async fn stats(
    State(state): State<AppState>,
    _: Reader,
    ApiPath(project_id): ApiPath<Uuid>,
    ApiQuery(params): ApiQuery<StatsParams>,
) -> Result<Json<Vec<DayCounts>>, Problem> {
    let StatsParams { days, tz, task } = params;
    Ok(Json(executions::stats(&state.backend, project_id, task, days, tz.as_deref()).await?))
}

/// One execution.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/executions/{execution_id}", tag = "executions", params(("project_id" = Uuid, Path), ("execution_id" = Uuid, Path)),
    responses((status = 200, body = Execution)))]
pub async fn get(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, execution_id)): ApiPath<(Uuid, Uuid)>,
) -> Result<Json<Execution>, Problem> {
    Ok(Json(executions::get(&state.backend, project_id, execution_id).await?))
}

/// What the client of an execution logged, oldest first.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/executions/{execution_id}/logs", tag = "executions", params(("project_id" = Uuid, Path), ("execution_id" = Uuid, Path), LogParams),
    responses((status = 200, body = Page<LogLine>)))]
pub async fn logs(
    State(state): State<AppState>,
    _: Reader,
    ApiPath((project_id, execution_id)): ApiPath<(Uuid, Uuid)>,
    ApiQuery(params): ApiQuery<LogParams>,
) -> Result<Json<Page<LogLine>>, Problem> {
    let LogParams { level, after, limit } = params;
    let query = LogQuery { level, after, limit };
    Ok(Json(executions::logs(&state.backend, project_id, execution_id, &query).await?))
}
