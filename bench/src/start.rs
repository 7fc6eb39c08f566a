//! P10: from the start of the process to the first page, with the migrations done; and what a browser downloads for that page.

use crate::figures::{Spread, verdict};
use crate::fill::{Filling, Jobs};
use crate::node::Node;
use crate::report::Section;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use std::collections::BTreeSet;
use std::time::Instant;

/// What came over the wire, in bytes, compressed as a browser asks for it.
#[derive(Default)]
struct Sizes {
    html: usize,
    wasm: usize,
    js: usize,
    css: usize,
    rest: usize,
}

pub async fn run(stage: &Stage, rounds: usize) -> Result<Section> {
    let mut section = Section::new("P10: start and size", "| what | figure |");
    let place = stage.place(&Filling { tasks: 1_000, runs: 0, accepted: 0, jobs: Jobs::Nobodys }).await?;
    let (mut took, mut sizes) = (Vec::new(), Sizes::default());
    for _ in 0..rounds {
        let begun = Instant::now();
        let node = Node::spawn(stage, &place, &[]).await?;
        let mut client = node.client().await?;
        let page = client.ask("GET", "/projects", "", false).await?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        let text = String::from_utf8_lossy(&page.body).into_owned();
        ensure!(page.status == 200 && text.contains("bench"), "the first page is {}", page.status);
        sizes = Sizes::of(&node, &text).await?;
    }
    stage.remove(place).await?;
    let took = Spread::of(&took);
    section.row(&format!("| start to first page, ms | {} |", took.show(0)));
    section.row(&format!("| WASM, bytes with brotli | {} |", sizes.wasm));
    section.row(&format!("| JavaScript, bytes with brotli | {} |", sizes.js));
    section.row(&format!("| CSS, bytes with brotli | {} |", sizes.css));
    section.row(&format!("| HTML of the first page, bytes with brotli | {} |", sizes.html));
    section.row(&format!("| first page in all, bytes | {} |", sizes.all()));
    section.goal("start to first page: ≤ 500 ms", format!("{:.0} ms", took.median), verdict(took.median <= 500.0));
    section.goal("WASM: ≤ 300 kB", kilobytes(sizes.wasm), verdict(sizes.wasm <= 300_000));
    section.goal("first page in all: ≤ 350 kB", kilobytes(sizes.all()), verdict(sizes.all() <= 350_000));
    section.note("The page lists the projects; it is complete HTML. Its files: all that it names, each once, as sent to a client that takes brotli.");
    Ok(section)
}

fn kilobytes(bytes: usize) -> String {
    format!("{:.0} kB", bytes as f64 / 1000.0)
}

impl Sizes {
    async fn of(node: &Node, page: &str) -> Result<Self> {
        let mut client = node.client().await?;
        let mut sizes = Self { html: client.ask("GET", "/projects", "", true).await?.wire, ..Self::default() };
        for path in files(page) {
            let answer = client.ask("GET", &path, "", true).await?;
            ensure!(answer.status == 200, "{path}: {}", answer.status);
            match path.rsplit('.').next() {
                Some("wasm") => sizes.wasm += answer.wire,
                Some("js") => sizes.js += answer.wire,
                Some("css") => sizes.css += answer.wire,
                _ => sizes.rest += answer.wire,
            }
        }
        Ok(sizes)
    }

    fn all(&self) -> usize {
        self.html + self.wasm + self.js + self.css + self.rest
    }
}

/// The files of the site that a page names, each once.
fn files(page: &str) -> BTreeSet<String> {
    let quoted = page.split(['"', '\'', '`']);
    quoted
        .filter(|text| (text.starts_with("/pkg/") || *text == "/favicon.svg") && text.contains('.'))
        .map(str::to_owned)
        .collect()
}
