//! The hydrate entry of the browser, nothing else.

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page once the WASM has loaded.
#[wasm_bindgen]
pub fn hydrate() {
    app::hydrate();
}
