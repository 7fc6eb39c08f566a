//! The guard against requests to places that are not meant for the public (SSRF): only http and https, no address that is
//! not public unless the operator allows it. The address that was checked is the address that is used, because the client
//! connects to what this resolver answers. Literal addresses never reach a resolver: they are checked apart.

use super::names::{Names, NotFound};
use domain::target;
use hyper_util::client::legacy::connect::dns::Name;
use std::net::SocketAddr;
use std::vec::IntoIter;
use tower::util::BoxCloneSyncService;
use url::Url;

/// Turns a name into addresses that may be called.
pub(super) type Resolver = BoxCloneSyncService<Name, IntoIter<SocketAddr>, Unresolved>;

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

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unresolved {
    #[error("the address is not allowed")]
    Blocked(#[source] Blocked),
    #[error("there is no address")]
    Lookup(#[source] NotFound),
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

/// Looks names up by `names`, behind the guard.
pub(super) fn resolver(names: Names, allow_private: bool) -> Resolver {
    BoxCloneSyncService::new(tower::service_fn(move |name: Name| {
        let names = names.clone();
        async move {
            let found = names.addresses(name.as_str()).await.map_err(Unresolved::Lookup)?;
            if !allow_private && found.iter().any(|address| !target::is_public(*address)) {
                return Err(Unresolved::Blocked(Blocked::Resolved(name.as_str().to_owned())));
            }
            let found: Vec<SocketAddr> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(found.into_iter())
        }
    }))
}
