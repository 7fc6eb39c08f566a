//! Names for the tasks of a crontab, which has none: the command says what they are about.
//!
//! Invariant: the same crontab gives the same names, so that a second import finds the tasks of the first. A comment is never
//! a name: it may be about anything.

use super::shell;
use std::collections::BTreeSet;

/// A longer text is no name.
const LONGEST: usize = 80;

/// A command inside a command inside a command is as far as it looks.
const DEEPEST: usize = 3;

/// Before the command that is meant; with its options that take a word of their own, and how many words follow them.
const HELPERS: [(&str, &str, usize); 31] = [
    ("then", "", 0),
    ("do", "", 0),
    ("else", "", 0),
    ("if", "", 0),
    ("elif", "", 0),
    ("while", "", 0),
    ("until", "", 0),
    ("!", "", 0),
    ("{", "", 0),
    ("}", "", 0),
    ("(", "", 0),
    (")", "", 0),
    ("exec", "a", 0),
    ("env", "uC", 0),
    ("nohup", "", 0),
    ("time", "fo", 0),
    ("command", "", 0),
    ("builtin", "", 0),
    ("eval", "", 0),
    ("chronic", "", 0),
    ("cronic", "", 0),
    ("setsid", "", 0),
    ("sudo", "ugCDhprTU", 0),
    ("doas", "uC", 0),
    ("nice", "n", 0),
    ("ionice", "cnp", 0),
    ("chrt", "TPD", 1),
    ("timeout", "ks", 1),
    ("flock", "wEc", 1),
    ("systemd-cat", "tp", 0),
    ("stdbuf", "ioe", 0),
];

/// Run what their first argument names; `-c` is followed by the command itself.
const INTERPRETERS: [&str; 15] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "su", "perl", "php", "python", "ruby", "node", "nodejs", "java", "pwsh",
];

/// Only make way for the next command, or say something.
const WEAK: [&str; 22] = [
    "cd", "test", "[", "[[", "export", "set", "unset", "umask", "ulimit", "sleep", "true", "false", ":", "wait",
    "trap", "echo", "printf", "fi", "done", "esac", "date", "exit",
];

/// Commands whose name needs the words that follow, up to this number.
const WITH_WORDS: [(&str, usize); 27] = [
    ("run-parts", 1),
    ("make", 1),
    ("npm", 2),
    ("yarn", 2),
    ("pnpm", 2),
    ("docker", 2),
    ("docker-compose", 2),
    ("podman", 2),
    ("kubectl", 2),
    ("systemctl", 2),
    ("service", 2),
    ("git", 1),
    ("aws", 2),
    ("artisan", 1),
    ("console", 1),
    ("manage.py", 1),
    ("occ", 1),
    ("rake", 1),
    ("bundle", 2),
    ("drush", 1),
    ("wp", 2),
    ("certbot", 1),
    ("borg", 1),
    ("restic", 1),
    ("rclone", 1),
    ("flatpak", 1),
    ("apt-get", 1),
];

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

/// What a command is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Subject {
    /// A name for a task of it; none if it says nothing.
    pub name: Option<String>,
    /// It is a call by curl or wget.
    pub is_http_call: bool,
}

/// Looks for the command that is meant: behind brackets, tests, variables, helpers such as `nice`, interpreters.
pub fn subject(command: &str) -> Subject {
    let found = look(command, DEEPEST);
    let is_http_call = matches!(&found, Some((name, true)) if name == "curl" || name == "wget" || is_call(name));
    let name = found.map(|(name, _)| shortened(name.replace(char::is_control, " ").trim(), LONGEST));
    Subject { name: name.filter(|name| name.chars().any(char::is_alphanumeric)), is_http_call }
}

fn is_call(name: &str) -> bool {
    name.starts_with("curl ") || name.starts_with("wget ")
}

/// The name, and whether it is a good one. A weak one stands where there is no other.
fn look(command: &str, depth: usize) -> Option<(String, bool)> {
    let mut weak = None;
    for words in shell::commands(command) {
        match main(&words, depth) {
            Some((name, true)) => return Some((name, true)),
            Some(found) => weak = weak.or(Some(found)),
            None => {}
        }
    }
    weak
}

