//! A network between a node and its database that a test can break. Of the protocol it knows how to tell one message
//! from the next: <https://www.postgresql.org/docs/15/protocol-message-formats.html>.

use crate::node::url;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

/// What is wrong with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A connection breaks when the database has committed, before that is said.
    LosesCommitReplies,
    /// A connection breaks before the database hears that it should commit.
    LosesCommits,
    /// One in so many messages, at random, resets its connection instead of arriving.
    Resets(u128),
    /// Nothing arrives and nobody is told. What was connected meanwhile, or before, stays so for ever.
    BlackHole,
    /// Notifications do not arrive.
    LosesNotifications,
}

/// The way to the database. Its connections end with it.
pub struct Proxy {
    url: String,
    network: Arc<Network>,
    _connections: JoinSet<()>,
}

struct Network {
    fault: watch::Sender<Fault>,
    struck: AtomicU64,
}

impl Proxy {
    /// Opens a way to the database of `on`.
    pub async fn before(on: &PgConnectOptions) -> Self {
        let database = format!("{}:{}", on.get_host(), on.get_port());
        let entrance = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = entrance.local_addr().unwrap().port();
        let url = url(&on.clone().host("127.0.0.1").port(port).ssl_mode(PgSslMode::Disable));
        let network = Arc::new(Network { fault: watch::Sender::new(Fault::None), struck: AtomicU64::new(0) });
        let mut connections = JoinSet::new();
        connections.spawn(accept(entrance, database, Arc::clone(&network)));
        Self { url, network, _connections: connections }
    }

    /// The database's URL by this way.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the network has this fault.
    pub fn has(&self, fault: Fault) {
        self.network.fault.send_replace(fault);
    }

    /// How many messages a fault has struck.
    pub fn struck(&self) -> u64 {
        self.network.struck.load(Ordering::Relaxed)
    }
}

async fn accept(entrance: TcpListener, database: String, network: Arc<Network>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = entrance.accept().await.unwrap();
        connections.spawn(carry(client, database.clone(), Arc::clone(&network)));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection, to its end.
async fn carry(mut client: TcpStream, database: String, network: Arc<Network>) {
    let mut fault = network.fault.subscribe();
    let both_ways = async {
        let mut server = TcpStream::connect(database).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let is_committing = AtomicBool::new(false);
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let asked = pump(from_client, to_server, 0, |message| network.passes_on(message, &is_committing));
        let answered = pump(from_server, to_client, 1, |message| network.passes_back(message, &is_committing));
        let end = tokio::select! { end = asked => end, end = answered => end };
        if end.is_err() {
            client.set_zero_linger()?;
            server.set_zero_linger()?;
        }
        io::Result::Ok(())
    };
    let black_hole = async { drop(fault.wait_for(|fault| *fault == Fault::BlackHole).await) };
    let mut both_ways = pin!(both_ways);
    tokio::select! {
        biased;
        // Both sides stay open: the end of the one is never told to the other.
        () = black_hole => std::future::pending().await,
        _ = &mut both_ways => {}
    }
}

/// Whether a message arrives; an error resets its connection.
type Verdict = io::Result<bool>;

/// One direction of a connection, message by message. `kind` is the length of the first one's kind: the client's has none.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut kind: usize,
    judge: impl Fn(&[u8]) -> Verdict,
) -> io::Result<()> {
    let mut read = Vec::with_capacity(16_384);
    while from.read_buf(&mut read).await? > 0 {
        let mut passed = Vec::new();
        while let Some(message) = first(&read, kind) {
            if judge(message)? {
                passed.extend_from_slice(message);
            }
            read.drain(..message.len());
            kind = 1;
        }
        to.write_all(&passed).await?;
    }
    Ok(())
}

/// The first message, if it is there in full: its kind, a length that includes itself, its content.
fn first(read: &[u8], kind: usize) -> Option<&[u8]> {
    let length = u32::from_be_bytes(read.get(kind..kind + 4)?.try_into().unwrap());
    read.get(..kind + length as usize)
}

impl Network {
    /// Judges what a client says.
    fn passes_on(&self, message: &[u8], is_committing: &AtomicBool) -> Verdict {
        let is_commit = message.first() == Some(&b'Q') && message.ends_with(b"COMMIT\0");
        match self.fault() {
            Fault::LosesCommits if is_commit => self.reset(),
            Fault::LosesCommitReplies if is_commit => {
                is_committing.store(true, Ordering::Relaxed);
                Ok(true)
            }
            Fault::Resets(one_in) => self.reset_one_in(one_in),
            _ => Ok(true),
        }
    }

    /// Judges what the database says.
    fn passes_back(&self, message: &[u8], is_committing: &AtomicBool) -> Verdict {
        match (self.fault(), message.first()) {
            (Fault::LosesCommitReplies, Some(b'C'))
                if is_committing.load(Ordering::Relaxed) && message.ends_with(b"COMMIT\0") =>
            {
                self.reset()
            }
            (Fault::LosesNotifications, Some(b'A')) => {
                self.struck.fetch_add(1, Ordering::Relaxed);
                Ok(false)
            }
            (Fault::Resets(one_in), _) => self.reset_one_in(one_in),
            _ => Ok(true),
        }
    }

    fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    fn reset_one_in(&self, messages: u128) -> Verdict {
        if Uuid::new_v4().as_u128().is_multiple_of(messages) { self.reset() } else { Ok(true) }
    }

    fn reset(&self) -> Verdict {
        self.struck.fetch_add(1, Ordering::Relaxed);
        Err(io::ErrorKind::ConnectionReset.into())
    }
}
