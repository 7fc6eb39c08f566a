# The few commands that one needs; everything else is in `cargo xtask help`.
# A fresh machine needs make, a C compiler and rustup; `run` and `test` install the rest where they can.

export PATH := $(HOME)/.cargo/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test chaos fmt lint bench sqlx clean bootstrap

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: bootstrap ## Build and serve the demo, with its own Postgres unless DATABASE_URL is set
	@cargo xtask run

test: bootstrap ## Lint, test Rust and browser, check sizes and queries; ends with the counts
	@cargo xtask test

chaos: bootstrap ## Kill nodes 3,000 times (CHAOS_KILLS=…), delete what fires 2,000 times, and the other faults
	@cargo xtask chaos

fmt: bootstrap ## Format the sources
	@cargo xtask fmt

lint: bootstrap ## Check formatting and clippy for server and browser, warnings denied
	@cargo xtask lint

bench: bootstrap ## Measure beside other queues: about an hour (ARGS="p2 p4 --rounds 1" for less)
	@cargo xtask bench $(ARGS)

sqlx: bootstrap ## Renew the committed .sqlx after a change of a query or a migration
	@cargo xtask sqlx

clean: ## Remove what was built; the demo's database in .sexton stays
	rm -rf target end2end/node_modules end2end/test-results

# A C compiler and the toolchain of rust-toolchain.toml; silent where both are there.
bootstrap:
	@command -v cc >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev; \
	  else echo "A C compiler is missing: install one (Debian: sudo apt-get install build-essential; macOS: xcode-select --install)" >&2; exit 1; fi; }
	@command -v cargo >/dev/null && command -v rustup >/dev/null || { \
	  echo "Rust is missing: install rustup as https://rustup.rs says, then run this again" >&2; exit 1; }
	@cargo --version >/dev/null 2>&1 || rustup toolchain install --no-self-update
