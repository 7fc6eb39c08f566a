//! The fields of an expression: their names, their numbers, and how one element of a list is read.
//!
//! Invariant: whatever is not understood completely is refused, with what is wrong with it. Errors are the words behind
//! `minute "61": `.

use super::values::Values;

/// One of the six fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub name: &'static str,
    pub low: u32,
    /// The highest number; 6 for the day of the week, where 7 is Sunday too.
    pub high: u32,
    names: &'static [&'static str],
    /// A range may go past the end: `22-2`, `NOV-FEB`, `FRI-MON`.
    wraps: bool,
    pub allowed: &'static str,
    /// How long a step is called.
    unit: &'static str,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const SECOND: Part = Part {
    name: "second",
    low: 0,
    high: 59,
    names: &[],
    wraps: false,
    allowed: "0-59, *, a-b, */n, a-b/n and lists of these",
    unit: "s",
};
pub(super) const MINUTE: Part = Part { name: "minute", unit: "m", ..SECOND };
pub(super) const HOUR: Part = Part {
    name: "hour",
    high: 23,
    wraps: true,
    allowed: "0-23, *, a-b, */n, a-b/n and lists of these",
    unit: "h",
    ..SECOND
};
pub(super) const DAY: Part = Part {
    name: "day of month",
    low: 1,
    high: 31,
    names: &[],
    wraps: false,
    allowed: "1-31, *, a-b, */n, a-b/n, L, L-n, LW, 15W and lists of these",
    unit: "d",
};
pub(super) const MONTH: Part = Part {
    name: "month",
    low: 1,
    high: 12,
    names: MONTHS,
    wraps: true,
    allowed: "1-12 or JAN-DEC, *, a-b, */n, a-b/n and lists of these",
    unit: "",
};
pub(super) const WEEKDAY: Part = Part {
    name: "day of week",
    low: 0,
    high: 6,
    names: WEEKDAYS,
    wraps: true,
    allowed: "0-7 or SUN-SAT (0 and 7 are Sunday), *, a-b, */n, a-b/n, FRIL, MON#2 and lists of these",
    unit: "",
};

/// A range of a list: a star, a number, `a-b`, each with or without a step.
pub(super) struct Range {
    pub values: Values,
    /// Set for a star, and for a step from the lowest number (`0/5`), which says the same: its step.
    pub star: Option<u32>,
}

impl Part {
    /// Reads `*`, `*/n`, `a`, `a/n`, `a-b` or `a-b/n`, in capital letters.
    pub(super) fn range(&self, text: &str, numbers: Numbers) -> Result<Range, String> {
        let (body, step) = match text.split_once('/') {
            Some((body, step)) => (body, Some(self.step(step, body.contains('-'))?)),
            None => (text, None),
        };
        let width = step.unwrap_or(1);
        if body == "*" {
            return Ok(self.span(self.low, self.high, width).starred(width));
        }
        let Some((from, to)) = body.split_once('-') else {
            let from = self.number(body, numbers)?;
            let range = self.span(from, if step.is_some() { self.high } else { from }, width);
            let is_star = step.is_some() && from == self.low && self.high > 12 && self.low == 0;
            return Ok(if is_star { range.starred(width) } else { range });
        };
        let (from, to) = (self.end(from, numbers)?, self.end(to, numbers)?);
        if from > to && !self.wraps {
            let (low, high) = (self.low, self.high);
            return Err(format!("the range runs backwards: write {from}-{high},{low}-{to} if that is meant"));
        }
        Ok(self.span(from, to, width))
    }

    /// The values from `from` to `to`, past the end of the field where `to` is smaller.
    fn span(&self, from: u32, to: u32, step: u32) -> Range {
        let size = self.high - self.low + 1;
        let last = if to < from { to + size } else { to };
        let values = (from..=last).step_by(step as usize).map(|value| (value - self.low) % size + self.low).collect();
        Range { values, star: None }
    }

    /// A step; one that is longer than the field has no meaning without a range.
    fn step(&self, text: &str, has_range: bool) -> Result<u32, String> {
        let size = self.high - self.low + 1;
        match digits(text) {
            Some(0) => Err("a step must be at least 1".to_owned()),
            Some(step) if step <= size || has_range => Ok(step),
            Some(step) if !self.unit.is_empty() => {
                Err(format!("the step {step} is longer than the field: write @every {step}{} instead", self.unit))
            }
            Some(step) => Err(format!("the step {step} is longer than the field")),
            None => Err(format!("the step \"{text}\" is not a number")),
        }
    }

    /// A number or a name of this field.
    pub(super) fn number(&self, text: &str, numbers: Numbers) -> Result<u32, String> {
        let value = self.end(text, numbers)?;
        Ok(if *self == WEEKDAY && value == 7 { 0 } else { value })
    }

    /// The same at an end of a range, where 7 stays behind Saturday.
    fn end(&self, text: &str, numbers: Numbers) -> Result<u32, String> {
        if let Some(index) = self.names.iter().position(|name| *name == text) {
            return Ok(index as u32 + self.low);
        }
        let (low, high) = match (*self == WEEKDAY, numbers) {
            (false, _) => (self.low, self.high),
            (true, Numbers::FromSunday1) => (1, 7),
            (true, _) => (0, 7),
        };
        match digits(text) {
            Some(_) if *self == WEEKDAY && numbers == Numbers::Refused => Err(format!(
                "beside ? the number {text} is ambiguous (Quartz counts from SUN = 1): write the weekday as a name"
            )),
            Some(value) if (low..=high).contains(&value) => {
                Ok(if *self == WEEKDAY && numbers == Numbers::FromSunday1 { value - 1 } else { value })
            }
            Some(value) => Err(format!("{value} is not between {low} and {high}")),
            None => Err(self.misplaced(text)),
        }
    }

    /// What is wrong with a text that is neither a number nor a name of this field.
    fn misplaced(&self, text: &str) -> String {
        let letters = text.trim_matches(|c: char| !c.is_ascii_alphabetic());
        match letters {
            "" if text.is_empty() => "a number is missing".to_owned(),
            "H" => "H is Jenkins' hash: write a number".to_owned(),
            _ if text.contains('~') => "~ is OpenBSD's random value: write a number".to_owned(),
            _ if text.contains('?') => "? belongs only in a day field, and alone".to_owned(),
            _ if text.starts_with('+') && *self == WEEKDAY => {
                "+ is not needed: two day fields are joined by AND when one of them begins with *".to_owned()
            }
            _ if text.contains(['–', '—', '−']) => "write a range with a plain hyphen (-)".to_owned(),
            letters if letters != text && self.names.contains(&letters) => {
                format!("\"{text}\" mixes a name with something else")
            }
            letters if MONTHS.contains(&letters) => format!("{letters} is a month and belongs in the month field"),
            letters if WEEKDAYS.contains(&letters) => {
                format!("{letters} is a day of the week and belongs in the last field")
            }
            _ => format!("\"{text}\" is not a value of this field"),
        }
    }
}

impl Range {
    fn starred(self, step: u32) -> Self {
        Self { star: Some(step), ..self }
    }
}

/// What the numbers in the day-of-week field mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// 0 to 7, Sunday is 0 and 7.
    FromSunday0,
    /// 1 to 7, Sunday is 1: inside EventBridge's `cron(…)`.
    FromSunday1,
    /// Beside a `?`, which is Quartz, where Sunday is 1: too easy to get wrong.
    Refused,
}

/// A plain decimal number of at most three digits.
pub(super) fn digits(text: &str) -> Option<u32> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
