//! Events of systemd.time(7), and what cannot be said of them.

use super::*;

fn cron(text: &str) -> String {
    match read(text) {
        Ok((When::Cron(expression), _)) => expression,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn events_are_written_as_expressions() {
    let rows = [
        ("minutely", "* * * * *"),
        ("daily", "0 0 * * *"),
        ("Weekly", "0 0 * * MON"),
        ("quarterly", "0 0 1 1,4,7,10 *"),
        ("02:30", "30 2 * * *"),
        ("*-*-* 02:30:00", "30 2 * * *"),
        ("*:0/15", "*/15 * * * *"),
        ("*:5/15", "5-59/15 * * * *"),
        ("*-*-* *:*:00", "* * * * *"),
        ("*-*-* *:*:0/10", "*/10 * * * * *"),
        ("*-*-* 00/2:00:00", "0 */2 * * *"),
        ("*-*-* 06,18:00", "0 6,18 * * *"),
        ("*-*-* 8..18/2:30", "30 8-18/2 * * *"),
        ("Mon..Fri 08:00", "0 8 * * MON-FRI"),
        ("Sat,Sun *-*-* 10:00:00", "0 10 * * SAT,SUN"),
        ("Monday", "0 0 * * MON"),
        ("Fri..Mon 9:00", "0 9 * * MON,FRI,SAT,SUN"),
        ("Mon..Sun 9:00", "0 9 * * *"),
        ("Tue..Sun,Mon..Mon 9:00", "0 9 * * *"),
        ("Tue..Sun 9:00", "0 9 * * TUE-SAT,SUN"),
        ("Mon,Wed,Fri 9:00", "0 9 * * MON,WED,FRI"),
        ("*-*-01", "0 0 1 * *"),
        ("10-15", "0 0 15 10 *"),
        ("*-01/3-01 04:00", "0 4 1 */3 *"),
        ("*-*-1/2 00:00", "0 0 */2 * *"),
        ("Mon *-*-1/2", "0 0 */2 * MON"),
        ("Mon *-*-1..7 04:00", "0 4 * * MON#1"),
        ("Tue,Thu *-*-15..21", "0 0 * * TUE#3,THU#3"),
        ("*-*~1", "0 0 L * *"),
        ("*-*~01 23:59:59", "59 59 23 L * *"),
        ("Fri *-*~7/1 17:00", "0 17 * * FRIL"),
    ];
    for (text, expression) in rows {
        assert_eq!(cron(text), expression, "{text}");
        // What counts from the end of a month is the business of the schedules' own parser.
        assert!(expression.contains('L') || crate::cli::found::check(expression, "UTC").is_ok(), "{text}");
    }
}

#[test]
fn an_event_may_name_its_zone() {
    assert_eq!(read("*-*-* 05:00 Europe/Berlin").unwrap().1.as_deref(), Some("Europe/Berlin"));
    assert_eq!(read("daily UTC").unwrap().1.as_deref(), Some("UTC"));
    assert_eq!(read("Mon").unwrap().1, None);
    assert_eq!(read("*:0/15").unwrap().1, None);
}

#[test]
fn a_moment_is_once() {
    let wall = NaiveDate::from_ymd_opt(2027, 1, 31).unwrap().and_hms_opt(8, 0, 0).unwrap();
    assert_eq!(read("2027-01-31 08:00"), Ok((When::Once(wall), None)));
    assert_eq!(read("Sun 2027-01-31 08:00"), Ok((When::Once(wall), None)));
    assert_eq!(instant(wall, "Europe/Berlin").unwrap().to_rfc3339(), "2027-01-31T07:00:00+00:00");
    assert_eq!(instant(wall, "Pacific/Kiritimati").unwrap().to_rfc3339(), "2027-01-30T18:00:00+00:00");
    let leap = NaiveDate::from_ymd_opt(2028, 2, 29).unwrap().and_hms_opt(0, 0, 0).unwrap();
    assert_eq!(instant(leap, "UTC").unwrap().to_rfc3339(), "2028-02-29T00:00:00+00:00");
}

#[test]
fn what_cannot_be_said_is_refused_with_the_reason() {
    let rows = [
        ("2026..2030-01-01", "a schedule has no years"),
        ("2027-*-01", "a schedule has no years"),
        ("2027-02-30", "no such day"),
        ("Mon 2027-01-31", "that day is a SUN"),
        ("Mon *-*-10..20", "must both fit"),
        ("Mon *-*~2", "must both fit"),
        ("*-*~2..5", "only a single one"),
        ("*-*-* 00:00:00.5", "part of a second"),
        ("25:00", "no value of 0 to 23"),
        ("*-13-01", "no value of 1 to 12"),
        ("*-*-0", "no value of 1 to 31"),
        ("8..6:00", "no value of 0 to 23"),
        ("*:0/0", "no value of 0 to 59"),
        ("Mun 08:00", "no weekday"),
        ("", "no calendar event"),
        ("soon", "no weekday"),
        ("*", "no calendar event"),
        ("*-*-*-* 08:00", "no date"),
        ("1:2:3:4", "no time"),
    ];
    for (text, reason) in rows {
        let said = read(text).unwrap_err();
        assert!(said.contains(reason), "{text}: {said}");
    }
}