/// What one simple command is about.
fn main(words: &[String], depth: usize) -> Option<(String, bool)> {
    let mut words = words;
    loop {
        let (first, rest) = words.split_first()?;
        let name = base(first);
        if let Some((_, valued, more)) = HELPERS.iter().find(|(helper, ..)| *helper == name) {
            words = match after_options(rest, valued) {
                (Some(inner), _) if name == "flock" && depth > 0 => return look(inner, depth - 1),
                (_, rest) => rest.get(*more..).unwrap_or_default(),
            };
        } else if super::entry::variable(first).is_some() || is_variable(first) {
            words = rest;
        } else if name == "." || name == "source" {
            return None;
        } else if is_interpreter(&name) {
            return interpreted(&name, rest, depth);
        } else if WEAK.contains(&name.as_str()) {
            return Some((name, false));
        } else if name.is_empty() {
            return None;
        } else {
            return Some((with_words(name, rest), true));
        }
    }
}

/// What an interpreter is to run.
fn interpreted(name: &str, rest: &[String], depth: usize) -> Option<(String, bool)> {
    let weak = Some((name.to_owned(), false));
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let text = word.as_str();
        let is_short = text.starts_with('-') && !text.starts_with("--") && text.len() > 1;
        match text {
            "-m" | "-jar" => return words.next().map(|word| (base(word), true)).or(weak),
            "-e" | "-r" | "-n" | "-x" if matches!(name, "perl" | "php" | "ruby" | "node") && text != "-x" => {
                return weak;
            }
            "-" => {}
            _ if is_short && text.ends_with('c') && !matches!(name, "perl" | "php" | "ruby") => {
                let inner = words.next().filter(|_| depth > 0).and_then(|word| look(word, depth - 1));
                return inner.filter(|_| !name.starts_with("python")).or(weak);
            }
            _ if text.starts_with(['-', '+']) || super::entry::variable(text).is_some() => {}
            // The user that su becomes.
            _ if name == "su" => {}
            _ => {
                let rest = words.as_slice();
                let name = base(text);
                return if name.is_empty() { weak } else { Some((with_words(name, rest), true)) };
            }
        }
    }
    weak
}

fn is_interpreter(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&plain)
}

/// What follows the options; with the word of `-c`, if it is one of those that take one.
fn after_options<'a>(words: &'a [String], valued: &str) -> (Option<&'a String>, &'a [String]) {
    let (mut rest, mut inner) = (words, None);
    while let Some((first, after)) = rest.split_first().filter(|(first, _)| first.starts_with('-')) {
        let takes = first.len() == 2 && first.chars().nth(1).is_some_and(|letter| valued.contains(letter));
        if first == "-c" {
            inner = after.first();
        }
        rest = after.get(usize::from(takes)..).unwrap_or_default();
    }
    // flock LOCK -c COMMAND
    let late = rest.iter().position(|word| word == "-c").filter(|_| valued.contains('c'));
    (inner.or_else(|| late.and_then(|at| rest.get(at + 1))), rest)
}

/// Adds the arguments of a command whose name says nothing; of a URL only the host, because the rest may be a secret.
fn with_words(name: String, rest: &[String]) -> String {
    if matches!(name.as_str(), "curl" | "wget") {
        let host = rest.iter().find_map(|word| host(word));
        return host.map_or(name.clone(), |host| format!("{name} {host}"));
    }
    let many = WITH_WORDS.iter().find(|(command, _)| *command == name).map_or(0, |(_, many)| *many);
    let is_plain =
        |word: &&String| word.chars().all(|c| c.is_alphanumeric() || "/._:@+-".contains(c)) && !word.starts_with('-');
    let words = rest.iter().skip_while(|word| word.starts_with('-')).take(many).take_while(is_plain);
    words.fold(name, |name, word| format!("{name} {word}"))
}

fn host(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    (!host.is_empty() && host.chars().all(is_host)).then_some(host)
}

/// `$PHP`, which says nothing; `$BIN/backup` does.
fn is_variable(text: &str) -> bool {
    text.starts_with('$') && !text.contains('/')
}

/// The last part of a path.
fn base(text: &str) -> String {
    text.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default().to_owned()
}

/// The text, cut to this number of characters.
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
