//! Schemas in words: of what kind a value is, what its limits are, and the fields of an object.

use super::{elements, pairs, text, words};
use crate::view;
use leptos::prelude::*;
use serde_json::{Map, Value};

const SCHEMAS: &str = "#/components/schemas/";

/// All schemas that have a name.
pub fn components(schemas: &Value) -> AnyView {
    let one = |(name, schema): (&String, &Value)| {
        let choices = elements(&schema["enum"]);
        let choices = (!choices.is_empty()).then(|| view! { <p>{kind(schema)}</p> });
        view! {
            <article class="card pad" id=format!("schema-{name}") aria-label=name.clone()>
                <h3><a href=format!("#schema-{name}")>{name.clone()}</a></h3>
                <p class="sub">{words(&text(schema, "description"))}</p>
                {choices}
                {fields(schema, schemas)}
            </article>
        }
    };
    schemas.as_object().into_iter().flat_map(Map::iter).map(one).collect_view().into_any()
}

/// The fields of an object, also of one that is referred to or put together.
pub fn fields(schema: &Value, schemas: &Value) -> AnyView {
    if let Some(name) = referred(schema) {
        return fields(&schemas[name], schemas);
    }
    let parts = elements(&schema["allOf"]).iter().map(|part| fields(part, schemas)).collect_view();
    let required = elements(&schema["required"]);
    let own = schema["properties"].as_object();
    let own = own.filter(|own| !own.is_empty()).map(|own| {
        pairs(Some(own), |name, field| {
            let need = if required.iter().any(|required| required == name) { " required" } else { "" };
            let term = view! { <code>{name.to_owned()}</code> <span class="sub">{need}</span> };
            (term, about(field))
        })
    });
    view! { {parts} {own} }
}

fn about(field: &Value) -> AnyView {
    view! {
        {kind(field)}
        <span class="sub">{limits(field)}</span>
        <div>{words(&described(field))}</div>
    }
}

/// What is said of a field; beside a null it stands where the other choice is.
fn described(field: &Value) -> String {
    let own = text(field, "description");
    let of_choice = || elements(&field["oneOf"]).iter().map(|choice| text(choice, "description")).collect();
    if own.is_empty() { of_choice() } else { own }
}

/// Of what kind a value is; a schema with a name is a link to it.
pub fn kind(schema: &Value) -> AnyView {
    if let Some(name) = referred(schema) {
        return view! { <a class="link" href=format!("#schema-{name}")>{name.to_owned()}</a> };
    }
    for choices in ["oneOf", "anyOf", "allOf"] {
        let choices = elements(&schema[choices]);
        if !choices.is_empty() {
            let each = choices.iter().enumerate().map(|(place, choice)| {
                let or = (place > 0).then_some(" or ");
                view! { {or} {kind(choice)} }
            });
            return each.collect_view().into_any();
        }
    }
    let values = elements(&schema["enum"]);
    if !values.is_empty() {
        let each = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        return view! { <code>{each.collect::<Vec<_>>().join(" | ")}</code> };
    }
    if is_of(schema, "array") {
        let or = if is_of(schema, "null") { " or null" } else { "" };
        return view! { "list of " {kind(&schema["items"])} {or} };
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if names.is_empty() { "any".into_any() } else { names.join(" or ").into_any() }
}

/// What a value must keep to, beside its kind.
pub fn limits(schema: &Value) -> String {
    let span = |least: &str, most: &str, of: &str| match (&schema[least], &schema[most]) {
        (Value::Null, Value::Null) => None,
        (least, Value::Null) => Some(format!("at least {least}{of}")),
        (Value::Null, most) => Some(format!("at most {most}{of}")),
        (least, most) => Some(format!("{least} to {most}{of}")),
    };
    let said = |name: &str, words: &str| schema[name].as_str().map(|text| format!("{words} {text}"));
    let limits = [
        said("format", "format"),
        span("minimum", "maximum", ""),
        span("minLength", "maxLength", " characters"),
        span("minItems", "maxItems", " entries"),
        said("pattern", "pattern"),
        (!schema["default"].is_null()).then(|| format!("default {}", schema["default"])),
    ];
    let limits = limits.into_iter().flatten().map(|limit| format!(", {limit}"));
    limits.collect()
}

fn is_of(schema: &Value, name: &str) -> bool {
    schema["type"] == name || elements(&schema["type"]).iter().any(|kind| kind == name)
}

fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(SCHEMAS)
}
