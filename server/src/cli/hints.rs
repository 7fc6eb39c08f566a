//! Hints that something has happened, from the server's stream of events where there is one.
//!
//! Invariant: a hint only says "look again": who gets none, because the stream is refused or broken, looks from time to time.

use super::connection::Session;
use reqwest::Response;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A server that ends streams as they begin is not asked for them all the time.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Hints about the deletions of a project.
pub struct Hints {
    stream: Option<Response>,
    /// The end of what came, that is not a whole line yet.
    rest: Vec<u8>,
    is_refused: bool,
}

impl Hints {
    /// None yet: the stream opens with the first look.
    pub fn new() -> Self {
        Self { stream: None, rest: Vec::new(), is_refused: false }
    }

    /// True while events come by themselves.
    pub fn is_live(&self) -> bool {
        self.stream.is_some()
    }

    /// Opens the stream, or opens it again, unless the server has refused it.
    pub async fn open(&mut self, session: &Session) {
        if self.stream.is_none() && !self.is_refused {
            self.rest.clear();
            match session.client.stream(&session.path("events")).await {
                Ok(stream) => self.stream = Some(stream),
                Err(status) => self.is_refused = status.is_some_and(|status| status.is_client_error()),
            }
        }
    }

    /// Waits for a hint, but not longer than this.
    pub async fn wait(&mut self, at_most: Duration) {
        let _ = timeout(at_most, self.next()).await;
    }

    /// Returns when there is reason to look; never, where no stream is.
    async fn next(&mut self) {
        while let Some(stream) = &mut self.stream {
            match stream.chunk().await {
                Ok(Some(bytes)) => {
                    if self.take(&bytes) {
                        return;
                    }
                }
                Ok(None) | Err(_) => {
                    self.stream = None;
                    sleep(REOPEN_AFTER).await;
                    return;
                }
            }
        }
        std::future::pending().await
    }

    /// True when a whole line of it is the name of an event that is about deletions.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.rest.extend_from_slice(bytes);
        let mut is_hint = false;
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let name = line.strip_prefix(b"event:").map(<[u8]>::trim_ascii);
            is_hint |= name.is_some_and(|name| name.starts_with(b"TaskDelet") || name == b"resync");
        }
        is_hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_deletions_is_a_hint_however_it_is_cut() {
        let text = b"event: hello\ndata: {}\n\n: alive\n\nevent: TaskCreated\ndata: event: TaskDeleted\n\n\
                     event: TaskDeleted\nid: 7\n\n";
        for size in 1..text.len() {
            let mut hints = Hints::new();
            let found = text.chunks(size).filter(|chunk| hints.take(chunk)).count();
            assert_eq!(found, 1, "in parts of {size}");
        }
    }
}
