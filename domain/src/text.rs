//! Text that people type: names, descriptions, searches. The one home of the rules for what it may contain.
//!
//! Names and searches are stored in Unicode's composed form (NFC), so that the same letters are the same bytes whichever
//! keyboard or file system they came from. The browser has no need for the tables: parsing happens on the server.

use std::borrow::Cow;

#[cfg(feature = "parsing")]
pub use parsing::{composed, decomposed, hides, parse_name, parse_search, parse_text};

#[cfg(feature = "parsing")]
mod parsing;

/// First strong isolate: what follows has its own direction, up to [`END_ISOLATE`].
const ISOLATE: char = '\u{2068}';
/// Pop directional isolate.
const END_ISOLATE: char = '\u{2069}';

/// True for the characters that reorder the text around them: embeddings, overrides and isolates (UAX #9).
#[must_use]
pub const fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// True for text that is written from right to left, or says that it is.
const fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// `text` for use inside a sentence or a line: its direction changes nothing around it. Most text comes back as it is; text
/// from right to left is put between isolates, and characters that reorder are shown as U+FFFD.
///
/// ```
/// use domain::text::isolated;
/// assert_eq!(isolated("Nightly backup"), "Nightly backup");
/// assert_eq!(isolated("גיבוי"), "\u{2068}גיבוי\u{2069}");
/// assert_eq!(isolated("a\u{202e}b"), "a\u{fffd}b");
/// ```
#[must_use]
pub fn isolated(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(|c| reorders(c) || is_right_to_left(c)) {
        return Cow::Borrowed(text);
    }
    let plain = text.chars().map(|c| if reorders(c) { char::REPLACEMENT_CHARACTER } else { c });
    if text.chars().any(is_right_to_left) {
        Cow::Owned(std::iter::once(ISOLATE).chain(plain).chain([END_ISOLATE]).collect())
    } else {
        Cow::Owned(plain.collect())
    }
}
