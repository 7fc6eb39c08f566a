//! One line of a crontab: when, as whom, what. The rules are those of Vixie's cron, which the others follow, and of their
//! additions: cronie and SUSE (`-` before the line), OpenBSD (`~`, flags), FreeBSD (`@every_minute`), `@every`.

use super::fields;
use crate::cli::sources::spans;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, as our expressions say it.
    pub expression: String,
    /// As whom, in a system's crontab.
    pub user: Option<String>,
    /// What the shell is told.
    pub command: String,
    /// What a task does not do as cron would, a phrase each.
    pub lost: Vec<String>,
}

/// Reads `NAME=value`, spaces and quotes as cron takes them; none when it is no such line.
pub fn variable(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = unquoted(name.trim());
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name = name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit());
    is_name.then(|| (name, unquoted(value.trim())))
}

fn unquoted(text: &str) -> &str {
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

/// When a line runs.
enum When {
    Fields(Vec<String>),
    Expression(String),
}

/// The schedule of a line, and what follows it.
fn when(text: &str, is_system: bool) -> Result<(When, &str), String> {
    // A minus sign keeps the run out of the system's log (cronie, SUSE): nothing that a task has.
    let begins = |rest: &&str| rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | '~' | '@'));
    let text = text.strip_prefix('-').filter(begins).unwrap_or(text);
    if text.starts_with('@') {
        return nickname(text).map(|(expression, rest)| (When::Expression(expression), rest));
    }
    fields::split(text, is_system).map(|(fields, rest)| (When::Fields(fields), rest))
}

/// What follows the schedule of a line; none when it has no schedule.
pub fn after_schedule(text: &str) -> Option<&str> {
    when(text, true).ok().map(|(_, rest)| rest)
}

/// Reads a line that is no comment and no variable.
///
/// # Errors
/// Why it cannot be a task.
pub fn parse(text: &str, is_system: bool) -> Result<Entry, String> {
    let (when, rest) = when(text, is_system)?;
    let (user, rest) = match word(rest) {
        (user, rest) if is_system && !user.is_empty() => (Some(user.to_owned()), rest),
        _ => (None, rest),
    };
    let (mut lost, rest) = flags(rest)?;
    let command = command(rest)?;
    if command.is_empty() {
        let what = if is_system { "a user and a command" } else { "a command" };
        return Err(format!("it needs {what} after the schedule"));
    }
    if !is_system && word(&command).0 == "root" {
        return Err("it begins with a user as in /etc/crontab; import it with --system".to_owned());
    }
    let expression = match when {
        When::Expression(expression) => expression,
        When::Fields(mut fields) => {
            lost.extend(fields::settle_random(&mut fields, &command)?);
            fields.join(" ")
        }
    };
    Ok(Entry { expression, user, command, lost })
}

/// The first word, and what follows it.
pub fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn nickname(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = word(text);
    if fields::is_number(word(rest).0) && fields::is_job_id(word(word(rest).1).0) {
        return Err("it is a line of an anacrontab (period, delay, name, command), not of a crontab".to_owned());
    }
    match name {
        "@midnight" => Ok(("@daily".to_owned(), rest)),
        "@every_minute" => Ok(("* * * * *".to_owned(), rest)),
        "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@hourly" => Ok((name.to_owned(), rest)),
        "@every" => {
            let (length, rest) = word(rest);
            let seconds =
                spans::go(length).ok_or_else(|| format!("@every takes a time such as 1h30m, not “{length}”"))?;
            Ok((spans::every(seconds), rest))
        }
        "@reboot" => Err("@reboot: a task runs at times, not when a machine starts".to_owned()),
        _ if fields::is_number(&name[1..]) => {
            Err(format!("{name} counts from the end of the run before (FreeBSD); write @every {}s", &name[1..]))
        }
        "@" => Err("@ begins a line of fcron, or a nickname such as @daily".to_owned()),
        _ => Err(format!(
            "{name} is not known; known are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every"
        )),
    }
}

/// Takes the flags before a command (OpenBSD, FreeBSD, cronie): no command begins with a minus sign.
fn flags(text: &str) -> Result<(Vec<String>, &str), String> {
    let (mut lost, mut rest) = (Vec::new(), text);
    while let (flag, after) = word(rest)
        && let Some(letters) = flag.strip_prefix('-')
    {
        if letters.is_empty() || !letters.chars().all(|c| matches!(c, 'n' | 'q' | 's')) {
            return Err(format!("“{flag}” before the command is no flag that is known: -n, -q, -s"));
        }
        // -q is about the log. -s, one run at a time, is what a task does anyway.
        if letters.contains('n') {
            lost.push("-n sends mail only when a run fails; here the project's alerts do that".to_owned());
        }
        rest = after;
    }
    Ok((lost, rest))
}

/// The command as the shell gets it: `\%` is a percent sign, and a bare one begins what the command reads.
fn command(text: &str) -> Result<String, String> {
    let (mut command, mut is_escaped) = (String::new(), false);
    for c in text.trim().chars() {
        match (c, is_escaped) {
            ('%', true) => {
                command.pop();
                command.push('%');
                is_escaped = false;
            }
            ('%', false) => {
                return Err("% ends the command and begins its input, which a task does not have".to_owned());
            }
            (c, was_escaped) => {
                is_escaped = c == '\\' && !was_escaped;
                command.push(c);
            }
        }
    }
    Ok(command)
}
