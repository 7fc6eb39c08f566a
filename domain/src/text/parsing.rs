//! Checks text that a client sent. Called by the drafts, by the lists that can be searched, and by the CLI, which compares
//! names.

use super::reorders;
use crate::error::{FieldError, ProblemKind, Refusal};
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfd};

/// Characters of a name at most.
const LONGEST_NAME: usize = 255;

/// `text` in NFC, the form in which names are stored and compared.
#[must_use]
pub fn composed(text: &str) -> String {
    if is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

/// `text` in NFD, if that differs: names that were stored by version 0.1.0 may have this form.
#[must_use]
pub fn decomposed(text: &str) -> Option<String> {
    (!is_nfd(text)).then(|| text.nfd().collect())
}

/// A name: 1 to 255 characters in NFC, without surrounding space, control characters, or characters that cannot be seen.
///
/// # Errors
/// What is allowed, for `field`.
pub fn parse_name(field: &str, text: &str) -> Result<String, FieldError> {
    let name = composed(text.trim());
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(is_control) {
        return Err(FieldError::new(field, "must have 1 to 255 characters and no control characters"));
    }
    if let Some(c) = name.chars().find(|c| reorders(*c)) {
        let message =
            format!("must not contain U+{:04X}, which changes the direction of the text around it", u32::from(c));
        return Err(FieldError::new(field, message));
    }
    if let Some(c) = name.chars().find(|c| hides(*c)) {
        let message = format!("must not contain U+{:04X}, which is invisible", u32::from(c));
        return Err(FieldError::new(field, message));
    }
    if !name.chars().any(|c| !c.is_whitespace() && !is_invisible(c)) {
        return Err(FieldError::new(field, "must contain a visible character"));
    }
    Ok(name)
}

/// A longer text of at most `max` characters; NUL, which Postgres cannot store, is refused.
///
/// # Errors
/// What is allowed, for `field`.
pub fn parse_text(field: &str, text: &str, max: usize) -> Result<String, FieldError> {
    let text = text.trim();
    if text.chars().count() > max || text.contains('\0') {
        return Err(FieldError::new(field, format!("must have at most {max} characters and no NUL")));
    }
    Ok(text.to_owned())
}

/// What is searched for, in NFC. `None` only where the parameter is absent or empty: a search that cannot be made is refused,
/// and never lists everything.
///
/// # Errors
/// [`ProblemKind::InvalidRequest`] naming `search`.
pub fn parse_search(text: Option<&str>) -> Result<Option<String>, Refusal> {
    let refuse = |message| Refusal::fields(ProblemKind::InvalidRequest, vec![FieldError::new("search", message)]);
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().any(is_control) {
        return Err(refuse("must not contain control characters"));
    }
    let part = composed(text.trim());
    if part.chars().all(is_invisible) {
        return Err(refuse("must contain a visible character, or be left out to list everything"));
    }
    Ok(Some(part))
}

/// Control characters, and the separators that break a line.
const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}')
}

/// True for a character that cannot be seen and that no writing needs, such as U+200B.
#[must_use]
pub const fn hides(c: char) -> bool {
    is_invisible(c) && !shapes_its_neighbours(c)
}

/// Characters without a shape of their own: `Default_Ignorable_Code_Point` of Unicode, and the blank pattern of Braille.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Invisible characters that writing needs: joiners (Persian, emoji), direction marks, variation selectors, fillers of old
/// Hangul, vowels of Khmer, the tags of flags.
const fn shapes_its_neighbours(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180d}'
        | '\u{180f}' | '\u{200c}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}'
        | '\u{e0100}'..='\u{e01ef}')
}
