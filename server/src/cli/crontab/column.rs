//! Whether the lines of a crontab have a column with the user, as in /etc/crontab. Pure.
//!
//! Invariant: decided over the whole file, never line by line; where it cannot be told, nothing is guessed.

use super::entry::{after_schedule, variable, word};

/// What the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Schedule, user, command.
    User,
    /// Schedule, command.
    None,
    /// Every line could be either; this one, counted from 1, shows it.
    Unclear(usize),
}

/// Users that are no commands.
const USERS: [&str; 24] = [
    "root", "www-data", "nobody", "daemon", "postgres", "mysql", "nginx", "apache", "httpd", "redis", "ubuntu",
    "debian", "ec2-user", "centos", "vagrant", "jenkins", "nagios", "zabbix", "munin", "smmsp", "amavis", "logcheck",
    "_apt", "uucp",
];

/// Commands that are no users.
const COMMANDS: [&str; 46] = [
    "awk",
    "bash",
    "bundle",
    "cat",
    "cd",
    "certbot",
    "chmod",
    "chown",
    "cp",
    "curl",
    "date",
    "docker",
    "echo",
    "env",
    "exec",
    "export",
    "find",
    "flock",
    "git",
    "if",
    "ionice",
    "java",
    "kill",
    "make",
    "mkdir",
    "mv",
    "nice",
    "node",
    "nohup",
    "npm",
    "perl",
    "php",
    "printf",
    "python",
    "python3",
    "rm",
    "rsync",
    "ruby",
    "run-parts",
    "sh",
    "sleep",
    "sudo",
    "test",
    "timeout",
    "touch",
    "wget",
];

/// Looks at every line that has a schedule.
pub fn recognise(text: &str) -> Column {
    let (mut is_user, mut unclear) = (false, None);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            match legend(comment) {
                Some(true) => return Column::User,
                Some(false) => return Column::None,
                None => continue,
            }
        }
        if line.is_empty() || variable(line).is_some() {
            continue;
        }
        let Some(rest) = after_schedule(line) else { continue };
        let (first, after) = word(rest);
        let second = word(after).0;
        if !could_be_user(first) || second.is_empty() || (second.starts_with('-') && !is_flag(second)) {
            return Column::None;
        }
        is_user |= USERS.contains(&first);
        if is_command(second) {
            unclear = unclear.or(Some(index + 1));
        }
    }
    match unclear {
        _ if is_user => Column::User,
        Some(line) => Column::Unclear(line),
        None => Column::None,
    }
}

/// What the names of the columns say, where a comment has them: whether one is the user's.
fn legend(comment: &str) -> Option<bool> {
    let words: Vec<String> = comment.split_whitespace().map(str::to_lowercase).collect();
    let begins = words.first().is_some_and(|word| matches!(word.as_str(), "m" | "min" | "minute" | "mi" | "*"));
    let user = words.iter().position(|word| matches!(word.as_str(), "user" | "user-name" | "username" | "who"));
    let command = words.iter().position(|word| matches!(word.as_str(), "command" | "cmd" | "what"));
    match (user, command) {
        _ if !begins || words.len() > 12 => None,
        (Some(user), Some(command)) => Some(user < command),
        (None, Some(5..)) => Some(false),
        _ => None,
    }
}

fn could_be_user(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    begins && text.chars().all(is_rest) && text.len() <= 32 && !COMMANDS.contains(&text) && !text.ends_with(".sh")
}

/// A word that begins a command and is no argument of one, as far as a word can tell: a path may be either.
fn is_command(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or(text);
    text.starts_with(['/', '[', '(', '{', '.', '~', '$']) || COMMANDS.contains(&name) || variable(text).is_some()
}

fn is_flag(text: &str) -> bool {
    text.len() > 1 && text[1..].chars().all(|c| matches!(c, 'n' | 'q' | 's'))
}

#[cfg(test)]
mod tests {
    use super::Column::{None, Unclear, User};
    use super::*;

    #[test]
    fn the_column_is_recognised_over_the_whole_file() {
        let rows = [
            ("", None),
            ("0 1 * * * root /x", User),
            ("0 1 * * * deploy /opt/x\n0 2 * * * root /y", User),
            ("0 1 * * * deploy /opt/x\n0 2 * * * /y", None),
            ("0 1 * * * deploy /opt/x", Unclear(1)),
            ("A=b\n\n0 1 * * * deploy cd /opt\n@daily shop php x.php", Unclear(3)),
            ("# m h dom mon dow user\tcommand\n0 1 * * * deploy /opt/x", User),
            ("# m h  dom mon dow   command\n0 1 * * * backup /srv", None),
            ("# *  *  *  *  * user-name command to be executed\n0 1 * * * deploy run", User),
            ("0 1 * * * backup --full", None),
            ("0 1 * * * mytool import now", None),
            ("0 1 * * * php /srv/a.php", None),
            ("0 1 * * * www-data -n php /srv/a.php", User),
            ("-*/15 * * * * www-data test -x /x", User),
            ("@daily postgres vacuumdb -a", User),
            ("0 1 * * * ./run.sh /x", None),
            ("0 1 * * * A=b run /x", None),
            ("0 1 * * * backup", None),
            ("0 0 3 * * MON-FRI /opt/x", None),
            ("61 x", None),
        ];
        for (text, expected) in rows {
            assert_eq!(recognise(text), expected, "{text}");
        }
    }
}
