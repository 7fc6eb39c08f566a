//! The binary: `sexton serve`, `sexton migrate`, what operators do at the database, and what people do from the command line.

use server::config::{Cli, Command};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "faults")]
    let _faults = backend::faults::start();
    server::zones::choose(std::env::var_os("TZDIR").map(Into::into));
    let result = match Cli::read().command {
        Command::Serve(settings) => server::serve::run(*settings).await,
        Command::Migrate(settings) => server::serve::migrate(&settings).await,
        Command::User(arguments) => server::operate::user(arguments).await,
        Command::Alert(arguments) => server::operate::alert(arguments).await,
        Command::ApiKey(arguments) => server::operate::api_key(arguments).await,
        Command::People(command) => return server::cli::run(*command).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sexton: {error:#}");
            ExitCode::FAILURE
        }
    }
}
