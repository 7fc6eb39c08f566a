//! The endpoint that the tasks of a benchmark call: as little work as HTTP allows, and for each call how late its first byte
//! came, by the clock of this machine, which is the database's as well.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// One call.
#[derive(Clone, Copy)]
pub struct Call {
    /// Seconds since 1970 at which it was due.
    pub due: f64,
    pub late_ms: f64,
}

type Calls = Arc<Mutex<HashMap<String, Vec<Call>>>>;

/// A running receiver.
pub struct Receiver {
    pub url: String,
    calls: Calls,
    accepting: JoinHandle<()>,
}

impl Receiver {
    /// Listens; each call is answered after `pause`.
    pub async fn start(pause: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let calls = Calls::default();
        let kept = Arc::clone(&calls);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let calls = Arc::clone(&kept);
                tokio::spawn(async move { drop(serve(stream, calls, pause).await) });
            }
        });
        Ok(Self { url, calls, accepting })
    }

    /// All calls so far, by execution.
    pub fn calls(&self) -> Vec<(String, Vec<Call>)> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.iter().map(|(id, calls)| (id.clone(), calls.clone())).collect()
    }

    /// How many executions have called.
    pub fn count(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, calls: Calls, pause: Duration) -> Result<()> {
    let mut buffer = Vec::new();
    loop {
        let mut came = None;
        let (head, length) = loop {
            if let Some(head) = find(&buffer, b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
                let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                let length: usize = length.and_then(|length| length.trim().parse().ok()).context("no length")?;
                if buffer.len() >= head + 4 + length {
                    break (head + 4, length);
                }
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            came.get_or_insert_with(now);
        };
        let body: serde_json::Value = serde_json::from_slice(&buffer[head..head + length])?;
        let id = body["execution_id"].as_str().unwrap_or_default().to_owned();
        let due = seconds(body["scheduled_at"].as_str().unwrap_or_default()).context("no due time")?;
        let call = Call { due, late_ms: (came.unwrap_or_else(now) - due) * 1_000.0 };
        calls.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().push(call);
        buffer.drain(..head + length);
        if !pause.is_zero() {
            sleep(pause).await;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
    }
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|part| part == what)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// `2026-11-25T13:33:34Z` as seconds since 1970. Due times here are whole seconds of the present day.
fn seconds(text: &str) -> Option<f64> {
    let time = text.split_once('T')?.1;
    let mut parts = time.trim_end_matches('Z').split(':').map(str::parse::<f64>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let of_day = hour * 3_600.0 + minute * 60.0 + second;
    let today = (now() / 86_400.0).floor() * 86_400.0;
    // Around midnight the day may just have changed.
    [today - 86_400.0, today, today + 86_400.0]
        .into_iter()
        .map(|day| day + of_day)
        .min_by(|a, b| (a - now()).abs().total_cmp(&(b - now()).abs()))
}
