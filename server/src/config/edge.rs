//! Settings of the edge: how people reach this node, and how much one client may ask of it.

use crate::edge::Edge;
use crate::edge::address::Network;
use crate::edge::connections::{Limits, files};
use crate::edge::host::PublicUrl;
use crate::edge::rate::RequestLimit;
use crate::edge::streams::Streams;
use backend::limits::Limiter;
use clap::Args;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// See the module.
#[derive(Clone, Debug, Args)]
pub struct EdgeSettings {
    /// How people reach Sexton, such as https://cron.example.com: a name by which it may be called besides localhost. With
    /// https, browsers are told to use nothing else.
    #[arg(long, env = "SEXTON_PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,
    /// Addresses of proxies, or ranges such as 10.0.0.0/8, whose X-Forwarded-For and X-Forwarded-Proto count.
    #[arg(long, env = "SEXTON_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Requests a second from one address, whoever asks from there (of IPv6: from one network of 64 bits); 0 for no limit.
    #[arg(long, env = "SEXTON_RATE_PER_SECOND", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub rate_per_second: u32,
    /// Requests from one address at once; at least those of a second.
    #[arg(long, env = "SEXTON_RATE_BURST", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate_burst: u32,
    /// Connections at a time. It is never more than three quarters of the files that the process may open.
    #[arg(long, env = "SEXTON_CONNECTIONS", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    pub connections: u32,
    /// Connections at a time from one address that is no trusted proxy.
    #[arg(long, env = "SEXTON_CONNECTIONS_PER_ADDRESS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections_per_address: u32,
    /// Streams of events at a time on this node. They never take more than three quarters of the connections.
    #[arg(long, env = "SEXTON_STREAMS", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub streams: u32,
    /// Streams of events at a time of one person or API key on this node.
    #[arg(long, env = "SEXTON_STREAMS_PER_CALLER", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub streams_per_caller: u32,
    /// New idempotency keys of one caller in an hour; their answers are kept for a day.
    #[arg(long, env = "SEXTON_IDEMPOTENCY_KEYS_PER_HOUR", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub idempotency_keys_per_hour: u32,
    /// How long a client may take to send the headers of a request, and be silent between two requests, in seconds.
    #[arg(long, env = "SEXTON_HEADER_TIMEOUT_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub header_timeout_seconds: u64,
}

impl EdgeSettings {
    /// What the layers share.
    #[must_use]
    pub fn edge(&self) -> Edge {
        Edge {
            proxies: self.trusted_proxies.clone(),
            public: self.public_url.clone(),
            limit: RequestLimit::new(self.rate_per_second, self.rate_burst),
        }
    }

    /// How many new idempotency keys a caller may use: those of an hour at once, then one by one.
    #[must_use]
    pub fn keys(&self) -> Limiter<Uuid> {
        let burst = NonZeroU32::new(self.idempotency_keys_per_hour).unwrap_or(NonZeroU32::MIN);
        Limiter::by_the_clock(Duration::from_secs(3_600) / burst.get(), burst)
    }

    /// How many streams there may be.
    #[must_use]
    pub fn streams(&self) -> Arc<Streams> {
        let connections = (self.connections as usize).min(files());
        Streams::new((self.streams as usize).min(connections / 4 * 3), self.streams_per_caller as usize)
    }

    /// Limits of the connections.
    #[must_use]
    pub fn connections(&self) -> Limits {
        Limits {
            connections: self.connections as usize,
            per_address: self.connections_per_address as usize,
            header_timeout: Duration::from_secs(self.header_timeout_seconds),
            proxies: self.trusted_proxies.clone(),
        }
    }
}
