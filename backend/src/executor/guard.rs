//! The guard against requests to places that are not meant for the public (SSRF): only http and https, no address that is
//! not public unless the operator allows it. The address that was checked is the address that is used, because the client
//! connects to what this resolver answers. Literal addresses never reach a resolver: they are checked apart.

use domain::target;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;

/// Why a target is refused; its text is for people.
#[derive(Debug, thiserror::Error)]
pub(super) enum Blocked {
    #[error("calls to {0} are not allowed: the address is not public")]
    Literal(String),
    #[error("calls to {0} are not allowed: it resolves to an address that is not public")]
    Resolved(String),
    #[error("only http and https can be called")]
    Scheme,
}

/// Checks what can be seen in the URL alone.
pub(super) fn check(url: &Url, allow_private: bool) -> Result<(), Blocked> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Blocked::Scheme);
    }
    let host = url.host_str().unwrap_or_default();
    match target::literal_address(host) {
        Some(address) if !allow_private && !target::is_public(address) => Err(Blocked::Literal(host.to_owned())),
        _ => Ok(()),
    }
}

/// The system's resolver behind the guard.
pub(super) struct Guarded {
    pub allow_private: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !allow_private && found.iter().any(|address| !target::is_public(address.ip())) {
                return Err(Blocked::Resolved(name.as_str().to_owned()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
