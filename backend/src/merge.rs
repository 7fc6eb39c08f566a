//! JSON merge patch (RFC 7396): what the patch names changes, null clears, the rest stays.

use domain::error::{FieldError, ProblemKind, Refusal};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// `draft` with `patch` merged into it.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming the field when the result has not the form of a draft.
pub(crate) fn merge<T: Serialize + DeserializeOwned>(draft: &T, patch: &Value) -> Result<T, Refusal> {
    let refuse = |field: &str, message: &str| {
        Refusal::fields(ProblemKind::InvalidRequest, vec![FieldError::malformed(field, message)])
    };
    if !patch.is_object() {
        return Err(refuse(".", "must be a JSON object"));
    }
    let mut value = serde_json::to_value(draft).map_err(|error| refuse(".", &error.to_string()))?;
    apply(&mut value, patch);
    serde_path_to_error::deserialize(value)
        .map_err(|error| refuse(&error.path().to_string(), &error.inner().to_string()))
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
