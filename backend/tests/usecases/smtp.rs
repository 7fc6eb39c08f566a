//! A mail server: speaks SMTP with whoever connects, keeps what it takes, and answers `DATA` as it is told. Also used by
//! the tests of real processes.
#![allow(dead_code, reason = "each of the two binaries uses its part")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

/// One mail that was taken or refused.
#[derive(Clone, Debug)]
pub struct Mail {
    /// What the sender greeted with.
    pub hello: String,
    pub from: String,
    pub to: String,
    pub lines: Vec<String>,
}

impl Mail {
    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.lines.iter().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// Whether it says this, lines that were broken put together again.
    pub fn says(&self, text: &str) -> bool {
        self.lines.join("\n").replace("=\n", "").contains(text)
    }
}

#[derive(Default)]
struct Shared {
    mails: Mutex<Vec<Mail>>,
    /// What is answered to the next mails, instead of taking them.
    refusals: Mutex<VecDeque<&'static str>>,
}

/// The server. It ends with the runtime of the test.
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { converse(socket, &shared).await });
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("smtp://sexton:secret@{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers the next mail so.
    pub fn refuse(&self, answer: &'static str) {
        self.shared.refusals.lock().unwrap().push_back(answer);
    }

    /// The mails that it was sent, refused ones too.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().unwrap().clone()
    }
}

async fn converse(socket: TcpStream, shared: &Shared) -> Option<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = Mail { hello: String::new(), from: String::new(), to: String::new(), lines: Vec::new() };
    let mut is_known = false;
    let mut answer = "220 mail.test ESMTP".to_owned();
    loop {
        write.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        let line = lines.next_line().await.ok()??;
        answer = match line.split([' ', ':']).next()?.to_uppercase().as_str() {
            "EHLO" => {
                mail.hello = line;
                "250-mail.test\r\n250-AUTH PLAIN\r\n250 8BITMIME".to_owned()
            }
            "AUTH" => {
                // "\0sexton\0secret" and "\0sexton\0se#c/r@t"
                is_known =
                    ["AUTH PLAIN AHNleHRvbgBzZWNyZXQ=", "AUTH PLAIN AHNleHRvbgBzZSNjL3JAdA=="].contains(&line.as_str());
                if is_known { "235 ok".to_owned() } else { "535 who?".to_owned() }
            }
            "MAIL" if is_known => {
                mail.from = line;
                "250 ok".to_owned()
            }
            "RCPT" => {
                mail.to = line;
                "250 ok".to_owned()
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                mail.lines = until_dot(&mut lines).await?;
                shared.mails.lock().unwrap().push(mail.clone());
                shared.refusals.lock().unwrap().pop_front().unwrap_or("250 taken").to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "502 what?".to_owned(),
        };
    }
}

async fn until_dot(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Option<Vec<String>> {
    let mut data = Vec::new();
    loop {
        match lines.next_line().await.ok()?? {
            line if line == "." => return Some(data),
            line => data.push(line),
        }
    }
}
