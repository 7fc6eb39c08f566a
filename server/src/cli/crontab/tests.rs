//! Crontabs as they are, the hard ones too.

use super::*;
use chrono::{DateTime, TimeZone, Utc};
use domain::task::TaskDraft;

fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 28, hour, 0, 0).unwrap()
}

fn read_as(text: &str, is_system: bool) -> Found {
    let reading = Reading { timezone: "Europe/Berlin".to_owned(), is_disabled: false, now: at(0) };
    super::read(text, is_system, reading)
}

fn read(text: &str) -> Found {
    read_as(text, false)
}

/// The only task of a crontab in which nothing is refused.
fn one(text: &str) -> TaskDraft {
    let mut crontab = read(text);
    assert_eq!((crontab.jobs.len(), &crontab.rejected), (1, &Vec::new()), "{text}");
    crontab.jobs.remove(0).draft
}

/// The reason for the only line.
fn refused(text: &str) -> String {
    let mut crontab = read(text);
    assert_eq!((crontab.jobs.len(), crontab.rejected.len()), (0, 1), "{text}: {crontab:?}");
    crontab.rejected.remove(0).reason
}

fn expression(text: &str) -> String {
    one(text).schedule_config.cron_expression.unwrap()
}

#[test]
fn a_line_becomes_a_task_with_its_command() {
    let draft = one("30 2 * * 1-5 /usr/local/bin/backup.sh --full > /dev/null 2>&1");
    assert_eq!(draft.name, "backup.sh");
    assert_eq!(draft.schedule_config.cron_expression.as_deref(), Some("30 2 * * 1-5"));
    assert_eq!(draft.schedule_config.timezone, "Europe/Berlin");
    assert_eq!(draft.metadata, Some(json!({ "command": "/usr/local/bin/backup.sh --full > /dev/null 2>&1" })));
    assert_eq!((draft.status.as_deref(), draft.description.as_str()), (Some("ACTIVE"), ""));
}

#[test]
fn space_of_every_kind_is_space() {
    let crontab = read("\t 5\t4  *   * *\t\techo  two  spaces \r\n\r\n   \n@daily\techo day");
    assert_eq!(crontab.rejected, []);
    let commands: Vec<_> =
        crontab.jobs.iter().map(|job| job.draft.metadata.clone().unwrap()["command"].clone()).collect();
    assert_eq!(commands, ["echo  two  spaces", "echo day"]);
    assert_eq!(crontab.jobs.iter().map(|job| job.line).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(crontab.jobs[0].schedule, "At 04:05");
}

#[test]
fn nicknames_are_what_cron_takes_them_for() {
    for name in ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"] {
        assert_eq!(expression(&format!("{name} x")), name);
    }
    assert_eq!(expression("@midnight x"), "@daily");
    assert!(refused("@reboot /bin/start").contains("not when a machine starts"));
    assert_eq!(expression("@every 1h30m x"), "@every 90m", "supercronic and others");
    assert_eq!(expression("@every_minute x"), "* * * * *", "FreeBSD");
    assert!(refused("@every soon x").contains("such as 1h30m"));
    assert!(refused("@600 x").contains("write @every 600s"));
    assert!(refused("@fortnightly x").contains("@fortnightly is not known"));
    assert!(refused("@daily").contains("needs a command"));
    assert!(refused("@ 30 x").contains("fcron"));
}

#[test]
fn names_steps_lists_and_both_sundays_are_read() {
    for fields in
        ["*/5 * * * *", "0 0 1,15 jan-mar *", "0 9-17/2 * * mon-fri", "0 0 * * 7", "0 0 * * 0", "59 23 31 12 5"]
    {
        assert_eq!(expression(&format!("{fields} x")), fields);
    }
}

#[test]
fn a_star_with_a_step_means_both_days_must_fit_as_in_cron() {
    assert_eq!(expression("0 0 */2 * mon x"), "0 0 */2 * mon");
    assert_eq!(expression("0 0 13 * */2 x"), "0 0 13 * */2");
    assert_eq!(expression("0 0 13 * 5 x"), "0 0 13 * 5", "either is enough");
    assert_eq!(expression("0 0 */2 * * x"), "0 0 */2 * *");
    let next = |text: &str| check(&expression(text), "UTC").unwrap().next_after(at(0)).unwrap().to_rfc3339();
    // 28 November 2026 is a Saturday; Monday the 30th is even, the 7th of December is the first odd one.
    assert_eq!(next("0 0 */2 * mon x"), "2026-12-07T00:00:00+00:00");
    assert_eq!(next("0 0 13 * 5 x"), "2026-12-04T00:00:00+00:00");
}

