//! Schedules of robfig/cron, the library behind Kubernetes and Ofelia, written as our expressions. Pure.

use super::spans;

/// Which version of the library reads a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Of Ofelia: six fields with seconds first; a day field that begins with `*` is joined by AND, as in Vixie's cron.
    V1,
    /// Of Kubernetes: five fields; `*/2` is a list of days like any other, only `*` alone is no restriction.
    V3,
}

/// The last value of each field, from the seconds on.
const LAST: [u32; 6] = [59, 59, 23, 31, 12, 6];

/// The expression, and the zone that the schedule names itself.
///
/// # Errors
/// Why it cannot be carried over.
pub fn read(schedule: &str, version: Version) -> Result<(String, Option<&str>), String> {
    let text = schedule.trim();
    let (zone, text) = match text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) {
        Some(rest) => {
            rest.split_once(char::is_whitespace).map_or((Some(rest), ""), |(zone, rest)| (Some(zone), rest.trim()))
        }
        None => (None, text),
    };
    if let Some(length) = text.strip_prefix("@every ") {
        let seconds = spans::go(length.trim()).ok_or("@every takes a time such as 1h30m, of 1s to 366 days")?;
        return Ok((spans::every(seconds), zone));
    }
    match text {
        "@midnight" => return Ok(("@daily".to_owned(), zone)),
        "@yearly" | "@annually" | "@monthly" | "@weekly" | "@daily" | "@hourly" => return Ok((text.to_owned(), zone)),
        _ if text.starts_with('@') => return Err(format!("“{text}” is no nickname of a schedule")),
        _ => {}
    }
    let mut fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match (version, fields.len()) {
        (Version::V1, 6) => {}
        (Version::V3, 5) => fields.insert(0, "0".to_owned()),
        (Version::V1, 5) => {
            return Err(format!(
                "“{text}” has five fields: some versions of Ofelia read the first one as seconds, others as minutes; \
                 write all six, seconds first"
            ));
        }
        (Version::V1, many) => return Err(format!("“{text}” has {many} fields; Ofelia's have six, seconds first")),
        (Version::V3, many) => return Err(format!("“{text}” has {many} fields; those of Kubernetes have five")),
    }
    for (field, last) in fields.iter_mut().zip(LAST) {
        *field = field.split(',').map(|element| in_ours(element, last)).collect::<Vec<_>>().join(",");
    }
    if version == Version::V3 {
        join_days(&mut fields);
    }
    let from = usize::from(fields[0] == "0");
    Ok((fields[from..].join(" "), zone))
}

/// `?` is a star there, and `5/15` goes on to the end of the field.
fn in_ours(element: &str, last: u32) -> String {
    let element = element.replace('?', "*");
    match element.split_once('/') {
        Some((from, step)) if from != "*" && !from.contains('-') => format!("{from}-{last}/{step}"),
        _ => element,
    }
}

/// Version 3 fires on either day, also where one begins with a star; here both must fit then.
fn join_days(fields: &mut [String]) {
    let are_restricted = fields[3] != "*" && fields[5] != "*";
    for (at, whole) in [(3, "1-31/"), (5, "0-6/")] {
        // `*/1` is a plain star, even there.
        if are_restricted && let Some(step) = fields[at].strip_prefix("*/").filter(|step| *step != "1") {
            fields[at] = format!("{whole}{step}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_kubernetes_mean_the_same_here() {
        let rows = [
            ("*/5 * * * *", "*/5 * * * *", None),
            ("0 3 * * 1-5", "0 3 * * 1-5", None),
            ("0 0 ? * MON", "0 0 * * MON", None),
            ("5/15 * * * *", "5-59/15 * * * *", None),
            ("0 2/6 * * *", "0 2-23/6 * * *", None),
            ("0 0 */2 * MON", "0 0 1-31/2 * MON", None),
            ("0 0 13 * */2", "0 0 13 * 0-6/2", None),
            ("0 0 */2 * *", "0 0 */2 * *", None),
            ("@midnight", "@daily", None),
            ("@every 1h30m", "@every 90m", None),
            ("CRON_TZ=Asia/Tokyo 0 1 * * *", "0 1 * * *", Some("Asia/Tokyo")),
            ("TZ=UTC @hourly", "@hourly", Some("UTC")),
        ];
        for (schedule, expression, zone) in rows {
            assert_eq!(read(schedule, Version::V3), Ok((expression.to_owned(), zone)), "{schedule}");
        }
        for (schedule, reason) in [
            ("0 0 3 * * *", "those of Kubernetes have five"),
            ("", "has 0 fields"),
            ("@reboot", "no nickname"),
            ("@every soon", "takes a time"),
            ("TZ=UTC", "has 0 fields"),
        ] {
            assert!(read(schedule, Version::V3).unwrap_err().contains(reason), "{schedule}");
        }
    }

    #[test]
    fn schedules_of_ofelia_begin_with_seconds() {
        let rows = [
            ("0 0 1 * * *", "0 1 * * *"),
            ("0,20,40 * * * * *", "0,20,40 * * * * *"),
            ("0 0/5 * * * *", "0-59/5 * * * *"),
            ("0 0 0 */2 * MON", "0 0 */2 * MON"),
            ("@every 10s", "@every 10s"),
        ];
        for (schedule, expression) in rows {
            assert_eq!(read(schedule, Version::V1), Ok((expression.to_owned(), None)), "{schedule}");
        }
        assert!(read("0,20,40 * * * *", Version::V1).unwrap_err().contains("write all six"));
        assert!(read("0 * * *", Version::V1).unwrap_err().contains("has 4 fields"));
    }
}
