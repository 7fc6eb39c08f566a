//! Examples for the shell: one call of each operation.

use super::elements;
use serde_json::{Map, Value, json};

/// A call of an operation with curl; ids and the token come from the environment.
pub fn curl(method: &str, path: &str, said: &Value, schemas: &Value) -> String {
    let path = path.split('/').map(variable).collect::<Vec<_>>().join("/");
    let mut lines = vec![format!("curl -X {} \"$SEXTON{path}\"", method.to_uppercase())];
    if said["security"] != json!([{}]) {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if elements(&said["parameters"]).iter().any(|parameter| parameter["name"] == "If-Match") {
        lines.push("-H \"If-Match: $ETAG\"".to_owned());
    }
    let body = &said["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let body = serde_json::to_string_pretty(&value(body, schemas)).unwrap_or_default().replace('\'', "'\\''");
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d '{body}'"));
    }
    lines.join(" \\\n  ")
}

/// `{project_id}` becomes `$PROJECT_ID`.
fn variable(part: &str) -> String {
    match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => format!("${}", name.to_uppercase()),
        None => part.to_owned(),
    }
}

/// A value that a schema allows: its own example, or the least that it takes.
fn value(schema: &Value, schemas: &Value) -> Value {
    let own = [&schema["examples"][0], &schema["example"], &schema["enum"][0]];
    if let Some(own) = own.into_iter().find(|own| !own.is_null()) {
        return own.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        // A patch changes a part of what the whole shows.
        let whole = name.strip_suffix("Patch").map(|whole| &schemas[format!("{whole}Draft")]["examples"][0]);
        let first = whole.and_then(|whole| whole.as_object()?.iter().find(|(_, value)| value.is_string()));
        return first.map_or_else(|| value(&schemas[name], schemas), |(field, value)| json!({ field: value }));
    }
    let choices = ["oneOf", "anyOf"].into_iter().flat_map(|name| elements(&schema[name]));
    if let Some(choice) = choices.into_iter().find(|choice| choice["type"] != "null") {
        return value(choice, schemas);
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = elements(&schema["required"]).iter().filter_map(Value::as_str);
            let fields = required.map(|name| (name.to_owned(), value(&schema["properties"][name], schemas)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => json!([value(&schema["items"], schemas)]),
        Some("integer" | "number") => schema["minimum"].as_i64().unwrap_or(1).into(),
        Some("boolean") => true.into(),
        Some("string") if schema["format"] == "uuid" => "0192f0c1-7a3b-7cc0-9c4e-5d0f3a1b2c3d".into(),
        Some("string") if schema["format"] == "date-time" => "2027-01-01T09:00:00Z".into(),
        Some("string") => "text".into(),
        _ => Value::Null,
    }
}
