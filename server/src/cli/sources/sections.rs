//! Files of sections: `[Title]` and `Key = value`, with the line of each. Pure.
//!
//! Our own reader, as no kept library keeps the lines, which every remark names.

/// A section.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// Counted from 1.
    pub line: usize,
    /// Without its brackets.
    pub title: String,
    /// In order; a key may come several times.
    pub settings: Vec<Setting>,
}

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Counted from 1.
    pub line: usize,
    /// As it is written.
    pub key: String,
    /// Trimmed, with the lines that continue it.
    pub value: String,
}

impl Section {
    /// The last value of a key, whatever its case; an empty one is none.
    pub fn get(&self, key: &str) -> Option<&str> {
        let last = self.settings.iter().rev().find(|setting| setting.key.eq_ignore_ascii_case(key))?;
        Some(last.value.as_str()).filter(|value| !value.is_empty())
    }

    /// The keys that are none of these, each once, in order.
    pub fn others(&self, known: &[&str]) -> Vec<&str> {
        let mut others: Vec<&str> = Vec::new();
        for key in self.settings.iter().map(|setting| setting.key.as_str()) {
            let is_known = known.iter().chain(&others).any(|other| other.eq_ignore_ascii_case(key));
            if !is_known {
                others.push(key);
            }
        }
        others
    }
}

/// Reads sections. A line that ends with a backslash goes on in the next one that is no comment, as in systemd. What stands
/// before the first title, and what is neither title nor setting, is left out.
pub fn parse<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut goes_on = false;
    for (line, text) in lines {
        let text = text.trim();
        if text.starts_with(['#', ';']) || (text.is_empty() && !goes_on) {
            continue;
        }
        let (text, will_go_on) = text.strip_suffix('\\').map_or((text, false), |text| (text.trim_end(), true));
        let last = sections.last_mut().and_then(|section| section.settings.last_mut());
        if let Some(setting) = last.filter(|_| goes_on) {
            setting.value = format!("{} {}", setting.value, text).trim().to_owned();
        } else if let Some(title) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            sections.push(Section { line, title: title.trim().to_owned(), settings: Vec::new() });
        } else if let (Some(section), Some((key, value))) = (sections.last_mut(), text.split_once('=')) {
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            section.settings.push(Setting { line, key, value });
        } else {
            continue;
        }
        goes_on = will_go_on;
    }
    sections
}

/// The lines of a text with their numbers.
pub fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_with_their_lines() {
        let text =
            "lost=1\n[A \"b\"]\n# comment\nkey = one\nKEY=two \\\n; comment\n  three\nnonsense\nempty=\n[C]\n=x\n";
        let sections = parse(numbered(text));
        let titles: Vec<_> = sections.iter().map(|section| (section.line, section.title.as_str())).collect();
        assert_eq!(titles, [(2, "A \"b\""), (10, "C")]);
        assert_eq!(sections[0].get("Key"), Some("two three"));
        assert_eq!((sections[0].get("empty"), sections[0].get("lost")), (None, None));
        assert_eq!(sections[0].settings.iter().map(|setting| setting.line).collect::<Vec<_>>(), [4, 5, 9]);
        assert_eq!(sections[0].others(&["key"]), ["empty"]);
        assert_eq!(parse(numbered("[A]\nx=1\\")), parse(numbered("[A]\nx=1")));
    }
}
