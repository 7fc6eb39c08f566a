//! Clients that take their time: thousands of half-open connections, drops of headers and bodies, connections without end.

use crate::client::TOKEN;
use crate::node::{Node, PATIENCE, until, url};
use futures::future::join_all;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};

/// A connection from one of the many addresses of this machine.
async fn connect(node: &Node, from: Ipv4Addr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(node.client.address()).await.unwrap()
}

fn neighbour(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(n).unwrap() + 1)
}

/// Sends `head`, then a drop at a time, until the node closes the connection; answers what it said.
async fn drip(mut stream: TcpStream, head: &str) -> String {
    let mut said = Vec::new();
    let mut drops = interval(Duration::from_millis(500));
    let mut is_open = stream.write_all(head.as_bytes()).await.is_ok();
    while is_open {
        tokio::select! {
            read = stream.read_buf(&mut said) => is_open = read.is_ok_and(|read| read > 0),
            _ = drops.tick() => is_open = stream.write_all(b"a").await.is_ok(),
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The time of the slowest but one of a hundred answers.
async fn p99(node: &Node, path: &str) -> Duration {
    let mut times = Vec::new();
    for _ in 0..300 {
        let began = Instant::now();
        assert_eq!(node.client.status(path).await, 200);
        times.push(began.elapsed());
    }
    times.sort();
    times[times.len() * 99 / 100]
}

#[sqlx::test(migrations = false)]
async fn two_thousand_slow_clients_take_nothing_from_the_others(_: PgPoolOptions, on: PgConnectOptions) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let node = Node::ready(&url(&on), &[("SEXTON_HEADER_TIMEOUT_SECONDS", "10")]).await;
    let project = node.client.project(10).await;
    let task = node.client.tasks(&project, 1).await.remove(0);
    let quiet = p99(&node, &task).await;
    let streams = join_all((0..2_000).map(|n| connect(&node, neighbour(n / 100)))).await;
    let began = Instant::now();
    let slow = tokio::spawn(join_all(
        streams.into_iter().map(|stream| tokio::spawn(drip(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "))),
    ));
    let busy = p99(&node, &task).await;
    assert!(!slow.is_finished(), "they were open meanwhile: {:?}", began.elapsed());
    println!("p99 {quiet:?} without them, {busy:?} with them");
    assert!(busy <= quiet * 2 + Duration::from_millis(25), "{quiet:?}, then {busy:?}");
    let closed = timeout(PATIENCE, slow).await.expect("drops keep a connection open").unwrap();
    assert_eq!(closed.len(), 2_000);
    println!("all were closed after {:?}", began.elapsed());
    assert_eq!(node.client.status("/readyz").await, 200);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn one_address_cannot_take_all_connections(_: PgPoolOptions, on: PgConnectOptions) {
    let few = [("SEXTON_CONNECTIONS_PER_ADDRESS", "20"), ("SEXTON_CONNECTIONS", "60")];
    let node = Node::ready(&url(&on), &few).await;
    let greedy = neighbour(0);
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..100 {
        let mut stream = connect(&node, greedy).await;
        // One that is taken is asked and answers; one too many is closed.
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok();
        let mut first = [0; 12];
        match timeout(PATIENCE, stream.read_exact(&mut first)).await.unwrap() {
            Ok(_) if asked && first == *b"HTTP/1.1 200" => open.push(stream),
            _ => refused += 1,
        }
    }
    assert_eq!((open.len(), refused), (20, 80));
    assert_eq!(node.client.status("/livez").await, 200, "another address is answered");
    drop(open);
    until("it may connect again", async || {
        let mut stream = connect(&node, greedy).await;
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.is_ok();
        asked && stream.read_u8().await.is_ok()
    })
    .await;
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn who_finds_no_connection_free_gets_the_next(_: PgPoolOptions, on: PgConnectOptions) {
    let few = [("SEXTON_CONNECTIONS", "16"), ("SEXTON_HEADER_TIMEOUT_SECONDS", "1")];
    let node = Node::ready(&url(&on), &few).await;
    let slow =
        join_all((0..16).map(async |n| drip(connect(&node, neighbour(n)).await, "GET / HTTP/1.1\r\nX-Slow: ").await));
    let others = join_all((0..8).map(|_| node.client.status("/livez")));
    let (_, answered) = timeout(PATIENCE, futures::future::join(slow, others)).await.unwrap();
    assert_eq!(answered, [200; 8]);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_body_that_comes_in_drops_is_given_up(pool: PgPoolOptions, on: PgConnectOptions) {
    let pool = pool.max_connections(2).connect_with(on.clone()).await.unwrap();
    let node = Node::ready(&url(&on), &[("SEXTON_REQUEST_TIMEOUT_MS", "1500")]).await;
    let project = node.client.project(10).await;
    let paths = [format!("{project}/tasks"), "/fn/delete_task".to_owned()];
    for (path, key) in paths.iter().flat_map(|path| [(path, ""), (path, "Idempotency-Key: slow\r\n")]) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n{key}\r\n{{"
        );
        let said = timeout(PATIENCE, drip(connect(&node, neighbour(1)).await, &head)).await.expect("it is kept open");
        assert!(said.starts_with("HTTP/1.1 408 "), "{path}: {said}");
        assert!(said.contains("problems/timeout") && said.contains("Nothing has changed"), "{path}: {said}");
    }
    let count = "SELECT (SELECT count(*) FROM tasks) + (SELECT count(*) FROM idempotency_keys)";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&pool).await.unwrap(), 0);
    pool.close().await;
    node.kill();
}

/// What the node says to a request that it may close at once.
async fn said(node: &Node, request: &str) -> String {
    let mut stream = connect(node, neighbour(2)).await;
    let mut said = Vec::new();
    let exchange = async {
        // It may close while this is still being sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.read_to_end(&mut said).await;
    };
    timeout(PATIENCE, exchange).await.expect("it neither answers nor closes");
    String::from_utf8_lossy(&said).into_owned()
}

#[sqlx::test(migrations = false)]
async fn headers_that_are_too_many_or_too_large_are_refused(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::start(&url(&on), &[]).await;
    let asks = |more: &str| format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
    assert!(said(&node, &asks("")).await.starts_with("HTTP/1.1 200 "));
    assert!(said(&node, &asks(&format!("X-A: {}\r\n", "a".repeat(16_000)))).await.starts_with("HTTP/1.1 200 "));
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    let large = format!("X-A: {}\r\n", "a".repeat(40_000));
    for more in [many, large, "X-A: a\r\n".repeat(20_000)] {
        let answer = said(&node, &asks(&more)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(70_000));
    let answer = said(&node, &long).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 414 ") || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    for garbage in ["\r\n\r\n\r\n", "nonsense\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n"]
    {
        let answer = said(&node, garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{garbage:?}: {answer}");
    }
    assert_eq!(node.client.status("/livez").await, 200);
    node.kill();
}

#[sqlx::test(migrations = false)]
async fn a_stream_of_events_outlives_the_patience_with_those_that_are_silent(_: PgPoolOptions, on: PgConnectOptions) {
    let node = Node::ready(&url(&on), &[("SEXTON_HEADER_TIMEOUT_SECONDS", "1")]).await;
    let project = node.client.project(10).await;
    let mut events = node.client.events(&project).await;
    assert!(events.chunk().await.unwrap().is_some_and(|chunk| chunk.starts_with(b"event: hello")));
    // One that has asked and is silent then is closed after that second.
    let silent = said(&node, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(silent.starts_with("HTTP/1.1 200 "), "{silent}");
    let task = node.client.tasks(&project, 1).await.remove(0);
    node.client.accept(&task).await;
    let mut told = String::new();
    while !told.contains("TaskDeletionRequested") {
        let chunk = timeout(PATIENCE, events.chunk()).await.expect("nothing comes").unwrap().expect("the stream ended");
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    node.kill();
}
