//! The names by which this server may be called: its public one, and those of this machine. Any other is a page that had its
//! own name point here (DNS rebinding).

use axum::extract::Request;
use axum::http::uri::{Authority, Scheme};
use axum::http::{Uri, header};
use std::net::IpAddr;
use std::str::FromStr;

/// How people reach this server: scheme and authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    is_https: bool,
    authority: Authority,
}

impl PublicUrl {
    /// True when it begins with `https:`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host name, by which this server also greets mail servers.
    #[must_use]
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// As a browser says it in `Origin`: without the port that everybody takes.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let port = self.authority.port_u16().filter(|port| *port != self.usual_port());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{}{port}", self.authority.host().to_ascii_lowercase())
    }

    fn usual_port(&self) -> u16 {
        if self.is_https { 443 } else { 80 }
    }

    fn is(&self, authority: &Authority) -> bool {
        let port = |authority: &Authority| authority.port_u16().unwrap_or_else(|| self.usual_port());
        authority.host().eq_ignore_ascii_case(self.authority.host()) && port(authority) == port(&self.authority)
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" must be a URL without a path, such as https://cron.example.com");
        let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if uri.path() != "/" {
            let host = authority.host();
            return Err(format!(
                "\"{text}\" has a path, but Sexton needs a host name of its own, without one: set it to {}://sexton.{host} or \
                 the like, and let the proxy send all of that name here; docs/adr/0017-no-sub-path.md says why. Else it must be \
                 such as https://cron.example.com",
                if is_https { "https" } else { "http" },
            ));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong());
        }
        Ok(Self { is_https, authority: authority.clone() })
    }
}

/// True when a request is for a name of this server: its `Host`, which there must be once, and the target itself if it has
/// one.
fn is_ours(request: &Request, public: Option<&PublicUrl>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let is_name = |authority: &Authority| {
        is_plain(authority) && (is_local(authority) || public.is_some_and(|public| public.is(authority)))
    };
    hosts.next().is_none() && is_name(&host) && request.uri().authority().is_none_or(is_name)
}

/// A name and perhaps a port, and nothing else.
fn is_plain(authority: &Authority) -> bool {
    let after = authority.as_str().strip_prefix(authority.host());
    after.is_some_and(|port| port.is_empty() || authority.port_u16().is_some())
}

/// A name of this machine, or an address: no page can have an address point elsewhere.
fn is_local(authority: &Authority) -> bool {
    let name = authority.host();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// True when a page sends it to a name that is none of ours: its own name, which it had point here. Programs may use any name
/// that leads here: they bring nothing of somebody who is signed in.
#[must_use]
pub fn is_rebound(request: &Request, public: Option<&PublicUrl>) -> bool {
    let says = |name: &str| request.headers().contains_key(name);
    (says("origin") || says("sec-fetch-site")) && !is_ours(request, public)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn asks(host: &str, target: &str) -> Request {
        Request::builder().uri(target).header("host", host).body(Body::empty()).unwrap()
    }

    #[test]
    fn a_public_url_is_scheme_and_authority() {
        for (text, origin) in [
            ("https://cron.example.com", "https://cron.example.com"),
            ("https://Cron.Example.com/", "https://cron.example.com"),
            ("https://cron.example.com:443", "https://cron.example.com"),
            ("https://cron.example.com:8443", "https://cron.example.com:8443"),
            ("http://10.0.0.7:3000", "http://10.0.0.7:3000"),
            ("http://[fd00::7]", "http://[fd00::7]"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.origin().as_str(), url.is_https()), (origin, text.starts_with("https")));
        }
        let wrong = [
            "",
            "cron.example.com",
            "ftp://x",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u:p@a",
        ];
        for text in wrong {
            assert!(text.parse::<PublicUrl>().unwrap_err().contains("https://cron.example.com"), "{text}");
        }
    }

    #[test]
    fn the_public_name_and_those_of_this_machine_are_ours() {
        let public: PublicUrl = "https://cron.example.com".parse().unwrap();
        for host in [
            "cron.example.com",
            "CRON.example.com",
            "cron.example.com:443",
            "localhost",
            "127.0.0.1:3000",
            "[::1]:3000",
        ] {
            assert!(is_ours(&asks(host, "/"), Some(&public)), "{host}");
        }
        let foreign = [
            "example.com",
            "cron.example.com.evil.example",
            "cron.example.com:80",
            "cron.example.com:x",
            "x@cron.example.com",
            "localhost:x",
        ];
        for host in foreign {
            assert!(!is_ours(&asks(host, "/"), Some(&public)), "{host}");
        }
        assert!(!is_ours(&asks("cron.example.com", "/"), None));
        assert!(!is_ours(&asks("localhost", "http://evil.example/"), Some(&public)));
        assert!(is_ours(&asks("localhost", "http://localhost/"), Some(&public)));
        let mut twice = asks("localhost", "/");
        twice.headers_mut().append("host", "evil.example".parse().unwrap());
        assert!(!is_ours(&twice, Some(&public)));
    }
}
