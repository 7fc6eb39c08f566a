//! Crontabs as they are, the hard ones too.

use super::*;
use chrono::TimeZone;

fn at(hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 28, hour, 0, 0).unwrap()
}

fn read_as(text: impl AsRef<[u8]>, is_system: bool) -> Crontab {
    let reading = Reading { timezone: "Europe/Berlin", is_system, is_disabled: false };
    parse(text.as_ref(), reading, at(0))
}

fn read(text: &str) -> Crontab {
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

fn names(text: &str) -> Vec<String> {
    read(text).jobs.into_iter().map(|job| job.draft.name).collect()
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
    let crontab = read("\u{feff}\t 5\t4  *   * *\t\techo  two  spaces \r\n\r\n   \n@daily\techo day");
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
    assert!(refused("@every 5m x").contains("@every is not known"));
    assert!(refused("@daily").contains("needs a command"));
    assert!(refused("@").contains("is not known"));
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
    assert!(refused("5/15 * * * * x").contains("minute \"5/15\""), "crons disagree on what that means");
    assert!(refused("0~59 * * * * x").contains("“0~59” is no field"), "a random minute");
    assert!(refused("0 0 ? * 5#2 x").contains("is no field"), "not of cron");
    assert!(refused("-*/15 * * * * x").contains("minute \"-*/15\""));
    assert!(refused("nonsense").contains("1 of the 5 fields"));
    assert!(refused("* * * * *").contains("needs a command"));
    assert!(refused("0 0 3 * * * x").contains("more than the 5 fields"), "with seconds, as other schedulers have them");
    assert!(refused("0 3 * * * * x").contains("more than the 5 fields"));
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
fn zones_hold_for_the_lines_below_them() {
    let text = "0 1 * * * a\nTZ=America/New_York\n0 1 * * * b\nCRON_TZ = \"Asia/Tokyo\"\n0 1 * * * c\nTZ=:UTC\n0 1 * * * d\n\
                CRON_TZ=\n0 1 * * * e\nTZ=''\n0 1 * * * f";
    let crontab = read(text);
    assert_eq!(crontab.rejected, []);
    let zones: Vec<_> = crontab.jobs.iter().map(|job| job.draft.schedule_config.timezone.as_str()).collect();
    assert_eq!(zones, ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Tokyo", "UTC", "Europe/Berlin"]);
}

#[test]
fn a_zone_that_nobody_knows_takes_the_lines_below_it_along() {
    let crontab =
        read("TZ=Mars/Olympus\n0 1 * * * a\nTZ=UTC\n0 1 * * * b\nCRON_TZ=EST5EDT,M3.2.0,M11.1.0\n0 1 * * * c");
    assert_eq!(crontab.jobs.iter().map(|job| job.line).collect::<Vec<_>>(), [4]);
    let lines: Vec<_> = crontab.rejected.iter().map(|rejected| rejected.line).collect();
    assert_eq!(lines, [1, 2, 5, 6]);
    assert!(crontab.rejected[1].reason.contains("not known (line 1)"), "never in a zone that was not meant");
}

#[test]
fn other_variables_are_listed_without_their_values() {
    let crontab = read("MAILTO=\"\"\nSHELL=/bin/bash\nDB_PASSWORD = 'hunter2'\n\"PATH\"=/bin\n0 1 * * * A=b run c=d");
    assert_eq!(crontab.jobs.len(), 1, "a variable before a command is part of it");
    assert_eq!(crontab.jobs[0].draft.name, "run");
    assert_eq!(crontab.rejected.len(), 4);
    let reasons = format!("{:?}", crontab.rejected);
    assert!(reasons.contains("DB_PASSWORD") && reasons.contains("PATH") && !reasons.contains("hunter2"));
}

#[test]
fn the_comment_above_a_line_is_its_description_and_its_name() {
    let draft = one("# Nightly backup.\n0 1 * * * /bin/backup");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("Nightly backup", "Nightly backup."));
    let draft = one("##########\n## Clears caches,\n#  all of them ##\n##########\n0 1 * * * /bin/clear-caches now");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("clear-caches", "Clears caches,\nall of them"));
    let draft = one("# Of the whole file\n\n0 1 * * * /bin/x");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("x", ""), "a blank line is between them");
    let draft = one("# Of the zone\nTZ=UTC\n0 1 * * * /bin/x");
    assert_eq!(draft.description, "");
    let draft = one(&format!("# {}\n0 1 * * * /bin/x", "long ".repeat(400)));
    assert_eq!((draft.name.as_str(), draft.description.chars().count()), ("x", 1_000));
}

