//! The problems of an operation. Most follow from its form: an id in its path may be unknown, a body may be malformed. What
//! a handler adds, it names by slug: `(status = 409, description = "name-taken")`.

use super::{elements, members};
use crate::rest::problem::{PROBLEM, status_of};
use domain::error::ProblemKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Adds every problem that an operation can answer. What `changes` something in a project is refused while that is deleted.
pub fn add(operation: &mut Value, changes: bool) {
    let mut kinds: BTreeMap<String, Vec<ProblemKind>> = BTreeMap::new();
    let mut add = |kind| {
        let kinds = kinds.entry(status_of(kind).as_str().to_owned()).or_default();
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    by_form(operation).into_iter().for_each(&mut add);
    if changes {
        add(ProblemKind::Unconfirmed);
    }
    if changes && elements(&operation["parameters"]).iter().any(|parameter| parameter["name"] == "project_id") {
        add(ProblemKind::ProjectPendingDelete);
    }
    for (_, response) in members(operation, "responses") {
        let said = response["description"].as_str().unwrap_or_default();
        said.split(", ").filter_map(|slug| slug.parse().ok()).for_each(&mut add);
    }
    let responses = &mut operation["responses"];
    if let Some(responses) = responses.as_object_mut() {
        responses.retain(|status, _| !status.ends_with("XX"));
    }
    for (status, kinds) in kinds {
        // An answer of its own, such as that of a node that is not healthy, stays.
        if responses[&status]["content"].is_null() {
            responses[&status] = problem(&kinds);
        }
    }
}

fn by_form(operation: &Value) -> Vec<ProblemKind> {
    use ProblemKind as K;
    let (parameters, has_body) = (elements(&operation["parameters"]), !operation["requestBody"].is_null());
    let mut kinds = vec![K::Forbidden, K::TooManyRequests, K::Unavailable];
    // `security: [{}]` is what the handler of an open operation says.
    if operation["security"] != json!([{}]) {
        kinds.push(K::Unauthorized);
    }
    if has_body || parameters.iter().any(|parameter| parameter["in"] != "header") {
        kinds.push(K::InvalidRequest);
    }
    if has_body {
        kinds.extend([K::ValidationFailed, K::UnsupportedMediaType, K::PayloadTooLarge, K::Timeout]);
    }
    for parameter in parameters {
        kinds.extend_from_slice(match parameter["name"].as_str().unwrap_or_default() {
            "project_id" => &[K::ProjectNotFound],
            "task_uuid" => &[K::TaskNotFound, K::TaskDeleted],
            "group_id" => &[K::GroupNotFound],
            "execution_id" => &[K::ExecutionNotFound],
            "deletion_id" => &[K::DeletionNotFound],
            "key_id" => &[K::ApiKeyNotFound],
            "session_id" => &[K::SessionNotFound],
            "token_id" => &[K::TokenNotFound],
            "user_id" => &[K::MemberNotFound],
            "Idempotency-Key" => &[K::InvalidRequest, K::IdempotencyInProgress, K::IdempotencyKeyReused],
            "If-Match" => &[K::EtagMismatch],
            _ => &[],
        });
    }
    kinds
}

fn problem(kinds: &[ProblemKind]) -> Value {
    let words = |kind: &ProblemKind| format!("{} ({})", kind.title(), kind.as_str());
    let description = kinds.iter().map(words).collect::<Vec<_>>().join("; ");
    let schema = json!({ "$ref": "#/components/schemas/ProblemBody" });
    json!({ "description": description, "content": { PROBLEM: { "schema": schema } } })
}
