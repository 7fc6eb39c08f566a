//! Reading what an endpoint answered: its status, the first 64 kB of its body as text, and when it wants to be called again.

use super::failure::Failure;
use super::send::Answer;
use chrono::{DateTime, TimeDelta, Utc};
use domain::execution::{CallResponse, MAX_ANSWER_BYTES};
use encoding_rs::{Encoding, UTF_8};
use hyper::header::{self, HeaderMap, HeaderName};
use std::time::Instant;

/// Bytes of an answer that are read; the connection of a longer one is closed.
const MOST_READ: usize = 1 << 20;

/// Reads the head and the body of an answer. What is read of the body stops at [`MOST_READ`]: the status decides whether the
/// call went well, not how much the endpoint says besides.
pub(super) async fn read(
    mut answer: Answer,
    began: Instant,
    now: DateTime<Utc>,
    timeout_seconds: i32,
) -> Result<CallResponse, Failure> {
    let first_byte_ms = ms(began);
    let status = answer.head.status;
    let (mut bytes, mut length) = (Vec::new(), 0);
    let is_whole = loop {
        match answer.chunk().await {
            Ok(Some(_)) if length > MOST_READ => break false,
            Ok(Some(chunk)) => {
                length += chunk.len();
                let room = MAX_ANSWER_BYTES - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) => break true,
            Err(broken) if status.is_success() => return Err(Failure::cut_off(&broken, timeout_seconds)),
            Err(_) => break false,
        }
    };
    let response = CallResponse {
        status: status.as_u16(),
        content_type: text(&answer.head.headers, header::CONTENT_TYPE),
        body: body(&answer.head.headers, &bytes, length, is_whole),
        is_truncated: length > MAX_ANSWER_BYTES || (!is_whole && status.is_success()),
        first_byte_ms,
        total_ms: ms(began),
    };
    let asked = text(&answer.head.headers, header::RETRY_AFTER).and_then(|asked| delay(&asked, now));
    if is_whole {
        answer.keep_connection();
    }
    if status.is_success() { Ok(response) } else { Err(Failure::by_status(response, asked)) }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The body as text, in the charset that the endpoint names, or UTF-8. One that is compressed, although nobody asked for that,
/// is not unpacked.
fn body(headers: &HeaderMap, bytes: &[u8], length: usize, is_whole: bool) -> String {
    let coding = text(headers, header::CONTENT_ENCODING).unwrap_or_default();
    if !matches!(coding.trim().to_ascii_lowercase().as_str(), "" | "identity") {
        let more = if is_whole { "" } else { "more than " };
        return format!("Compressed response, {more}{} bytes", grouped(length));
    }
    let charset = text(headers, header::CONTENT_TYPE).and_then(|kind| charset(&kind)).unwrap_or(UTF_8);
    // Postgres keeps no NUL.
    charset.decode(bytes).0.replace('\0', "\u{FFFD}")
}

/// The charset that a `Content-Type` names.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let named = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    Encoding::for_label(named?.as_bytes())
}

/// A number with a comma between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for (at, digit) in digits[first..].char_indices() {
        if at % 3 == 0 && !text.is_empty() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `Retry-After`: seconds, or a date in any of the three forms of RFC 9110, 5.6.7.
fn delay(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are longer than anybody waits.
        return Some(TimeDelta::seconds(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let at: DateTime<Utc> = httpdate::parse_http_date(text).ok()?.into();
    Some((at - now).max(TimeDelta::zero()))
}

fn ms(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let now = "1994-11-06T08:48:37Z".parse().unwrap();
        let minute = Some(TimeDelta::seconds(60));
        let table = [
            ("60", minute),
            (" 60 ", minute),
            ("Sun, 06 Nov 1994 08:49:37 GMT", minute),
            ("Sunday, 06-Nov-94 08:49:37 GMT", minute),
            ("Sun Nov  6 08:49:37 1994", minute),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(TimeDelta::zero())),
            ("99999999999", Some(TimeDelta::seconds(u32::MAX.into()))),
            ("", None),
            ("-1", None),
            ("soon", None),
        ];
        for (text, asked) in table {
            assert_eq!(delay(text, now), asked, "{text:?}");
        }
    }

    #[test]
    fn a_body_is_read_in_its_charset_and_a_compressed_one_is_described() {
        let table: [(&str, &str, &[u8], &str); 7] = [
            ("text/plain", "", b"caf\xc3\xa9", "café"),
            ("text/plain; charset=ISO-8859-1", "", b"caf\xe9", "café"),
            ("text/plain; a=b; Charset=\"windows-1252\"", "identity", b"\x80", "€"),
            ("text/plain; charset=shift_jis", "", b"\x93\xfa\x96\x7b", "日本"),
            ("text/plain; charset=nonsense", "", b"a\0b\xff", "a\u{FFFD}b\u{FFFD}"),
            ("application/json", "gzip", &[0x1f; 1_234], "Compressed response, 1,234 bytes"),
            ("application/json", "BR", &[0x1f; 12], "Compressed response, 12 bytes"),
        ];
        for (kind, coding, bytes, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
            assert_eq!(body(&headers, bytes, bytes.len(), true), expected, "{kind} {coding}");
        }
        assert_eq!(["0", "999", "1,000", "1,048,577"], [0, 999, 1_000, 1_048_577].map(grouped));
    }
}