#[test]
fn what_was_taken_out_of_use_is_no_description() {
    let draft = one("# Backup\n#0 1 * * * /bin/old\n#MAILTO=me\n# @daily /bin/older\n0 2 * * * /bin/new");
    assert_eq!((draft.name.as_str(), draft.description.as_str()), ("Backup", "Backup"));
    assert_eq!(
        one("# 5 ways to do it: see the wiki\n0 2 * * * x").name,
        "5 ways to do it: see the wiki",
        "words, no schedule"
    );
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
fn names_say_what_a_command_is_about() {
    let of = |command: &str| one(&format!("0 1 * * * {command}")).name;
    assert_eq!(of("cd /srv/app && php artisan schedule:run"), "php");
    assert_eq!(of("[ -x /usr/lib/php/clean ] && if [ ! -d /run ]; then /usr/lib/php/clean; fi"), "clean");
    assert_eq!(of("LANG=C nice sudo /opt/report"), "report");
    assert_eq!(of("\"/opt/my\" x"), "my");
    assert_eq!(of("test -e /x"), "test");
    assert_eq!(of("|| &&"), "crontab line 1");
}

#[test]
fn names_are_made_unique_and_stay_the_same() {
    let text = "0 1 * * * php a\n61 * * * * php bad\n0 2 * * * php b\n# PHP\n0 3 * * * c\n0 4 * * * php d";
    assert_eq!(names(text), ["php", "php (2)", "PHP (3)", "php (4)"], "a line that is refused takes none");
    assert_eq!(names(text), names(text));
}

#[test]
fn a_systems_crontab_has_a_column_with_the_user() {
    let text = "17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly\n@daily www-data /bin/x\n0 1 * * * root\n0 1 * * *";
    let crontab = read_as(text, true);
    let metadata: Vec<_> = crontab.jobs.iter().map(|job| job.draft.metadata.clone().unwrap()).collect();
    let first = json!({ "command": "cd / && run-parts --report /etc/cron.hourly", "user": "root" });
    assert_eq!(metadata, [first, json!({ "command": "/bin/x", "user": "www-data" })]);
    assert_eq!(crontab.jobs[0].draft.name, "run-parts");
    assert!(crontab.rejected.iter().all(|rejected| rejected.reason.contains("a user and a command")));
    assert_eq!(crontab.rejected.len(), 2);
    assert!(refused("17 * * * * root run-parts /etc/cron.hourly").contains("--system"), "or root would be the command");
}

#[test]
fn what_is_no_text_or_too_long_is_refused_alone() {
    let crontab = read_as(b"0 1 * * * caf\xe9\n0 2 * * * good\n", false);
    assert_eq!((crontab.jobs.len(), crontab.rejected[0].line), (1, 1));
    assert!(crontab.rejected[0].reason.contains("UTF-8"));
    assert!(refused(&format!("0 1 * * * {}", "x".repeat(20_000))).contains("metadata"));
    assert!(refused("0 1 * * * a\0b").contains("U+0000"));
    assert_eq!((read("").jobs.len(), read("\n\n# nothing\n").rejected.len()), (0, 0));
}

#[test]
fn disabled_tasks_are_asked_for_when_cron_still_runs() {
    let reading = Reading { timezone: "UTC", is_system: false, is_disabled: true };
    let crontab = parse(b"0 1 * * * x", reading, at(0));
    assert_eq!(crontab.jobs[0].draft.status.as_deref(), Some("DISABLED"));
}
