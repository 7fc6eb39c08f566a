//! Looking names up: asynchronous, so that a name server that does not answer holds up no thread, and within a limit of time.
//!
//! The name servers and search domains are those of `/etc/resolv.conf`, read at the start; `/etc/hosts` comes first. Answers
//! are kept as long as they say (TTL), but never longer than [`LONGEST`].

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A change of an address is followed within this time and the age limit of connections.
const LONGEST: Duration = Duration::from_secs(30);
/// A name that was not found is looked up again after this time.
const LONGEST_ABSENCE: Duration = Duration::from_secs(5);
/// A name server that has not answered by then is asked again, or the next one is.
const ONE_SERVER: Duration = Duration::from_secs(2);

/// Why a name leads nowhere; its text is for people.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotFound {
    #[error("the name {0} was not found")]
    Unknown(String),
    #[error("the name {0} could not be looked up in time")]
    Late(String),
    #[error("the name {name} could not be looked up: {error}")]
    Failed { name: String, error: NetError },
}

/// Looks names up. Cheap to clone.
#[derive(Clone)]
pub(super) struct Names {
    resolver: TokioResolver,
    within: Duration,
}

impl Names {
    /// With the name servers of this machine. Without any, only names of `/etc/hosts` are found.
    ///
    /// # Errors
    /// When no resolver can be made.
    pub(super) fn new(within: Duration) -> Result<Self, NetError> {
        let (config, options) = hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "the name servers of this machine cannot be read: only names of /etc/hosts are found");
            (ResolverConfig::default(), ResolverOpts::default())
        });
        Self::with(config, options, within)
    }

    fn with(config: ResolverConfig, mut options: ResolverOpts, within: Duration) -> Result<Self, NetError> {
        options.positive_max_ttl = Some(LONGEST);
        options.negative_max_ttl = Some(LONGEST_ABSENCE);
        options.timeout = options.timeout.min(ONE_SERVER);
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        Ok(Self { resolver: builder.build()?, within })
    }

    /// The addresses of a name.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NotFound> {
        let named = || name.to_owned();
        let found = timeout(self.within, self.resolver.lookup_ip(name)).await.map_err(|_| NotFound::Late(named()))?;
        let found: Vec<IpAddr> = found.map_err(|error| refused(named(), error))?.iter().collect();
        if found.is_empty() { Err(NotFound::Unknown(named())) } else { Ok(found) }
    }
}

fn refused(name: String, error: NetError) -> NotFound {
    match error {
        error if error.is_no_records_found() => NotFound::Unknown(name),
        NetError::Timeout => NotFound::Late(name),
        error => NotFound::Failed { name, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts};
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
    use tokio::net::UdpSocket;

    /// A name server that knows `known.test`, at an address whose last number can be changed, for `ttl` seconds.
    struct Server {
        port: u16,
        last: Arc<AtomicU8>,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        async fn start(ttl: u32, answers: bool) -> Self {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let port = socket.local_addr().unwrap().port();
            let (last, asked) = (Arc::new(AtomicU8::new(1)), Arc::new(AtomicUsize::new(0)));
            let (number, count) = (Arc::clone(&last), Arc::clone(&asked));
            tokio::spawn(async move {
                let mut query = [0; 512];
                while let Ok((_, from)) = socket.recv_from(&mut query).await {
                    count.fetch_add(1, Ordering::SeqCst);
                    if answers {
                        let answer = answer(&query, ttl, number.load(Ordering::SeqCst));
                        socket.send_to(&answer, from).await.unwrap();
                    }
                }
            });
            Self { port, last, asked }
        }

        fn names(&self, within: Duration) -> Names {
            let mut connection = ConnectionConfig::udp();
            connection.port = self.port;
            let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
            let mut options = ResolverOpts::default();
            options.use_hosts_file = ResolveHosts::Never;
            Names::with(ResolverConfig::from_name_servers(vec![server]), options, within).unwrap()
        }
    }

    /// Replies with 203.0.113.`last` to a query for the IPv4 address of `known`, and with NXDOMAIN to any other.
    fn answer(query: &[u8], ttl: u32, last: u8) -> Vec<u8> {
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let question = &query[12..end];
        let is_known = question.starts_with(b"\x05known") && question[question.len() - 4..] == [0, 1, 0, 1];
        let is_name = question.starts_with(b"\x05known");
        let head = [0x81, if is_name { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(is_known), 0, 0, 0, 0];
        let mut answer = [&query[..2], &head[..], question].concat();
        if is_known {
            answer.extend([0xc0, 12, 0, 1, 0, 1]);
            answer.extend(ttl.to_be_bytes());
            answer.extend([0, 4, 203, 0, 113, last]);
        }
        answer
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn an_answer_is_kept_as_long_as_it_says_and_a_change_is_followed() {
        for (ttl, kept) in [(3_600, true), (0, false)] {
            let server = Server::start(ttl, true).await;
            let names = server.names(PATIENCE);
            let address = |last| vec![IpAddr::from([203, 0, 113, last])];
            assert_eq!(names.addresses("known.test.").await.unwrap(), address(1));
            let asked = server.asked.load(Ordering::SeqCst);
            server.last.store(2, Ordering::SeqCst);
            assert_eq!(names.addresses("known.test.").await.unwrap(), address(if kept { 1 } else { 2 }), "{ttl}");
            assert!(kept || server.asked.load(Ordering::SeqCst) > asked);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_and_a_server_that_is_silent_are_said_in_words() {
        let server = Server::start(60, true).await;
        let error = server.names(PATIENCE).addresses("other.test.").await.unwrap_err();
        assert_eq!(error.to_string(), "the name other.test. was not found");
        let silent = Server::start(60, false).await;
        let began = std::time::Instant::now();
        let error = silent.names(Duration::from_millis(200)).addresses("known.test.").await.unwrap_err();
        assert_eq!(error.to_string(), "the name known.test. could not be looked up in time");
        assert!(began.elapsed() < PATIENCE);
        assert!(silent.asked.load(Ordering::SeqCst) > 0);
    }
}
