//! The bodies of `PATCH`: JSON merge patches of what `PUT` takes. Each is made of that schema: nothing in it is required,
//! and null clears what a whole may be without.

use serde_json::{Map, Value, json};

const SCHEMAS: &str = "#/components/schemas/";

/// Gives every `PATCH` beside a `PUT` its body.
pub fn derive(document: &mut Value) {
    let Value::Object(mut schemas) = document["components"]["schemas"].take() else { return };
    for (_, item) in super::members(document, "paths") {
        let whole = item["put"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let Some(whole) = whole.and_then(|whole| whole.strip_prefix(SCHEMAS)).map(str::to_owned) else { continue };
        if let Some(operation) = item.get_mut("patch") {
            let schema = json!({ "schema": { "$ref": format!("{SCHEMAS}{}", patch_of(&whole, &mut schemas)) } });
            let content = json!({ "application/json": schema, "application/merge-patch+json": schema });
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
    }
    document["components"]["schemas"] = Value::Object(schemas);
}

/// The name of the patch of a schema, which is made where there is none.
fn patch_of(whole: &str, schemas: &mut Map<String, Value>) -> String {
    let name = format!("{}Patch", whole.trim_end_matches("Draft"));
    if schemas.contains_key(&name) {
        return name;
    }
    let mut patch = schemas.get(whole).cloned().unwrap_or_default();
    let required = patch["required"].take();
    let is_required = |field: &str| super::elements(&required).iter().any(|name| name == field);
    for (field, property) in super::members(&mut patch, "properties") {
        refer_to_patches(property, schemas);
        if !is_required(field) {
            with_null(property);
        }
        if let Some(property) = property.as_object_mut() {
            property.remove("default");
        }
    }
    if let Some(patch) = patch.as_object_mut() {
        patch.retain(|key, _| !matches!(key.as_str(), "required" | "example" | "examples"));
        patch.insert("description".to_owned(), "What changes: what is left out stays, and null clears.".into());
    }
    schemas.insert(name.clone(), patch);
    name
}

/// What is inside of a patch is patched as well.
fn refer_to_patches(property: &mut Value, schemas: &mut Map<String, Value>) {
    let inside = property["$ref"].as_str().and_then(|name| name.strip_prefix(SCHEMAS)).map(str::to_owned);
    if let Some(inside) = inside
        && schemas.get(&inside).is_some_and(|schema| schema["type"] == "object")
    {
        property["$ref"] = format!("{SCHEMAS}{}", patch_of(&inside, schemas)).into();
    }
    for choice in property.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        refer_to_patches(choice, schemas);
    }
}

fn with_null(property: &mut Value) {
    if let Some(choices) = property.get_mut("oneOf").and_then(Value::as_array_mut) {
        if !choices.iter().any(|choice| choice["type"] == "null") {
            choices.push(json!({ "type": "null" }));
        }
    } else if property["$ref"].is_string() {
        *property = json!({ "oneOf": [{ "type": "null" }, property] });
    } else if let Some(kinds) = property.get_mut("type").and_then(Value::as_array_mut) {
        if !kinds.iter().any(|kind| kind == "null") {
            kinds.push("null".into());
        }
    } else if property["type"].is_string() {
        property["type"] = json!([property["type"], "null"]);
    }
}
