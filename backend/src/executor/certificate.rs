//! What went wrong with TLS, in words that a person understands.

use chrono::DateTime;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};
use std::io;

/// Why there is no TLS.
pub(super) fn words(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => tls(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the endpoint closed the connection during the TLS handshake".to_owned()
        }
        None => error.to_string(),
    }
}

fn tls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => format!("the endpoint refused the TLS handshake ({alert:?})"),
        Error::PeerIncompatible(_) => "the endpoint offers no TLS version and cipher that Sexton knows".to_owned(),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "the endpoint does not speak TLS".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired => "the endpoint's certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the endpoint's certificate expired on {}", day(*not_after))
        }
        CertificateError::NotValidYet => "the endpoint's certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the endpoint's certificate is not valid before {}", day(*not_before))
        }
        CertificateError::Revoked => "the endpoint's certificate was revoked".to_owned(),
        CertificateError::UnknownIssuer => {
            "the endpoint's certificate is not signed by an authority that this machine trusts".to_owned()
        }
        CertificateError::BadSignature => {
            "the endpoint's certificate was not signed by the authority that it names".to_owned()
        }
        CertificateError::NotValidForName => "the endpoint's certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().take(3).map(String::as_str).collect();
            format!("the endpoint's certificate is for another name ({})", names.join(", "))
        }
        // What is signed by itself is an authority's certificate in the place of an endpoint's.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the endpoint's certificate is self-signed, and this machine does not trust it".to_owned()
        }
        other => format!("the endpoint's certificate was refused: {other}"),
    }
}

fn day(time: UnixTime) -> String {
    let at = i64::try_from(time.as_secs()).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    at.map_or_else(|| "another day".to_owned(), |at| at.format("%Y-%m-%d").to_string())
}
