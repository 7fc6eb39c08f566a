//! JSON merge patch (RFC 7396): what the patch names changes, null clears, the rest stays.

use domain::error::{FieldError, ProblemKind, Refusal};
use domain::whole::{is_about_a_fraction, write_whole_numbers};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// `draft` with `patch` merged into it.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field when the patch has not the form of one, [`ProblemKind::ValidationFailed`]
/// when only the result lacks something.
pub(crate) fn merge<T: Serialize + DeserializeOwned>(draft: &T, patch: &Value) -> Result<T, Refusal> {
    let refuse = |field: &str, message: &str| {
        let error = FieldError::malformed(field, message);
        // What the patch leaves out it does not say wrongly: only what it comes to is not allowed.
        let is_left_out = message.starts_with("missing field") && !names(patch, &error.field);
        let kind = if is_left_out { ProblemKind::ValidationFailed } else { ProblemKind::InvalidRequest };
        Refusal::fields(kind, vec![error])
    };
    if !patch.is_object() {
        return Err(refuse(".", "must be a JSON object"));
    }
    let mut whole = serde_json::to_value(draft).map_err(|error| refuse(".", &error.to_string()))?;
    let mut merged = whole.clone();
    apply(&mut merged, patch);
    let read = |value: Value| {
        serde_path_to_error::deserialize::<_, T>(value)
            .map_err(|error| (error.path().to_string(), error.inner().to_string()))
    };
    let merged = read(merged.clone()).or_else(|(field, message)| {
        if !is_about_a_fraction(&message) {
            return Err(refuse(&field, &message));
        }
        write_whole_numbers(&mut merged);
        read(merged).map_err(|(field, message)| refuse(&field, &message))
    })?;
    // A null clears nothing where nothing has this name.
    add_nulls(&mut whole, patch);
    match read(whole) {
        Err((field, message)) if message.starts_with("unknown field") => Err(refuse(&field, &message)),
        _ => Ok(merged),
    }
}

/// Whether a patch says something of a field, such as `schedule_config.timezone`.
fn names(patch: &Value, field: &str) -> bool {
    patch.pointer(&format!("/{}", field.replace('.', "/"))).is_some()
}

/// Puts the nulls of a patch where there is nothing yet.
fn add_nulls(target: &mut Value, patch: &Value) {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else { return };
    for (key, patch) in patch {
        match target.get_mut(key) {
            Some(target) => add_nulls(target, patch),
            None if patch.is_null() => drop(target.insert(key.clone(), Value::Null)),
            None => {}
        }
    }
}

fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            apply(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
