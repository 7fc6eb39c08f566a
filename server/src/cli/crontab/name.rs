//! Names for the tasks of a crontab, which has none.
//!
//! Invariant: the same crontab gives the same names, so that a second import finds the tasks of the first.

use super::entry::word;
use std::collections::BTreeSet;

/// A longer comment is no name.
const LONGEST: usize = 80;

/// Words before the one that says what a command is about.
const PASSED_OVER: [&str; 8] = ["then", "exec", "env", "nice", "nohup", "sudo", "time", "chronic"];

/// Commands that only make way for the next one.
const LED_BY: [&str; 4] = ["cd", "test", "[", "if"];

/// Names that are taken, in small letters.
#[derive(Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The name itself, or with the first number that is free.
    pub fn take(&mut self, name: String) -> String {
        let numbered = (2..).map(|number| format!("{} ({number})", shortened(&name, 240)));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| self.0.insert(name.to_lowercase()));
        free.unwrap_or(name)
    }
}

/// The comment above a line if it is one short line, otherwise the command's first word that says something.
pub fn of(comments: &[String], command: &str, line: usize) -> String {
    if let [comment] = comments
        && comment.chars().count() <= LONGEST
    {
        return comment.trim_end_matches(['.', ':']).to_owned();
    }
    let commands = command.split(['&', ';', '|']).filter_map(first_word);
    let name = commands.clone().find(|word| !LED_BY.contains(word)).or_else(|| commands.clone().next());
    let name = name.and_then(|word| word.trim_matches(['"', '\'']).rsplit('/').find(|part| !part.is_empty()));
    let name = name.map(|name| shortened(&name.replace(char::is_control, " "), LONGEST));
    name.unwrap_or_else(|| format!("crontab line {line}"))
}

/// The first word that is no `NAME=value` and no helper such as `nice`.
fn first_word(command: &str) -> Option<&str> {
    let is_helper = |word: &str| PASSED_OVER.contains(&word) || super::entry::variable(word).is_some();
    let mut rest = command;
    loop {
        let (first, after) = word(rest);
        if first.is_empty() {
            return None;
        }
        if !is_helper(first) {
            return Some(first);
        }
        rest = after;
    }
}

/// At most so many characters.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
