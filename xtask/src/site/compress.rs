//! `.br` and `.gz` beside each file, at the highest levels: made once, sent often.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// The compressed files that belong to a file.
pub fn names(file: &str) -> [String; 2] {
    [format!("{file}.br"), format!("{file}.gz")]
}

/// Writes both compressed forms of each file.
pub fn compress(pkg: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    for (file, bytes) in files {
        let [br, gz] = names(file);
        fs::write(pkg.join(&br), brotli(bytes)?).with_context(|| format!("could not write {br}"))?;
        fs::write(pkg.join(&gz), gzip(bytes)?).with_context(|| format!("could not write {gz}"))?;
    }
    Ok(())
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let params =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params).context("brotli failed")?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(9));
    encoder.write_all(bytes).context("gzip failed")?;
    encoder.finish().context("gzip failed")
}
