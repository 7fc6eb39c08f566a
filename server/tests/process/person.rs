//! A person with the binary at a command line, and a server that only answers what it is told.

use crate::client::TOKEN;
use crate::node::{Node, sexton};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The only document of a command that went well.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It went well and said all of this.
    pub fn well(&self, says: &[&str]) -> &Self {
        assert_eq!(self.code, 0, "{self:?}");
        self.says(&self.out, says)
    }

    /// It ended with this code and complained about all of this.
    pub fn bad(&self, code: i32, says: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{self:?}");
        self.says(&self.err, says)
    }

    fn says(&self, text: &str, says: &[&str]) -> &Self {
        for words in says {
            assert!(text.contains(words), "“{words}” is not in {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
        self
    }
}

/// Runs a command against a server, with this on its standard input.
pub async fn tell(server: &str, arguments: &[&str], more: &[(&str, &str)], input: &[u8]) -> Said {
    let environment: Vec<_> = [("SEXTON_SERVER", server)].into_iter().chain(more.iter().copied()).collect();
    let mut command = sexton(arguments, &environment);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, input) = (command.spawn().unwrap(), input.to_vec());
    let ended = move || {
        // Who does not read its input has ended before.
        drop(child.stdin.take().unwrap().write_all(&input));
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(ended).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command against a node.
pub async fn run(node: &Node, arguments: &[&str]) -> Said {
    tell(node.client.base(), arguments, &[("SEXTON_TOKEN", TOKEN)], b"").await
}

/// A server that gives these answers, the last of them to all that follows; answers its address and what it was asked.
pub fn answering(answers: &'static [&'static str]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        let answers = answers.iter().chain(std::iter::repeat(answers.last().unwrap()));
        for (stream, answer) in listener.incoming().map_while(Result::ok).zip(answers) {
            let mut reader = BufReader::new(&stream);
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") && reader.by_ref().read_line(&mut request).unwrap_or(0) > 0 {}
            drop((&stream).write_all(answer.as_bytes()));
            if asked.send(request).is_err() {
                return;
            }
        }
    });
    (address, requests)
}
