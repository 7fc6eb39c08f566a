//! Bytes of a file as text, whatever wrote them: a BOM, UTF-16, Latin-1, Windows line ends. Pure.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// A text, and the lines of it that were not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// Without a BOM; every line ends with `\n`.
    pub text: String,
    /// Lines that were read as Latin-1, counted from 1.
    pub latin: Vec<usize>,
}

/// Decodes a file. Never fails: a line that is not UTF-8 is read as Latin-1 (in the form that Windows writes).
pub fn decode(bytes: &[u8]) -> Text {
    let (text, latin) = match Encoding::for_bom(bytes) {
        Some((encoding, _)) if encoding != UTF_8 => (encoding.decode(bytes).0.into_owned(), Vec::new()),
        marked => lines(&bytes[marked.map_or(0, |(_, length)| length)..]),
    };
    Text { text: text.replace("\r\n", "\n"), latin }
}

fn lines(bytes: &[u8]) -> (String, Vec<usize>) {
    let (mut text, mut latin) = (String::with_capacity(bytes.len()), Vec::new());
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) => {
                latin.push(index + 1);
                text.push_str(&WINDOWS_1252.decode_without_bom_handling(line).0);
            }
        }
    }
    (text, latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_whatever_wrote_them() {
        let utf_16 = |text: &str, mark: u16, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
            [mark].into_iter().chain(text.encode_utf16()).flat_map(to).collect()
        };
        let rows: [(Vec<u8>, &str, &[usize]); 9] = [
            (b"".to_vec(), "", &[]),
            (b"a\r\nb\r\n".to_vec(), "a\nb\n", &[]),
            (b"\xef\xbb\xbfa\n".to_vec(), "a\n", &[]),
            ("é\n".as_bytes().to_vec(), "é\n", &[]),
            (b"a\ncaf\xe9\n\x80\n".to_vec(), "a\ncafé\n€\n", &[2, 3]),
            (b"\xef\xbb\xbfa\n\xe9".to_vec(), "a\né", &[2]),
            (utf_16("é\r\nb", 0xfeff, u16::to_le_bytes), "é\nb", &[]),
            (utf_16("é\nb", 0xfeff, u16::to_be_bytes), "é\nb", &[]),
            (b"\xff\xfe\xff".to_vec(), "\u{fffd}", &[]),
        ];
        for (bytes, text, latin) in rows {
            assert_eq!(decode(&bytes), Text { text: text.to_owned(), latin: latin.to_vec() }, "{bytes:?}");
        }
    }
}
