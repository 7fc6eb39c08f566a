//! Metadata of a task: a JSON object that is sent with every call.
//!
//! Invariant: what is stored can be read and shown again, also what an older version has let in.

use crate::error::FieldError;
use crate::json::{is_too_deep, too_deep};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Bytes of JSON at most.
const LARGEST: usize = 16_384;

/// What is wrong with metadata that a client sent, if anything is.
pub(super) fn check(metadata: &Value) -> Option<FieldError> {
    let refuse = |message: &str| Some(FieldError::new("metadata", message));
    if !metadata.is_object() {
        return refuse("must be a JSON object");
    }
    if is_too_deep(metadata) {
        return refuse(&too_deep());
    }
    if metadata.to_string().len() > LARGEST {
        return refuse("must be at most 16 kB of JSON");
    }
    if has_nul(metadata) { refuse("must not contain the character U+0000") } else { None }
}

/// jsonb cannot store U+0000, in a key or in a value.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
    }
}

/// Reads metadata that is stored, wherever it stands. It may be nested nearly as deep as the parser goes, so what is around it
/// (a page of tasks) must not count.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)
}
