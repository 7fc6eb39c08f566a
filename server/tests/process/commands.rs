//! The commands and settings of the binary.

use crate::node::{output, sexton, url};
use clap::CommandFactory;
use server::config::Cli;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Every environment variable of the program, with its default.
fn settings() -> BTreeMap<String, Option<String>> {
    let cli = Cli::command();
    let arguments = cli.get_subcommands().flat_map(clap::Command::get_arguments);
    let named = |argument: &clap::Arg| {
        let defaults = argument.get_default_values().iter().map(|value| value.to_str().unwrap());
        let default = Some(defaults.collect::<Vec<_>>().join(",")).filter(|text| !text.is_empty());
        Some((argument.get_env()?.to_str()?.to_owned(), default))
    };
    arguments.filter_map(named).collect()
}

#[test]
fn the_example_of_an_environment_names_every_setting_with_its_default_and_no_other() {
    let example = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.env.example")).unwrap();
    let mut written = BTreeMap::new();
    let mut explained = false;
    for line in example.lines() {
        let assignment = line.strip_prefix('#').unwrap_or(line);
        match assignment.split_once('=').filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
            Some((name, value)) => {
                assert!(explained, "{name} is not explained");
                let value = Some(value.trim_matches('"').to_owned()).filter(|_| line.starts_with('#'));
                assert!(written.insert(name.to_owned(), value).is_none(), "{name} stands there twice");
                explained = false;
            }
            None => explained = line.starts_with("# ") || explained && !line.is_empty(),
        }
    }
    let settings = settings();
    assert_eq!(written.keys().collect::<Vec<_>>(), settings.keys().collect::<Vec<_>>());
    for (name, default) in settings {
        if let Some(default) = default {
            assert_eq!(written[&name].as_ref(), Some(&default), "{name}");
        }
    }
}

#[test]
fn the_help_lists_every_setting() {
    let help = output(&["serve", "--help"], &[]);
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    for name in settings().keys() {
        assert!(
            [']', '='].iter().any(|end| help.contains(&format!("[env: {name}{end}"))),
            "{name} is missing:\n{help}"
        );
    }
    for command in ["serve", "migrate", "user", "api-key"] {
        assert!(String::from_utf8(output(&["--help"], &[]).stdout).unwrap().contains(command));
    }
}

