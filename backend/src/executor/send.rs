//! Sending one request: on a connection that waits or on a new one, in time or not at all; and reading its answer.

use super::connect::{Connection, Connector, Unconnected};
use super::idle::Shelf;
use crate::clock::{Clock, Moment};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::response::Parts;
use hyper::{Request, Response};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// There was no connection.
    Unconnected(Unconnected),
    /// The request was held back: its deadline had passed.
    TooLate,
    /// Nothing of the request went out.
    Unsent(hyper::Error),
    /// The connection broke after the request had begun.
    Lost(hyper::Error),
    /// The endpoint took too long.
    Slow,
}

/// When a request must be out, and when its answer must be here.
#[derive(Clone, Copy)]
pub(super) struct Deadlines {
    /// Later its first byte is not sent; none is always in time.
    pub out: Option<Moment>,
    /// Later nobody waits for the answer.
    pub answered: Instant,
}

/// Sends requests.
pub(super) struct Sender {
    connector: Connector,
    shelf: Shelf,
}

impl Sender {
    pub(super) fn new(allow_private: bool, connect_within: Duration, clock: Clock) -> Result<Self, rustls::Error> {
        Ok(Self { connector: Connector::new(allow_private, connect_within, clock)?, shelf: Shelf::default() })
    }

    /// Sends a request to the host of `url` and reads the head of its answer. A connection that the endpoint closed while it
    /// waited, before any byte of this request was written to it, is replaced at once.
    pub(super) async fn send(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        deadlines: Deadlines,
    ) -> Result<Answer, Broken> {
        let origin = &url[..Position::AfterPort];
        loop {
            let mut connection = match self.shelf.take(origin) {
                Some(connection) => connection,
                None => self.connector.open(url, deadlines.answered).await.map_err(Broken::Unconnected)?,
            };
            connection.slot.load(deadlines.out);
            match timeout_at(deadlines.answered, connection.send(request.clone())).await {
                Ok(Ok(response)) => return Ok(self.answer(response, connection, origin, deadlines)),
                Ok(Err(_)) if connection.slot.is_refused() => return Err(Broken::TooLate),
                Ok(Err(_)) if connection.is_reused && !connection.slot.has_begun() => {}
                Ok(Err(error)) if connection.slot.has_begun() => return Err(Broken::Lost(error)),
                Ok(Err(error)) => return Err(Broken::Unsent(error)),
                Err(_) => return Err(Broken::Slow),
            }
        }
    }

    fn answer(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        origin: &str,
        deadlines: Deadlines,
    ) -> Answer {
        let (head, body) = response.into_parts();
        let shelf = self.shelf.clone();
        Answer { head, body, deadline: deadlines.answered, connection, shelf, origin: origin.to_owned() }
    }
}

/// An answer whose body is still to be read. Whoever drops it closes the connection.
pub(super) struct Answer {
    pub head: Parts,
    body: Incoming,
    deadline: Instant,
    connection: Connection,
    shelf: Shelf,
    origin: String,
}

