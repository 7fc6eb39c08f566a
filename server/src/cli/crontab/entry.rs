//! One line of a crontab: when, as whom, what. The rules are those of Vixie's cron, which all others follow.

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, as our expressions say it.
    pub expression: String,
    /// As whom, in a system's crontab.
    pub user: Option<String>,
    /// What the shell is told.
    pub command: String,
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

/// Reads a line that is no comment and no variable.
///
/// # Errors
/// Why it cannot be a task.
pub fn parse(text: &str, is_system: bool) -> Result<Entry, String> {
    let (expression, rest) = if text.starts_with('@') { nickname(text)? } else { fields(text)? };
    let (user, rest) = match word(rest) {
        (user, rest) if is_system && !user.is_empty() => (Some(user.to_owned()), rest),
        _ => (None, rest),
    };
    let command = command(rest)?;
    if command.is_empty() {
        let what = if is_system { "a user and a command" } else { "a command" };
        return Err(format!("it needs {what} after the schedule"));
    }
    if !is_system && word(&command).0 == "root" {
        return Err("it begins with a user as in /etc/crontab; import it with --system".to_owned());
    }
    Ok(Entry { expression, user, command })
}

/// The first word, and what follows it.
pub fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

fn nickname(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = word(text);
    match name {
        "@midnight" => Ok(("@daily".to_owned(), rest)),
        "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@hourly" => Ok((name.to_owned(), rest)),
        "@reboot" => Err("@reboot: a task runs at times, not when a machine starts".to_owned()),
        _ => Err(format!(
            "{name} is not known; known are @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly"
        )),
    }
}

fn fields(text: &str) -> Result<(String, &str), String> {
    let (mut fields, mut rest) = (Vec::new(), text);
    while fields.len() < 5 {
        let (field, after) = word(rest);
        if field.is_empty() {
            return Err(format!("it has {} of the 5 fields of a schedule", fields.len()));
        }
        fields.push(field.to_owned());
        rest = after;
    }
    // Ours allows more: what cron would refuse, nobody has meant.
    let is_of_cron = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '-');
    if let Some(field) = fields.iter().find(|field| !field.chars().all(is_of_cron)) {
        return Err(format!("“{field}” is no field of a schedule"));
    }
    let next = word(rest).0;
    if !next.is_empty() && next.chars().all(|c| matches!(c, '*' | '/' | '0'..='9')) {
        return Err("it has more than the 5 fields of a schedule in a crontab".to_owned());
    }
    let names = ["minute", "hour", "day of month", "month", "day of week"];
    for (field, name) in fields.iter().zip(names) {
        if field.split(',').any(|element| element.split_once('/').is_some_and(|(from, _)| !from.contains(['*', '-']))) {
            return Err(format!("{name} \"{field}\": crons disagree on a step without a range; write the range too"));
        }
    }
    Ok((fields.join(" "), rest))
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
