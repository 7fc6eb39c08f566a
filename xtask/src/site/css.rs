//! One style sheet out of `style/main.css` and what it imports, minified. No targets are set, so
//! nothing is rewritten for old browsers: `light-dark()`, nesting and layers stay as they are.

use std::path::Path;

use anyhow::{Result, anyhow};
use lightningcss::bundler::{Bundler, FileProvider};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions};

/// Bundles and minifies; a missing `main.css` gives an empty sheet, an error names file and line.
pub fn bundle(entry: &Path) -> Result<String> {
    if !entry.exists() {
        return Ok(String::new());
    }
    let files = FileProvider::new();
    let mut bundler = Bundler::new(&files, None, ParserOptions::default());
    let mut sheet = bundler.bundle(entry).map_err(|error| anyhow!("style: {error}"))?;
    sheet.minify(MinifyOptions::default()).map_err(|error| anyhow!("style: {error}"))?;
    let options = PrinterOptions { minify: true, ..Default::default() };
    let css = sheet.to_css(options).map_err(|error| anyhow!("style: {error}"))?;
    Ok(css.code)
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::bundle;

    #[test]
    fn imports_are_inlined_and_light_dark_stays_native() -> Result<()> {
        let dir = std::env::temp_dir().join(format!("sexton-css-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("colors.css"), ":root { --ink: light-dark(#111, #eee); }")?;
        std::fs::write(dir.join("main.css"), "@import './colors.css' layer(base);\np { color: red }")?;
        let css = bundle(&dir.join("main.css"));
        std::fs::remove_dir_all(&dir)?;
        assert_eq!(css?, "@layer base{:root{--ink:light-dark(#111,#eee)}}p{color:red}");
        Ok(())
    }
}