#[test]
fn what_is_no_schedule_is_refused_with_the_field() {
    assert!(refused("61 * * * * x").contains("minute \"61\""), "{}", refused("61 * * * * x"));
    assert!(refused("0 25 * * * x").contains("hour \"25\""));
    assert!(refused("0 0 30 2 * x").contains("never fires"));
    assert!(refused("5/15 * * * * x").contains("means different things"), "crons disagree on what that means");
    assert!(refused("0 0 ? * 5 x").contains("it is of Quartz; write *"));
    assert!(refused("0 0 * * 5#2 x").contains("it is of Quartz"));
    assert!(refused("H H * * * x").contains("Jenkins"));
    assert!(refused("5,10! * * * * x").contains("is no field"));
    assert!(refused("& 5 * * * * x").contains("fcron"));
    assert!(refused("1 5 cron.daily nice run-parts /etc/cron.daily").contains("anacrontab"));
    assert!(refused("@monthly 45 cron.monthly run-parts /etc/cron.monthly").contains("anacrontab"));
    assert!(refused("nonsense").contains("1 of the 5 fields"));
    assert!(refused("* * * * *").contains("needs a command"));
}

#[test]
fn percent_signs_are_input_unless_escaped() {
    assert!(refused("0 0 * * * mail -s hi me%Hello%there").contains("% ends the command"));
    let command = |text: &str| one(text).metadata.unwrap()["command"].as_str().unwrap().to_owned();
    assert_eq!(command(r"0 0 * * * date +\%F_\%H"), "date +%F_%H");
    assert_eq!(command(r"0 0 * * * printf '\n' \\x"), r"printf '\n' \\x", "other backslashes stay");
    assert!(refused(r"0 0 * * * echo \\%").contains("% ends"), "the backslash itself was escaped");
}

#[test]
fn more_than_five_fields_are_refused() {
    for line in [
        "0 0 3 * * * x",
        "0 0 3 * * MON-FRI /opt/x",
        "0 0 3 * * mon-fri /opt/x",
        "0 0 3 * * mon /opt/x",
        "0 0 3 * * 1-5 /opt/x",
        "0 0 3 * * */2 x",
        "0 0 3 1 * ? x",
        "*/10 * * * * * x",
        "0 0 3 * jan-mar mon,wed x",
        "0 3 * * * 7 x",
    ] {
        assert!(refused(line).contains("more than the 5 fields"), "{line}");
    }
    assert!(refused("0 0 3 * * MON-FRI /opt/x").contains("without: 0 3 * * MON-FRI"));
    for command in ["sun", "7z a x", "may.sh", "mon-backup", "l", "w"] {
        assert_eq!(one(&format!("0 3 * * * {command}")).metadata, Some(json!({ "command": command })));
    }
}

#[test]
fn lines_of_other_crons_are_understood() {
    assert_eq!(expression("-*/15 * * * * x"), "*/15 * * * *", "SUSE");
    assert_eq!(expression("-@daily x"), "@daily");
    let crontab = read("0 1 * * * -n x\n0 2 * * * -q -s y\n0 3 * * * -ns z");
    let commands: Vec<_> =
        crontab.jobs.iter().map(|job| job.draft.metadata.clone().unwrap()["command"].clone()).collect();
    assert_eq!(commands, ["x", "y", "z"], "OpenBSD");
    assert_eq!(crontab.jobs.iter().map(|job| job.lost.len()).collect::<Vec<_>>(), [1, 0, 1]);
    assert!(refused("0 1 * * * -x y").contains("no flag that is known"));
    assert!(refused("0 1 * * * -n").contains("needs a command"));
}

#[test]
fn a_random_value_is_settled_and_stays_the_same() {
    let part = |line: &str, at: usize| expression(line).split(' ').nth(at).unwrap().to_owned();
    for (field, range) in [("~", 0..=59), ("0~30", 0..=30), ("10~", 10..=59), ("~5", 0..=5), ("7~7", 7..=7)] {
        let line = format!("{field} * * * * x");
        let minute: u32 = part(&line, 0).parse().unwrap();
        assert!(range.contains(&minute) && part(&line, 0) == minute.to_string(), "{field}: {minute}");
        assert_eq!(part(&line, 0), part(&line, 0));
    }
    assert!(part("~/15 * * * * x", 0).ends_with("-59/15"));
    assert!(matches!(part("0 0 * * mon~fri x", 4).as_str(), "1" | "2" | "3" | "4" | "5"));
    assert_eq!(part("5,0~0 * * * * x", 0), "5,0");
    let lines = (0..40).map(|number| part(&format!("~ * * * * job-{number}"), 0));
    assert!(lines.collect::<std::collections::BTreeSet<_>>().len() > 15, "they are spread");
    for field in ["30~10", "0~60", "a~b", "0~30/0", "~~"] {
        assert!(refused(&format!("{field} * * * * x")).contains("is no random range"), "{field}");
    }
    assert!(read("0~30 * * * * x").jobs[0].lost[0].contains("cron picks when it starts"));
}