#[test]
fn a_setting_that_cannot_be_is_refused_with_a_sentence_that_names_it() {
    let database = ("DATABASE_URL", "postgres://127.0.0.1:9/none");
    let cases = [
        ("SEXTON_PUBLIC_URL", "cron.example.com", "--public-url"),
        ("SEXTON_ADMIN_EMAIL", "ada@example.com", "--admin-password-file"),
        ("SEXTON_OIDC_ISSUER", "https://login.example.com", "SEXTON_OIDC_CLIENT_ID"),
        ("SEXTON_LISTEN", "nowhere", "invalid"),
        ("SEXTON_ROLES", "web,cook", "cook"),
        ("SEXTON_WORKER_CONCURRENCY", "0", "1..=256"),
        ("SEXTON_WORKER_CONCURRENCY", "7", "SEXTON_WORKER_CONNECTIONS"),
        ("SEXTON_PUBLIC_URL", "cron.example.com", "such as https://cron.example.com"),
        ("SEXTON_TRUSTED_PROXIES", "10.0.0.0/8,the proxy", "such as 10.0.0.0/8"),
        ("SEXTON_RECEIPT_DAYS", "29", "30..=3650"),
        ("SEXTON_LOG", "==", "SEXTON_LOG"),
        ("SEXTON_RECONCILE_CRON", "99 99 99 99 99", "SEXTON_RECONCILE_CRON"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL"),
    ];
    for (name, value, says) in cases {
        let mut environment = vec![database, ("SEXTON_LISTEN", "127.0.0.1:0")];
        environment.retain(|(other, _)| *other != name);
        environment.push((name, value));
        let refused = output(&["serve"], &environment);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{name}={value} was taken");
        assert!(said.contains(says) && !said.contains("panicked"), "{name}={value}: {said}");
    }
    let refused = output(&["serve"], &[]);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--database-url"));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused =
        output(&["serve"], &[("DATABASE_URL", "postgres://127.0.0.1:9/none"), ("SEXTON_LISTEN", address.as_str())]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains(&format!("cannot listen on {address}")));
}

#[sqlx::test(migrations = false)]
async fn migrating_twice_and_two_at_once_is_migrating_once(pool: PgPoolOptions, on: PgConnectOptions) {
    let database = url(&on);
    let start = || {
        let mut command = sexton(&["migrate"], &[("DATABASE_URL", &database)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for child in [start(), start(), start()] {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(start().wait_with_output().unwrap().status.success());
    let pool = pool.connect_with(on).await.unwrap();
    assert!(backend::migrate::is_current(&pool).await.unwrap());
    pool.close().await;
}

#[test]
fn migrating_without_a_database_says_so() {
    let refused = output(&["migrate"], &[("DATABASE_URL", "postgres://postgres@127.0.0.1:9/none")]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the database could not be migrated"), "{said}");
}

/// Starts a server that is to print something, and answers what it printed up to these words.
fn printed(environment: &[(&str, &str)], words: &str) -> String {
    let mut node = sexton(&["serve"], environment).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(node.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains(words) {
        said.push_str(&lines.next().unwrap_or_else(|| panic!("{words} was not printed: {said}")).unwrap());
        said.push('\n');
    }
    node.kill().unwrap();
    node.wait().unwrap();
    said
}

#[sqlx::test(migrations = false)]
async fn the_setup_token_is_printed_once_and_kept_in_its_file(_: PgPoolOptions, on: PgConnectOptions) {
    let (database, file) = (url(&on), concat!(env!("CARGO_TARGET_TMPDIR"), "/printed-setup-token"));
    drop(std::fs::remove_file(file));
    let environment =
        [("DATABASE_URL", database.as_str()), ("SEXTON_LISTEN", "127.0.0.1:0"), ("SEXTON_SETUP_TOKEN_FILE", file)];
    let first = printed(&environment, "only its owner can read");
    let token = std::fs::read_to_string(file).unwrap();
    assert_eq!(first.matches(token.trim()).count(), 1, "{first}");
    assert!(first.contains(&"=".repeat(80)) && first.contains("/setup") && first.contains(file), "{first}");
    let second = printed(&environment, &format!("open /setup with the token in {file}"));
    assert!(!second.contains("sxu_"), "{second}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), token, "it stays");
}

#[sqlx::test(migrations = false)]
async fn what_keeps_an_instance_from_being_claimed_ends_the_start_with_what_to_do(
    _: PgPoolOptions,
    on: PgConnectOptions,
) {
    let (database, trivial) = (url(&on), concat!(env!("CARGO_TARGET_TMPDIR"), "/trivial-password"));
    std::fs::write(trivial, "passwordpassword\n").unwrap();
    let ada = ("SEXTON_ADMIN_EMAIL", "ada@example.com");
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let cases: [Case<'_>; 3] = [
        (
            &[("SEXTON_SETUP_TOKEN_FILE", "/proc/nowhere/token")],
            &["/proc/nowhere/token", "Set SEXTON_SETUP_TOKEN_FILE"],
        ),
        (&[ada, ("SEXTON_ADMIN_PASSWORD_FILE", "/nowhere")], &["SEXTON_ADMIN_PASSWORD_FILE", "/nowhere"]),
        (&[ada, ("SEXTON_ADMIN_PASSWORD_FILE", trivial)], &["SEXTON_ADMIN_PASSWORD_FILE", "too easy to guess"]),
    ];
    for (settings, says) in cases {
        let fixed = [("DATABASE_URL", database.as_str()), ("SEXTON_LISTEN", "127.0.0.1:0")];
        let refused = output(&["serve"], &[&fixed, settings].concat());
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(says.iter().all(|words| said.contains(words)), "{said}");
        assert!(!said.contains("sxu_") && !said.contains("passwordpassword"), "{said}");
    }
}
