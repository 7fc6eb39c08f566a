//! How people reach this server, where that is not how it listens.

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};
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
        if uri.path() != "/" || uri.query().is_some() || text.contains('#') {
            return Err(wrong());
        }
        Ok(Self { is_https, authority: authority.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
