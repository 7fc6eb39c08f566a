//! The OpenAPI document, completed: what follows from the form of an operation, such as most of the problems that it can
//! answer, is added here, so that a handler says only what is its own. Called once, when the router is built.

mod headers;
mod patches;
mod problems;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

/// The members of a path that are operations.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// What stands above all operations; the paths come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sexton",
        description = "Schedules cron tasks, and deletes them durably. Errors are RFC 9457 problems. Every answer carries \
                       the id of its request in X-Request-Id: the client's own, or one of ours."
    ),
    components(schemas(super::problem::ProblemBody, domain::group::GroupDeletion)),
    tags(
        (name = "session", description = "Signing in and out, and the browsers that are signed in."),
        (name = "tokens", description = "Personal tokens: with which programs act as a person."),
        (name = "members", description = "The people of a project."),
        (name = "audit", description = "What was done, by whom and from where."),
        (name = "projects", description = "What tasks belong to, where their calls go and how they are signed."),
        (name = "tasks", description = "What runs when. Deleting a task is accepted at once, and then carried out."),
        (name = "task groups", description = "Daily windows outside of which tasks do not run."),
        (name = "executions", description = "The runs of tasks, their logs and their counts."),
        (name = "callbacks", description = "What a called program says of its execution, with an API key of the project."),
        (name = "deletions", description = "The records of deletions: watch, undo, retry."),
        (name = "project deletions", description = "The records of deletions of whole projects."),
        (name = "API keys", description = "What the programs that tasks call authenticate with."),
        (name = "alerts", description = "Who is told of what goes wrong."),
        (name = "events", description = "What happens, as it happens."),
        (name = "health", description = "How this node is."),
    )
)]
pub struct Start;

/// The document as it is served.
#[must_use]
pub fn complete(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["servers"] = json!([{ "url": "/", "description": "This server." }]);
    document["security"] = json!([{ "token": [] }, { "session": [] }]);
    document["components"]["securitySchemes"] = security_schemes();
    patches::derive(&mut document);
    let schemas = document["components"]["schemas"].clone();
    for (method, operation) in operations(&mut document) {
        name(operation);
        describe_parameters(operation);
        problems::add(operation, method != "get");
        headers::add(operation, &schemas);
        describe_answers(operation);
    }
    document
}

fn security_schemes() -> Value {
    json!({
        "token": { "type": "http", "scheme": "bearer", "description": "A personal token: sxt_…" },
        "session": { "type": "apiKey", "in": "cookie", "name": "sexton", "description": "A browser that is signed in." },
        "apiKey": { "type": "apiKey", "in": "header", "name": "Authorization", "description": "An API key of the project, as it is." },
        "apiKeyBearer": { "type": "http", "scheme": "bearer", "description": "The same after Bearer." },
    })
}

fn operations(document: &mut Value) -> impl Iterator<Item = (&str, &mut Value)> {
    let items = members(document, "paths").filter_map(|(_, item)| item.as_object_mut());
    items.flat_map(Map::iter_mut).map(|(key, item)| (key.as_str(), item)).filter(|(key, _)| METHODS.contains(key))
}

/// The members of the object that stands at `name`; none where there is none.
fn members<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> + use<'a> {
    value.get_mut(name).and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut)
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Names of functions are unique in their module only.
fn name(operation: &mut Value) {
    let tag = operation["tags"][0].as_str().unwrap_or_default().to_lowercase().replace(' ', "_");
    let function = operation["operationId"].as_str().unwrap_or_default();
    operation["operationId"] = format!("{tag}_{function}").into();
}

/// Says what the ids of a path are, and that a parameter that is left out is not null.
fn describe_parameters(operation: &mut Value) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    for parameter in parameters {
        let words = match parameter["name"].as_str().unwrap_or_default() {
            "project_id" => "The project.",
            "task_uuid" => "The task.",
            "group_id" => "The task group.",
            "execution_id" => "The execution.",
            "deletion_id" => "The record of the deletion.",
            "key_id" => "The API key.",
            "session_id" => "The session.",
            "token_id" => "The personal token.",
            "user_id" => "The person.",
            _ => "",
        };
        if parameter["description"].as_str().is_none_or(str::is_empty) && !words.is_empty() {
            parameter["description"] = words.into();
        }
        if let Some(schema) = parameter.get_mut("schema") {
            without_null(schema);
        }
        if parameter["name"] == "search" {
            parameter["schema"]["pattern"] = VISIBLE.into();
        }
    }
}

/// A search is empty, or has a visible character and no control character; see `domain/text/parsing.rs`.
const VISIBLE: &str = r"^([^\u0000-\u001f\u007f-\u009f\u2028\u2029]*[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufe00-\ufe0f\ufeff][^\u0000-\u001f\u007f-\u009f\u2028\u2029]*)?$";

/// The standard wants a description of every answer.
fn describe_answers(operation: &mut Value) {
    for (status, response) in members(operation, "responses") {
        if response["description"].as_str().is_none_or(str::is_empty) {
            let status = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok());
            response["description"] = status.and_then(|status| status.canonical_reason()).unwrap_or_default().into();
        }
    }
}

/// Takes null out of what a value may be.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let others: Vec<_> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        schema["type"] = if let [one] = others.as_slice() { one.clone() } else { others.into() };
    }
    let choices = elements(&schema["oneOf"]).iter().filter(|choice| choice["type"] != "null").cloned();
    if let [one] = choices.collect::<Vec<_>>().as_slice() {
        *schema = one.clone();
    }
}
