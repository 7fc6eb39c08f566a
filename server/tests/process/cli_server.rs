//! The commands for people and the server that they ask: its token, its absence, its refusals; and what `--help` says.

use crate::node::output;
use crate::person::{answering, tell};

const WHO: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\nconnection: close\r\n\r\n\
                   {\"title\":\"Not signed in\",\"status\":401,\"detail\":\"Nobody knows this token.\",\"code\":\"UNAUTHORIZED\",\"errors\":[]}";

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let (server, requests) = answering(&[WHO]);
    let secret = [("SEXTON_TOKEN", "sxt_hunter2")];
    let list = ["tasks", "list", "--project", "019a0000-0000-7000-8000-000000000000"];
    let refused = tell(&server, &list, &secret, b"").await;
    refused.bad(1, &["Not signed in: Nobody knows this token.", "SEXTON_TOKEN or --token"]);
    assert!(requests.recv().unwrap().contains("authorization: Bearer sxt_hunter2\r\n"));
    let none = tell(&server, &list, &[("SEXTON_TOKEN", "")], b"").await;
    assert!(!requests.recv().unwrap().contains("authorization"));
    let help = tell(&server, &["tasks", "list", "--help"], &secret, b"").await;
    help.well(&["SEXTON_TOKEN", "SEXTON_SERVER", "SEXTON_PROJECT", "EXAMPLES:"]);
    let odd = tell(&server, &["tasks", "list"], &[("SEXTON_TOKEN", "sxt_hunter2\nx")], b"").await;
    odd.bad(2, &["SEXTON_TOKEN"]);
    let given = tell(&server, &["tasks", "list", "--token", "sxt_hunter2", "--nonsense"], &[], b"").await;
    for said in [refused, none, help, odd, given] {
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_sexton_is_told_from_one_that_refuses() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    for command in ["list", "delete", "undo"] {
        let arguments = if command == "list" { vec!["tasks", command] } else { vec!["tasks", command, "Task"] };
        tell(&nobody, &arguments, &[], b"").await.bad(3, &[&format!("the server at {nobody} cannot be reached: ")]);
    }
    let project = [("SEXTON_PROJECT", "019a0000-0000-7000-8000-000000000000")];
    tell(&nobody, &["deletions", "watch"], &project, b"").await.bad(3, &["cannot be reached"]);
    tell(&nobody, &["import", "crontab", "-"], &project, b"0 1 * * * x").await.bad(3, &["cannot be reached"]);
    let (page, _asked) = answering(&["HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>"]);
    tell(&page, &["tasks", "list"], &[], b"").await.bad(1, &["answered what is not understood here"]);
    let (lost, _asked) = answering(&["HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\nnothing"]);
    tell(&lost, &["tasks", "list"], &[], b"").await.bad(1, &["404 Not Found, and not as Sexton does"]);
    let (moved, _asked) =
        answering(&["HTTP/1.1 301 Moved\r\nlocation: https://elsewhere/\r\nconnection: close\r\n\r\n"]);
    tell(&moved, &["tasks", "list"], &[], b"").await.bad(1, &["sends to https://elsewhere/"]);
    let (silent, _asked) = answering(&[""]);
    let cut = tell(&silent, &["tasks", "delete", "019a0000-0000-7000-8000-000000000001"], &project, b"").await;
    cut.bad(3, &["whether it was done is not known"]);
    for server in ["nonsense", "ftp://localhost", "http://me:secret@localhost", "http://localhost/?a=b"] {
        tell(server, &["tasks", "list"], &[], b"").await.bad(2, &["--server"]);
    }
}

const LATER: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\nconnection: close\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\":[],\"next_cursor\":null}";

#[tokio::test]
async fn a_server_that_has_too_much_to_do_is_asked_again_when_it_says_so() {
    let (server, requests) = answering(&[LATER, LATER, EMPTY]);
    let project = [("SEXTON_PROJECT", "019a0000-0000-7000-8000-000000000000")];
    tell(&server, &["tasks", "list"], &project, b"").await.bad(0, &["no tasks"]);
    assert_eq!(requests.try_iter().count(), 3);
}

#[test]
fn every_command_for_people_explains_itself() {
    let commands = [
        "tasks list",
        "tasks create",
        "tasks delete",
        "tasks undo",
        "deletions list",
        "deletions watch",
        "import crontab",
        "import k8s",
        "import ofelia",
        "import systemd",
    ];
    for command in commands {
        let arguments: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = output(&arguments, &[]);
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.contains("--json") && text.contains("[env: SEXTON_SERVER="), "{text}");
    }
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    for name in commands.iter().chain(&["SEXTON_SERVER", "SEXTON_TOKEN", "SEXTON_PROJECT", "--json"]) {
        assert!(readme.contains(name), "the README does not say {name}");
    }
}