impl Answer {
    /// The next part of the body; none at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            match timeout_at(self.deadline, self.body.frame()).await {
                Ok(None) => return Ok(None),
                // Trailers are of no use here.
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(Some(Err(error))) => return Err(Broken::Lost(error)),
                Err(_) => return Err(Broken::Slow),
            }
        }
    }

    /// Keeps the connection for the next call; the body was read to its end.
    pub(super) fn keep_connection(self) {
        self.shelf.put(self.origin, self.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Method;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const LIMIT: Duration = Duration::from_secs(10);

    /// Takes `connections`, one after the other, answers on each `answers` requests and then reads until it is closed, or
    /// closes it itself. Its value is what was read on each.
    async fn endpoint(connections: usize, answers: usize, closes: bool) -> (Url, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/path?query", listener.local_addr().unwrap()).parse().unwrap();
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            for _ in 0..connections {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (mut read, mut answered) = (Vec::new(), 0);
                while !(closes && answered == answers) && stream.read_buf(&mut read).await.unwrap_or(0) > 0 {
                    if answered < answers && read.ends_with(b"\r\n\r\n{}") {
                        answered += 1;
                        stream.write_all(ANSWER).await.unwrap();
                    }
                }
                all.push(String::from_utf8(read).unwrap());
            }
            all
        });
        (url, reading)
    }

    fn request(method: &Method, url: &Url, body: &'static str) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method).uri(&url[Position::BeforePath..]).header("host", "x");
        request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
    }

    /// A sender whose clocks stand at `boot` and `wall` seconds.
    fn sender() -> (Sender, [Arc<AtomicU64>; 2]) {
        super::super::use_tls();
        let clocks = [Arc::new(AtomicU64::new(100)), Arc::new(AtomicU64::new(100))];
        let [boot, wall] = clocks.clone();
        let read = |clock: &AtomicU64| Duration::from_secs(clock.load(Ordering::SeqCst));
        let clock = Clock::new(move || Moment { boot: read(&boot), wall: read(&wall) });
        (Sender::new(true, LIMIT, clock).unwrap(), clocks)
    }

    fn until(seconds: u64) -> Deadlines {
        let out = Moment { boot: Duration::from_secs(seconds), wall: Duration::from_secs(seconds) };
        Deadlines { out: Some(out), answered: Instant::now() + LIMIT }
    }

    /// Makes a call and keeps its connection.
    async fn call(sender: &Sender, url: &Url) {
        let mut answer = sender.send(url, request(&Method::POST, url, "{}"), until(100)).await.unwrap();
        assert!(answer.chunk().await.unwrap().is_none());
        answer.keep_connection();
    }

    #[tokio::test]
    async fn no_byte_of_a_late_request_is_sent_whatever_its_method_and_its_connection() {
        let methods = [Method::GET, Method::HEAD, Method::DELETE, Method::POST];
        for (method, late, is_reused) in
            methods.iter().flat_map(|method| [(0, false), (0, true), (1, true)].map(|(late, is)| (method, late, is)))
        {
            let (url, reading) = endpoint(1, 1, false).await;
            let (sender, clocks) = sender();
            if is_reused {
                call(&sender, &url).await;
                // The connection must be ready for the next request.
                while !sender.shelf.has_ready(&url[..Position::AfterPort]) {
                    tokio::task::yield_now().await;
                }
            }
            clocks[late].store(101, Ordering::SeqCst);
            let body = if *method == Method::POST { "{\"late\": true}" } else { "" };
            let sent = sender.send(&url, request(method, &url, body), until(100)).await;
            assert!(matches!(sent, Err(Broken::TooLate)), "{method}");
            let read = reading.await.unwrap().remove(0);
            assert_eq!(read.matches("HTTP/1.1").count(), usize::from(is_reused), "{method}: {read}");
            assert!(!read.contains("late"), "{method}: {read}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_in_time_to_the_second_is_sent_as_http_1_1() {
        let (url, reading) = endpoint(1, 1, true).await;
        let (sender, _) = sender();
        call(&sender, &url).await;
        let read = reading.await.unwrap().remove(0);
        assert!(read.starts_with("POST /path?query HTTP/1.1\r\n") && read.ends_with("\r\n\r\n{}"), "{read}");
    }

    #[tokio::test]
    async fn a_connection_that_the_endpoint_closed_while_it_waited_is_replaced() {
        let (url, reading) = endpoint(2, 1, true).await;
        let (sender, _) = sender();
        call(&sender, &url).await;
        call(&sender, &url).await;
        assert_eq!(reading.await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_connection_is_used_for_the_next_call() {
        let (url, reading) = endpoint(1, 10, false).await;
        let (sender, _) = sender();
        for _ in 0..10 {
            call(&sender, &url).await;
            while !sender.shelf.has_ready(&url[..Position::AfterPort]) {
                tokio::task::yield_now().await;
            }
        }
        drop(sender);
        assert_eq!(reading.await.unwrap()[0].matches("HTTP/1.1").count(), 10);
    }
}
