//! JSON that people send: how deep it may be nested, and which numbers are taken.
//!
//! Invariant: a number is stored as it was sent or refused. Numbers are doubles here, as in JavaScript and in most programs
//! that are called (RFC 8259, section 6), so one that a double rounds is refused with its path, and has to be sent as a string.

use crate::error::FieldError;
use serde_json::{Number, Value};

/// Metadata with this many levels of objects and lists is refused; one level less is accepted.
pub const TOO_DEEP: usize = 64;

/// What is wrong with JSON that is nested too deeply.
#[must_use]
pub fn too_deep() -> String {
    format!("must be nested less than {TOO_DEEP} levels deep")
}

/// True when objects and lists stand inside each other [`TOO_DEEP`] times or more. Without recursion: what is stored may be
/// deeper.
#[must_use]
pub fn is_too_deep(value: &Value) -> bool {
    let mut left = vec![(value, 1)];
    while let Some((value, depth)) = left.pop() {
        match value {
            Value::Array(_) | Value::Object(_) if depth >= TOO_DEEP => return true,
            Value::Array(values) => left.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(members) => left.extend(members.values().map(|value| (value, depth + 1))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// Reads JSON in which every number keeps its value.
///
/// # Errors
/// What is wrong, for `field` or a path below it.
pub fn read(field: &str, text: &str) -> Result<Value, FieldError> {
    check_numbers(field, text)?;
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        let is_deep = message.starts_with("recursion limit exceeded");
        FieldError::new(field, if is_deep { too_deep() } else { format!("must be JSON: {message}") })
    })
}

/// Refuses the first number in a JSON text that a double cannot hold. Text that is not JSON is left to the parser.
///
/// # Errors
/// The path of the number, below `field` unless that is empty.
pub fn check_numbers(field: &str, text: &str) -> Result<(), FieldError> {
    let mut scan = Scan { text, at: 0, path: Vec::new(), last: (0, 0) };
    while let Some(number) = scan.next_number() {
        if !is_kept(number) {
            return Err(FieldError::new(scan.field(field), too_precise(number)));
        }
    }
    Ok(())
}

fn too_precise(number: &str) -> String {
    let shown = if number.len() > 40 { format!("{}…", &number[..40]) } else { number.to_owned() };
    format!(
        "{shown} would lose digits; send it as a string, or as a number that a 64-bit integer or double holds exactly"
    )
}

/// True when a number is still the same once it was read, also in the notation in which jsonb keeps it, without an exponent.
fn is_kept(text: &str) -> bool {
    let is_whole = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    // What is no number is for the parser to refuse.
    if is_whole || text.parse::<f64>().is_err() {
        return true;
    }
    let number @ (significant, exponent) = &digits(text);
    if significant.is_empty() {
        return true;
    }
    let Some(plain) = written_out(significant, *exponent) else { return false };
    let reads_as = |text: &str| serde_json::from_str::<Number>(text).map(|read| digits(&read.to_string()));
    [text, &plain].into_iter().all(|text| reads_as(text).is_ok_and(|read| read == *number))
}

/// Digits without an exponent, unless they are many more than those of any double.
fn written_out(significant: &str, exponent: i64) -> Option<String> {
    let zeros = usize::try_from(exponent.unsigned_abs()).ok().filter(|zeros| *zeros <= 400)?;
    Some(match exponent {
        0.. => format!("{significant}{}", "0".repeat(zeros)),
        _ if zeros < significant.len() => {
            let (whole, fraction) = significant.split_at(significant.len() - zeros);
            format!("{whole}.{fraction}")
        }
        _ => format!("0.{}{significant}", "0".repeat(zeros - significant.len())),
    })
}

/// The significant digits of a number, and the power of ten behind them: `1.50e3` is 15 and 2.
fn digits(text: &str) -> (String, i64) {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.parse().unwrap_or(i64::from(i32::MAX)).saturating_sub(fraction.len() as i64);
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return (String::new(), 0);
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    (significant.to_owned(), exponent.saturating_add(zeros as i64))
}

/// The parser refuses what is nested more deeply, whatever numbers are in it.
const NEVER_READ: usize = 128;

/// Where one is in a list or an object.
enum Place {
    Key((usize, usize)),
    Index(usize),
}

/// Walks through the text of some JSON from number to number.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    path: Vec<Place>,
    /// The string that was passed last, with its quotes: a key, once a colon follows.
    last: (usize, usize),
}

impl<'a> Scan<'a> {
    fn next_number(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            let began = self.at;
            self.at += 1;
            if self.path.len() > NEVER_READ {
                return None;
            }
            match byte {
                b'"' => self.pass_string(began),
                b'{' => self.path.push(Place::Key((0, 0))),
                b'[' => self.path.push(Place::Index(0)),
                b'}' | b']' => drop(self.path.pop()),
                b':' => {
                    if let Some(Place::Key(key)) = self.path.last_mut() {
                        *key = self.last;
                    }
                }
                b',' => {
                    if let Some(Place::Index(index)) = self.path.last_mut() {
                        *index += 1;
                    }
                }
                b'-' | b'0'..=b'9' => {
                    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                    self.at = began + bytes[began..].iter().take_while(is_part).count();
                    return self.text.get(began..self.at);
                }
                _ => {}
            }
        }
        None
    }

    fn pass_string(&mut self, began: usize) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
        self.last = (began, self.at);
    }

    /// The path of where one is, such as `metadata.sizes[2]`.
    fn field(&self, above: &str) -> String {
        let mut field = above.to_owned();
        for place in &self.path {
            match place {
                Place::Index(index) => field.push_str(&format!("[{index}]")),
                Place::Key((from, to)) => {
                    let key = self.text.get(*from..*to).and_then(|key| serde_json::from_str::<String>(key).ok());
                    let dot = if field.is_empty() { "" } else { "." };
                    field.push_str(&format!("{dot}{}", key.unwrap_or_default()));
                }
            }
        }
        if field.is_empty() { "(body)".to_owned() } else { field }
    }
}
