//! Whole numbers as some programs write them: `30.0` is the integer 30, in JSON and in its schemas.

use serde_json::Value;

/// The largest number up to which every whole one has a double of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes every whole number in `value` without its fraction.
pub fn write_whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT);
            if let Some(whole) = whole {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(write_whole_numbers),
        Value::Object(members) => members.values_mut().for_each(write_whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Whether a parser refused something because of such a number.
#[must_use]
pub fn is_about_a_fraction(message: &str) -> bool {
    message.starts_with("invalid type: floating point")
}

#[cfg(test)]
mod tests {
    use super::write_whole_numbers;
    use serde_json::json;

    #[test]
    fn whole_numbers_lose_their_fraction_and_others_stay() {
        let mut value = json!({ "a": [30.0, 0.5, -2.0, 1e300], "b": { "c": 7, "d": "30.0" } });
        write_whole_numbers(&mut value);
        assert_eq!(value, json!({ "a": [30, 0.5, -2, 1e300], "b": { "c": 7, "d": "30.0" } }));
    }
}