#[test]
fn cron_tz_moves_the_lines_below_it_and_tz_does_not() {
    let text = "0 1 * * * a\nTZ=America/New_York\n0 1 * * * b\nCRON_TZ = \"Asia/Tokyo\"\n0 1 * * * c\nTZ=:UTC\n0 1 * * * d\n\
                CRON_TZ=\n0 1 * * * e\nCRON_TZ=:UTC\n0 1 * * * f\nTZ=Mars/Olympus\n0 1 * * * g";
    let crontab = read(text);
    assert_eq!(crontab.rejected, []);
    let zones: Vec<_> = crontab.jobs.iter().map(|job| job.draft.schedule_config.timezone.as_str()).collect();
    assert_eq!(zones, ["Europe/Berlin", "Europe/Berlin", "Asia/Tokyo", "Asia/Tokyo", "Europe/Berlin", "UTC", "UTC"]);
    let remarks: Vec<_> = crontab.remarks.iter().map(|remark| remark.line).collect();
    assert_eq!(remarks, [2, 6, 12]);
    assert!(crontab.remarks[0].text.contains("schedules stay in Europe/Berlin"), "{:?}", crontab.remarks);
    assert!(crontab.remarks[1].text.contains("schedules stay in Asia/Tokyo"));
}

#[test]
fn a_zone_that_nobody_knows_takes_the_lines_below_it_along() {
    let crontab = read(
        "CRON_TZ=Mars/Olympus\n0 1 * * * a\nCRON_TZ=UTC\n0 1 * * * b\nCRON_TZ=EST5EDT,M3.2.0,M11.1.0\n0 1 * * * c",
    );
    assert_eq!(crontab.jobs.iter().map(|job| job.line).collect::<Vec<_>>(), [4]);
    let lines: Vec<_> = crontab.rejected.iter().map(|rejected| rejected.line).collect();
    assert_eq!(lines, [1, 2, 5, 6]);
    assert!(crontab.rejected[1].reason.contains("not known (line 1)"), "never in a zone that was not meant");
}

#[test]
fn other_variables_are_remarks_without_their_values() {
    let text = "MAILTO=\"\"\nSHELL=/bin/bash\nDB_PASSWORD = 'hunter2'\n\"PATH\"=/bin\n0 1 * * * A=b run c=d\n\
                0 2 * * * login -p $DB_PASSWORD ${PATH}:x $PATHS $MAILTOO";
    let crontab = read(text);
    assert_eq!((crontab.jobs.len(), &crontab.rejected), (2, &Vec::new()));
    assert_eq!(crontab.jobs[0].draft.name, "run", "a variable before a command is part of it");
    assert_eq!((crontab.remarks.len(), crontab.jobs[0].lost.len()), (4, 0));
    let [password, path] = &crontab.jobs[1].lost[..] else { panic!("{crontab:?}") };
    assert!(password.contains("$DB_PASSWORD (line 3)") && path.contains("$PATH (line 4)"));
    assert!(!format!("{:?}{:?}", crontab.remarks, crontab.jobs[1].lost).contains("hunter2"));
}

#[test]
fn the_comment_above_a_line_is_its_description_and_never_its_name() {
    let draft = one("# Nightly backup.\n0 1 * * * /bin/backup");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("backup", "Nightly backup."));
    let draft = one("##########\n## Clears caches,\n#  all of them ##\n##########\n0 1 * * * /bin/clear-caches now");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("clear-caches", "Clears caches,\nall of them"));
    let draft = one("# Of the whole file\n\n0 1 * * * /bin/x");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("x", ""), "a blank line is between them");
    let draft = one("# Of the zone\nCRON_TZ=UTC\n0 1 * * * /bin/x");
    assert_eq!(draft.description, "");
    let draft = one(&format!("# {}\n0 1 * * * /bin/x", "long ".repeat(400)));
    assert_eq!((draft.name.as_str(), draft.description.chars().count()), ("x", 1_000));
}

