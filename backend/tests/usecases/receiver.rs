//! A user's endpoint: writes down every request at its first byte and behaves as the path says. On a thread of its own, so
//! that a busy test does not make calls look later than they were. Also used by the tests of real processes.
#![allow(dead_code, reason = "each of the two binaries uses its part")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a test waits for a call.
const PATIENCE: Duration = Duration::from_secs(60);
/// What `/huge` would like to send.
const HUGE: u64 = 1 << 30;

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// When its first byte was here.
    pub at: Instant,
    pub path: String,
    /// By name in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Call {
    /// The execution, as the header says it.
    pub fn id(&self) -> Uuid {
        self.headers["webhook-id"].parse().unwrap()
    }
}

/// The endpoint. It ends with the value.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Shared {
    calls: watch::Sender<Vec<Call>>,
    /// Whether `/held` answers.
    is_open: watch::Sender<bool>,
    /// Callers of `/held` and `/hang` that hung up.
    hung_up: watch::Sender<usize>,
    /// Requests in hand, and the most there were.
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    /// Bytes that `/huge` got rid of.
    sent: AtomicU64,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let shared = Arc::<Shared>::default();
        let serving = stop.clone().run_until_cancelled_owned(serve(listener, Arc::clone(&shared)));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serving);
        });
        Self { address, shared, stop }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All calls until now.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// Waits for so many calls in all; answers all there are.
    pub async fn until(&self, calls: usize) -> Vec<Call> {
        self.reaches(calls).await;
        self.calls()
    }

    /// Waits for so many more calls.
    pub async fn goes_on(&self, more: usize) {
        let calls = self.shared.calls.borrow().len() + more;
        self.reaches(calls).await;
    }

    async fn reaches(&self, calls: usize) {
        let mut seen = self.shared.calls.subscribe();
        let enough = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| seen.len() >= calls)).await;
        let missing = |_| panic!("of {calls} calls there are {}", self.shared.calls.borrow().len());
        drop(enough.unwrap_or_else(missing).unwrap());
    }

    /// Lets `/held` answer from now on, or not.
    pub fn open(&self, is_open: bool) {
        self.shared.is_open.send_replace(is_open);
    }

    /// Waits until so many callers have hung up.
    pub async fn until_hung_up(&self, callers: usize) {
        let mut seen = self.shared.hung_up.subscribe();
        let enough = tokio::time::timeout(PATIENCE, seen.wait_for(|seen| *seen >= callers)).await;
        enough.expect("the caller does not hang up").unwrap();
    }

    pub fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }

    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { converse(socket, &shared).await });
    }
}

/// One request after the other, until either side has had enough.
async fn converse(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(call) = read(&mut socket, &mut buffer).await {
        let path = call.path.clone();
        shared.calls.send_modify(|calls| calls.push(call));
        let now = shared.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_at_once.fetch_max(now, Ordering::SeqCst);
        let goes_on = behave(&mut socket, &path, shared).await;
        shared.at_once.fetch_sub(1, Ordering::SeqCst);
        if !goes_on? {
            break;
        }
    }
    Ok(())
}

/// Reads a request. One that breaks off is a request as well, once its head is here.
async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Call> {
    let mut at = (!buffer.is_empty()).then(Instant::now);
    let mut head = None;
    loop {
        if head.is_none() {
            head = buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4);
        }
        if let Some(end) = head {
            let mut call = parse(&buffer[..end], at?);
            let length: usize = call.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            if buffer.len() >= end + length {
                call.body = String::from_utf8_lossy(&buffer[end..end + length]).into_owned();
                buffer.drain(..end + length);
                return Some(call);
            }
        }
        let count = socket.read_buf(buffer).await.unwrap_or(0);
        at = at.or_else(|| Some(Instant::now()));
        if count == 0 {
            return head.map(|end| parse(&buffer[..end], at.unwrap_or_else(Instant::now)));
        }
    }
}

fn parse(head: &[u8], at: Instant) -> Call {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    Call { at, path, headers: lines.filter_map(header).collect(), body: String::new() }
}

/// Answers, or does not; says whether the connection goes on.
async fn behave(socket: &mut TcpStream, path: &str, shared: &Shared) -> io::Result<bool> {
    let mut parts = path.trim_start_matches('/').split('/');
    let (kind, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match kind {
        "status" => answer(socket, value, "", "no").await?,
        "after" => {
            tokio::time::sleep(Duration::from_millis(value.parse().unwrap())).await;
            answer(socket, "200 OK", "", "done").await?;
        }
        "retry-after" => {
            answer(socket, "503 Busy", &format!("retry-after: {}\r\n", value.replace("%20", " ")), "later").await?
        }
        "redirect" => answer(socket, "302 Found", "location: /ok\r\n", "").await?,
        "held" if hangs_up(socket, Some(shared.is_open.subscribe())).await => {
            shared.hung_up.send_modify(|count| *count += 1);
            return Ok(false);
        }
        "hang" => {
            hangs_up(socket, None).await;
            shared.hung_up.send_modify(|count| *count += 1);
            return Ok(false);
        }
        "slow-body" => {
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nslow").await?;
            hangs_up(socket, None).await;
            return Ok(false);
        }
        "huge" => return huge(socket, shared).await.map(|()| false),
        "close" => return Ok(false),
        "garbage" => {
            socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await?;
            return Ok(false);
        }
        _ => answer(socket, "200 OK", "", "done").await?,
    }
    Ok(true)
}

async fn answer(socket: &mut TcpStream, status: &str, headers: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\n{headers}content-length: {length}\r\n\r\n{body}");
    socket.write_all(text.as_bytes()).await
}

/// Waits until the caller hangs up (true), or the gate is open.
async fn hangs_up(socket: &mut TcpStream, gate: Option<watch::Receiver<bool>>) -> bool {
    let opened = async {
        match gate {
            Some(mut gate) => drop(gate.wait_for(|is_open| *is_open).await),
            None => std::future::pending().await,
        }
    };
    let mut byte = [0];
    tokio::select! {
        _ = socket.read(&mut byte) => true,
        () = opened => false,
    }
}

async fn huge(socket: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    socket.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {HUGE}\r\n\r\n").as_bytes()).await?;
    let chunk = vec![b'x'; 1 << 16];
    for _ in 0..HUGE / chunk.len() as u64 {
        socket.write_all(&chunk).await?;
        shared.sent.fetch_add(chunk.len() as u64, Ordering::SeqCst);
    }
    Ok(())
}
