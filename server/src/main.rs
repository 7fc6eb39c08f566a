//! The binary: `sexton serve` and `sexton migrate`.

use clap::Parser;
use server::config::{Cli, Command};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(settings) => server::serve::run(*settings).await,
        Command::Migrate(settings) => server::serve::migrate(&settings).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sexton: {error:#}");
            ExitCode::FAILURE
        }
    }
}