#[test]
fn what_was_taken_out_of_use_is_no_description() {
    for out_of_use in [
        "#0 1 * * * /bin/old",
        "# 0 1 * * * root /bin/old",
        "##*/5 * * * *   /bin/old",
        "# @daily /bin/older",
        "#@reboot /bin/start",
        "#0 0 3 * * MON-FRI /opt/x",
        "#61 25 * * * /bin/never",
        "#0 1 * * * echo 100%",
    ] {
        let draft = one(&format!("# Backup\n{out_of_use}\n0 2 * * * /bin/new"));
        assert_eq!((draft.name.as_str(), draft.description.as_str()), ("new", "Backup"), "{out_of_use}");
    }
    let draft = one("# 5 ways to do it: see the wiki\n0 2 * * * x");
    assert_eq!(draft.description, "5 ways to do it: see the wiki", "words, no schedule");
}

#[test]
fn what_a_crontab_says_about_itself_is_no_description() {
    let header = "# Edit this file to introduce tasks to be run by cron.\n#\n# For more information see crontab(5)\n# \n\
                  # m h  dom mon dow   command\n";
    assert_eq!(one(&format!("{header}0 2 * * * x")).description, "");
    let drawn = "# Example of job definition:\n# .---------------- minute (0 - 59)\n# |  .------------- hour (0 - 23)\n\
                 # |  |  .---------- day of month (1 - 31)\n# |  |  |  |  |\n# *  *  *  *  * user-name command to be executed\n";
    assert_eq!(one(&format!("{drawn}0 2 * * * x")).description, "");
    let listed = "# DO NOT EDIT THIS FILE - edit the master and reinstall.\n# (/tmp/crontab.X installed on Mon Nov  2 2026)\n\
                  # (Cron version V5.0 -- $Id$)\n";
    assert_eq!(one(&format!("{listed}0 2 * * * x")).description, "");
}

#[test]
fn names_are_made_unique_and_stay_the_same() {
    let text = "0 1 * * * php a\n61 * * * * php a\n0 2 * * * php a\n# A\n0 3 * * * A\n0 4 * * * b";
    let names = |text: &str| read(text).jobs.into_iter().map(|job| job.draft.name).collect::<Vec<_>>();
    assert_eq!(names(text), ["a", "a (2)", "A (3)", "b"], "a line that is refused takes none");
    assert_eq!(names(text), names(text));
}

#[test]
fn a_systems_crontab_has_a_column_with_the_user() {
    let text = "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n@daily www-data /bin/x\n0 1 * * * root\n0 1 * * *\n\
                0 2 * * * mon -n /bin/monitor\n0 0 3 * * MON-FRI root /opt/x";
    let crontab = read_as(text, true);
    let metadata: Vec<_> = crontab.jobs.iter().map(|job| job.draft.metadata.clone().unwrap()).collect();
    let first = json!({ "command": "cd / && run-parts --report /etc/cron.hourly", "user": "root" });
    let [second, third] = [("/bin/x", "www-data"), ("/bin/monitor", "mon")]
        .map(|(command, user)| json!({ "command": command, "user": user }));
    assert_eq!(metadata, [first, second, third]);
    assert_eq!(crontab.jobs[0].draft.name, "run-parts /etc/cron.hourly");
    let reasons: Vec<_> = crontab.rejected.iter().map(|rejected| rejected.reason.as_str()).collect();
    assert!(reasons[..2].iter().all(|reason| reason.contains("a user and a command")), "{reasons:?}");
    assert!(reasons.len() == 3 && reasons[2].contains("more than the 5 fields"));
    assert!(refused("17 * * * * root run-parts /etc/cron.hourly").contains("--system"), "or root would be the command");
}

#[test]
fn what_is_too_long_or_cannot_be_kept_is_refused_alone() {
    assert!(refused(&format!("0 1 * * * {}", "x".repeat(20_000))).contains("metadata"));
    assert!(refused("0 1 * * * a\0b").contains("U+0000"));
    assert_eq!((read("").jobs.len(), read("\n\n# nothing\n").rejected.len()), (0, 0));
}

#[test]
fn disabled_tasks_are_asked_for_when_cron_still_runs() {
    let reading = Reading { timezone: "UTC".to_owned(), is_disabled: true, now: at(0) };
    let crontab = super::read("0 1 * * * x", false, reading);
    assert_eq!(crontab.jobs[0].draft.status.as_deref(), Some("DISABLED"));
}
