//! The headers of answers: those that follow from what is answered, and what each of them says.

use super::members;
use serde_json::{Value, json};

/// Adds the headers of every answer of an operation.
pub fn add(operation: &mut Value, schemas: &Value) {
    for (status, response) in members(operation, "responses") {
        for (name, header) in members(response, "headers") {
            *header = said(name, false);
        }
        let name = match status.as_str() {
            "201" => "Location",
            "401" => "WWW-Authenticate",
            "429" | "503" if !is_json(response) => "Retry-After",
            _ => "",
        };
        if !name.is_empty() {
            response["headers"][name] = said(name, true);
        }
        if has_version(response, schemas) && matches!(status.as_str(), "200" | "201") {
            response["headers"]["ETag"] = said("ETag", true);
        }
    }
}

fn is_json(response: &Value) -> bool {
    !response["content"]["application/json"].is_null()
}

/// True for the answer that shows a thing which `If-Match` can name.
fn has_version(response: &Value, schemas: &Value) -> bool {
    let reference = response["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
    let schema = &schemas[reference.rsplit('/').next().unwrap_or_default()];
    schema["properties"]["version"]["type"] == "integer"
}

fn said(name: &str, is_always_there: bool) -> Value {
    let (description, schema) = match name {
        "ETag" => {
            ("The version that is shown; If-Match takes it.", json!({ "type": "string", "pattern": "^\"v[0-9]+\"$" }))
        }
        "Location" => ("Where it is.", json!({ "type": "string", "format": "uri-reference" })),
        "Retry-After" => ("Seconds until it is worth to come again.", json!({ "type": "integer", "minimum": 0 })),
        "WWW-Authenticate" => ("How to say who calls.", json!({ "type": "string" })),
        _ => ("", json!({ "type": "string" })),
    };
    json!({ "description": description, "required": is_always_there, "schema": schema })
}
