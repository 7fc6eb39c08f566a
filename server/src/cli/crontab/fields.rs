//! The five fields of a line: what cron understands of them, written as our expressions. Pure.

use super::entry::word;

/// Lowest and highest value of each field, and the names that stand for values.
const BOUNDS: [(u32, u32, &[&str]); 5] = [
    (0, 59, &[]),
    (0, 23, &[]),
    (1, 31, &[]),
    (1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    (0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// The fields of a line, and what follows them.
///
/// # Errors
/// Why they are no schedule of a crontab.
pub fn split(text: &str, is_system: bool) -> Result<(Vec<String>, &str), String> {
    if text.starts_with(['&', '!', '%']) {
        return Err("it is a line of fcron, whose schedules a crontab does not have".to_owned());
    }
    let (mut fields, mut rest) = (Vec::new(), text);
    while fields.len() < 5 {
        let (field, after) = word(rest);
        if field.is_empty() {
            return Err(format!("it has {} of the 5 fields of a schedule", fields.len()));
        }
        fields.push(field.to_owned());
        rest = after;
    }
    if is_number(&fields[0]) && is_number(&fields[1]) && is_job_id(&fields[2]) {
        return Err("it is a line of an anacrontab (period, delay, name, command), not of a crontab".to_owned());
    }
    fields.iter().try_for_each(|field| check(field))?;
    if let Some(sixth) = sixth_field(rest, is_system) {
        let five = [&fields[1..], &[sixth.to_owned()]].concat().join(" ");
        let way_out = format!("if the first one is the seconds, write it without: {five}");
        return Err(format!("it has more than the 5 fields of a schedule in a crontab; {way_out}"));
    }
    Ok((fields, rest))
}

/// Puts a value in the place of each `~` (OpenBSD, cronie), which is a random one that cron picks when it starts: one that
/// `seed` decides, so that a second import gives the same. Returns the phrases that say so.
pub fn settle_random(fields: &mut [String], seed: &str) -> Result<Vec<String>, String> {
    let mut said = Vec::new();
    for (index, field) in fields.iter_mut().enumerate().filter(|(_, field)| field.contains('~')) {
        let elements = field.split(',').enumerate().map(|(place, element)| {
            let salt = format!("{index}/{place}/{seed}");
            settle(element, BOUNDS[index], &salt).ok_or_else(|| format!("“{element}” is no random range such as 0~30"))
        });
        let settled = elements.collect::<Result<Vec<_>, _>>()?.join(",");
        said.push(format!("“{field}” is a random value that cron picks when it starts; here it is always {settled}"));
        *field = settled;
    }
    Ok(said)
}

fn settle(element: &str, (least, most, names): (u32, u32, &[&str]), salt: &str) -> Option<String> {
    let Some((low, high)) = element.split_once('~') else { return Some(element.to_owned()) };
    let (high, step) = high.split_once('/').map_or((high, None), |(high, step)| (high, Some(step)));
    let value = |text: &str, default: u32| match text {
        "" => Some(default),
        _ => text
            .parse()
            .ok()
            .or_else(|| names.iter().position(|name| text.eq_ignore_ascii_case(name)).map(|at| at as u32 + least)),
    };
    let (low, high) = (value(low, least)?, value(high, most)?);
    // Cron knows Sunday as 7, too.
    if low > high || low < least || high > most.max(if most == 6 { 7 } else { 0 }) {
        return None;
    }
    let Some(step) = step else { return Some((low + hash(salt) % (high - low + 1)).to_string()) };
    let step: u32 = step.parse().ok().filter(|step| (1..=high - low + 1).contains(step))?;
    Some(format!("{}-{high}/{step}", low + hash(salt) % step))
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Ours allows more than cron: what cron would refuse, nobody has meant.
fn check(field: &str) -> Result<(), String> {
    let is_of_cron = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '-' | '~');
    if field.starts_with('H') && !field.starts_with("HO") {
        return Err(format!(
            "“{field}” is no field of a crontab: H is Jenkins' word for any value; write one, or a range"
        ));
    }
    if field.contains(['?', '#']) {
        let advice = if field == "?" { "write *" } else { "a crontab has nothing like it" };
        return Err(format!("“{field}” is no field of a crontab: it is of Quartz; {advice}"));
    }
    if !field.chars().all(is_of_cron) {
        return Err(format!("“{field}” is no field of a schedule"));
    }
    let from_value = |element: &&str| element.split_once('/').is_some_and(|(from, _)| is_number(from));
    if let Some((from, step)) = field.split(',').find(from_value).and_then(|element| element.split_once('/')) {
        let advice = format!("write {from} or a range with its end, such as {from}-59/{step}");
        return Err(format!("“{from}/{step}” means different things to different crons; {advice}"));
    }
    Ok(())
}

/// True for a word that can only be a field: stars, numbers, ranges, names of days and months.
pub fn is_field(text: &str) -> bool {
    let is_part = |part: &str| part.is_empty() || part == "?" || part == "*" || is_number(part) || is_name(part);
    let says_something = text.contains(|c: char| c.is_alphanumeric() || matches!(c, '*' | '?'));
    says_something && text.split([',', '-', '/', '~']).all(is_part)
}

/// The first word after five fields, if it is one more field and nothing that could be a user or a command.
fn sixth_field(rest: &str, is_system: bool) -> Option<&str> {
    let (next, after) = word(rest);
    // mon, sun, … may be the name of a user or of a command.
    let is_word = is_name(next) && next.chars().all(|c| c.is_ascii_lowercase());
    (is_field(next) && !(is_word && (is_system || after.is_empty()))).then_some(next)
}

fn is_name(text: &str) -> bool {
    BOUNDS.iter().any(|(.., names)| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `cron.daily`, as an anacrontab names its jobs.
pub(super) fn is_job_id(text: &str) -> bool {
    text.contains('.') && text.starts_with(|c: char| c.is_ascii_alphabetic())
}
