//! The fields of an expression, read one by one.
//!
//! The day rule is Vixie's: when one of the day fields begins with a star, a day must satisfy both; when neither does, one of
//! them is enough.

use super::parts::{DAY, HOUR, MINUTE, MONTH, Numbers, Part, Range, SECOND, WEEKDAY, digits};
use super::values::{Days, Fields, MonthDays, Values, WeekDays};

/// The fields, and the same as croner reads them.
pub(super) struct Read {
    pub fields: Fields,
    pub pattern: String,
    /// For croner: a day must satisfy both fields.
    pub both: bool,
}

/// Reads seconds, minutes, hours, days of the month, months and days of the week.
///
/// # Errors
/// All fields that are refused, in one message.
pub(super) fn read(texts: [&str; 6], numbers: Numbers) -> Result<Read, String> {
    let mut errors = Vec::new();
    let mut refuse = |part: &Part, text: &str, what: String| {
        errors.push(format!("{} \"{text}\": {what} (allowed: {})", part.name, part.allowed));
    };
    let mut time =
        |part: &Part, text: &str| read_time(part, text).map_err(|what| refuse(part, text, what)).unwrap_or_default();
    let (seconds, minutes, hours) = (time(&SECOND, texts[0]), time(&MINUTE, texts[1]), time(&HOUR, texts[2]));
    let months = time(&MONTH, texts[4]);
    let month = read_days(texts[3]).map_err(|what| refuse(&DAY, texts[3], what)).unwrap_or_default();
    let numbers = if texts[3] == "?" && numbers == Numbers::FromSunday0 { Numbers::Refused } else { numbers };
    let week = read_weekdays(texts[5], numbers).map_err(|what| refuse(&WEEKDAY, texts[5], what)).unwrap_or_default();
    if texts[3] == "?" && texts[5] == "?" {
        refuse(&WEEKDAY, "?", "only one of the two day fields can be ?".to_owned());
    }
    if !errors.is_empty() {
        return Err(format!("cannot have {}", errors.join("; ")));
    }
    let days = Days { month, week, both: [texts[3], texts[5]].iter().any(|text| text.starts_with(['*', '?'])) };
    let fields = Fields {
        seconds: seconds.values,
        minutes: minutes.values,
        hours: hours.values,
        months: months.values,
        days,
        is_interval: [&seconds, &minutes, &hours].iter().any(|time| !time.stars.is_empty()),
    };
    let [day, weekday] = [list(month.possible(), &DAY), list(week.possible(), &WEEKDAY)];
    let times = [seconds.pattern(&SECOND), minutes.pattern(&MINUTE), hours.pattern(&HOUR)].join(" ");
    let pattern = format!("{times} {day} {} {weekday}", list(months.values, &MONTH));
    // A field with every day in it does not restrict the other one only where it began with a star.
    Ok(Read { fields, pattern: if days.both { pattern } else { restricted(&pattern) }, both: days.both })
}

/// Seconds, minutes, hours or months: the values, and the steps of its stars.
#[derive(Default)]
struct Time {
    values: Values,
    stars: Vec<u32>,
}

fn read_time(part: &Part, text: &str) -> Result<Time, String> {
    let mut time = Time::default();
    for element in elements(text)? {
        let Range { values, star } = part.range(&element, Numbers::FromSunday0)?;
        values.iter().for_each(|value| time.values.insert(value));
        time.stars.extend(star);
    }
    Ok(time)
}

impl Time {
    /// Croner tells an interval by its star, so that stays.
    fn pattern(&self, part: &Part) -> String {
        let stars = self.stars.iter().map(|step| if *step == 1 { "*".to_owned() } else { format!("*/{step}") });
        let listed = self.values.iter().map(|value| value.to_string());
        if self.values.is_full(part.low, part.high) && !self.stars.is_empty() {
            return "*".to_owned();
        }
        stars.chain(listed).collect::<Vec<_>>().join(",")
    }
}

/// The elements of a list, in capital letters.
fn elements(text: &str) -> Result<Vec<String>, String> {
    if text.split(',').any(str::is_empty) {
        return Err("an element of the list is empty".to_owned());
    }
    Ok(text.split(',').map(str::to_ascii_uppercase).collect())
}

fn read_days(text: &str) -> Result<MonthDays, String> {
    let mut days = MonthDays::default();
    if text == "?" {
        return Ok(MonthDays { plain: (1..=31).collect(), ..days });
    }
    for element in elements(text)? {
        match element.as_str() {
            "L" => days.before_last.insert(0),
            "LW" => days.last_weekday = true,
            special if special.starts_with("L-") => match digits(&special[2..]) {
                Some(before @ 1..=30) => days.before_last.insert(before),
                _ => return Err("after L- there must be a number from 1 to 30".to_owned()),
            },
            special if special.ends_with('W') => {
                days.nearest.insert(DAY.number(&special[..special.len() - 1], Numbers::FromSunday0)?);
            }
            plain => {
                DAY.range(plain, Numbers::FromSunday0)?.values.iter().for_each(|day| days.plain.insert(day));
            }
        }
    }
    Ok(days)
}

fn read_weekdays(text: &str, numbers: Numbers) -> Result<WeekDays, String> {
    let mut days = WeekDays::default();
    if text == "?" {
        return Ok(WeekDays { plain: (0..=6).collect(), ..days });
    }
    for element in elements(text)? {
        if element == "L" {
            return Err("L needs a weekday: FRIL is the last Friday of the month, SAT is every Saturday".to_owned());
        }
        if let Some((day, nth)) = element.split_once('#') {
            let nth = digits(nth).filter(|nth| (1..=5).contains(nth));
            let nth = nth.ok_or("after # there must be a number from 1 to 5")?;
            days.nth[nth as usize - 1].insert(WEEKDAY.number(day, numbers)?);
        } else if let Some(day) = element.strip_suffix('L') {
            days.last.insert(WEEKDAY.number(day, numbers)?);
        } else {
            let range = WEEKDAY.range(&element, numbers)?;
            range.values.iter().for_each(|day| days.plain.insert(day));
        }
    }
    Ok(days)
}

/// The values one by one, or a star where that are all.
fn list(values: Values, part: &Part) -> String {
    if values.is_full(part.low, part.high) {
        return "*".to_owned();
    }
    values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(",")
}

/// Where either day field is enough, one that has every day in it makes every day fit.
fn restricted(pattern: &str) -> String {
    let mut parts: Vec<&str> = pattern.split(' ').collect();
    if parts[3] == "*" || parts[5] == "*" {
        (parts[3], parts[5]) = ("*", "*");
    }
    parts.join(" ")
}
