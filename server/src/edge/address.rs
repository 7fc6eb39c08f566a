//! The address of a client: of the connection, or what proxies that are trusted say of it.

use crate::AppState;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A range of addresses, such as `10.0.0.0/8`; one address is a range too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// True when the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let differs = first.to_bits() ^ address.to_bits();
                differs.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let differs = first.to_bits() ^ address.to_bits();
                differs.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" must be an address or a range such as 10.0.0.0/8 or fd00::/8");
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { first, bits })
    }
}

/// Who sent a request, as [`find`] found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// True when it came by TLS, as a trusted proxy says.
    pub is_https: bool,
}

/// The address of the client that sent a request; none only where a test has no connection.
#[must_use]
pub fn client_address(parts: &Parts) -> Option<IpAddr> {
    client(&parts.extensions).map(|client| client.address)
}

/// The client of a request that passed [`find`].
#[must_use]
pub fn client(extensions: &Extensions) -> Option<Client> {
    extensions.get().copied()
}

/// Finds out who sent a request, once for all layers.
pub async fn find(State(state): State<AppState>, mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let client = of(peer.ip(), request.headers(), &state.edge.proxies);
        request.extensions_mut().insert(client);
    }
    request
}

/// Every proxy adds the address that it got the request from to the end of `X-Forwarded-For`: from there, the first that is
/// no trusted proxy is the client. What stands before it anybody could have written.
fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Client {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(address) {
        return Client { address, is_https: false };
    }
    let is_https = last(headers, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for text in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Some(next) = parse(text.trim()) else { break };
        address = next;
        if !is_trusted(address) {
            break;
        }
    }
    Client { address, is_https }
}

/// An address, with a port or without.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn networks(text: &str) -> Vec<Network> {
        text.split_whitespace().map(|network| network.parse().unwrap()).collect()
    }

    #[test]
    fn a_range_holds_what_has_its_first_bits() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3/31", "10.1.2.2", true),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("2001:db8::/127", "2001:db8::1", true),
            ("2001:db8::/127", "2001:db8::2", false),
        ];
        for (network, address, is_in) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), is_in, "{network:?} {address}");
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "localhost", "10.0.0.0/-1", "10.0.0.0/8/8", "/8"] {
            assert!(wrong.parse::<Network>().unwrap_err().contains("such as 10.0.0.0/8"), "{wrong}");
        }
    }

    #[test]
    fn what_is_forwarded_counts_only_as_far_as_proxies_are_trusted() {
        let one = "127.0.0.1";
        let chain = "127.0.0.1 10.0.0.0/8";
        let cases: [(&str, &str, &[&str], &str); 16] = [
            ("127.0.0.1", "", &["1.2.3.4"], "127.0.0.1"),
            ("9.9.9.9", one, &["1.2.3.4"], "9.9.9.9"),
            ("127.0.0.1", one, &["1.2.3.4"], "1.2.3.4"),
            ("::ffff:127.0.0.1", one, &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", one, &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", one, &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("127.0.0.1", chain, &["6.6.6.6, 1.2.3.4, 10.1.1.1"], "1.2.3.4"),
            ("127.0.0.1", chain, &["6.6.6.6, 1.2.3.4 ,10.1.1.1", "10.2.2.2"], "1.2.3.4"),
            ("127.0.0.1", chain, &["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
            ("127.0.0.1", one, &[], "127.0.0.1"),
            ("127.0.0.1", one, &[""], "127.0.0.1"),
            ("127.0.0.1", one, &["nonsense"], "127.0.0.1"),
            ("127.0.0.1", chain, &["6.6.6.6, nonsense, 10.1.1.1"], "10.1.1.1"),
            ("127.0.0.1", one, &["1.2.3.4:5678"], "1.2.3.4"),
            ("127.0.0.1", one, &["[2001:db8::1]:443"], "2001:db8::1"),
            ("127.0.0.1", one, &["[2001:db8::1]"], "2001:db8::1"),
        ];
        for (peer, trusted, forwarded, expected) in cases {
            let mut headers = HeaderMap::new();
            forwarded.iter().for_each(|value| {
                headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
            });
            let found = of(peer.parse().unwrap(), &headers, &networks(trusted));
            assert_eq!(found.address, expected.parse::<IpAddr>().unwrap(), "{peer} {trusted} {forwarded:?}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_that_it_was_tls() {
        for (peer, scheme, is_https) in [
            ("127.0.0.1", "https", true),
            ("127.0.0.1", "HTTPS", true),
            ("127.0.0.1", "https, http", false),
            ("127.0.0.1", "http", false),
            ("9.9.9.9", "https", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", HeaderValue::from_str(scheme).unwrap());
            let found = of(peer.parse().unwrap(), &headers, &networks("127.0.0.1"));
            assert_eq!(found.is_https, is_https, "{peer} {scheme}");
        }
    }
}
