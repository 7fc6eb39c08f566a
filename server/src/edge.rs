//! The edge of the HTTP server: whose request it is and by which name it came, how often it may ask, which headers protect
//! the answer. What is inside sees only requests that passed it.
//!
//! Invariant: what a client says of itself in `X-Forwarded-*` counts only when a proxy that the operator trusts says it.

pub mod address;
pub mod connections;
pub mod encoding;
pub mod headers;
pub mod host;
pub mod misdirected;
pub mod rate;
pub mod slow;
pub mod streams;

use address::Network;
use host::PublicUrl;
use rate::RequestLimit;

/// What the layers of the edge share.
pub struct Edge {
    /// Proxies whose `X-Forwarded-*` count.
    pub proxies: Vec<Network>,
    /// How people reach this server.
    pub public: Option<PublicUrl>,
    /// How often one client may ask; none when that is not limited.
    pub limit: Option<RequestLimit>,
}

impl Edge {
    /// True when people reach this server by TLS, which a proxy ends.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public.as_ref().is_some_and(PublicUrl::is_https)
    }
}
