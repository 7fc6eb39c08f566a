//! To which server, as whom, in which project: what every command for people is told.

use super::client::Client;
use super::failure::Failure;
use super::lookup;
use super::screen::Screen;
use clap::Args;
use reqwest::Url;
use std::convert::Infallible;
use std::fmt::{Debug, Formatter};
use uuid::Uuid;

/// The server and the project.
#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct Connection {
    /// Where the server is.
    #[arg(long, env = "SEXTON_SERVER", value_name = "URL", default_value = "http://localhost:3000", value_parser = server)]
    pub server: Url,
    /// A token of yours. Rather set SEXTON_TOKEN: others on this machine can read a command line.
    #[arg(long, env = "SEXTON_TOKEN", hide_env_values = true, value_parser = token)]
    pub token: Option<Token>,
    /// The project, by its name or id. Not needed where there is only one.
    #[arg(long, short, env = "SEXTON_PROJECT", value_name = "NAME OR ID")]
    pub project: Option<String>,
    /// Answer in JSON instead of words and tables.
    #[arg(long)]
    pub json: bool,
}

/// A secret: it is sent, and never shown.
#[derive(Clone)]
pub struct Token(pub String);

impl Debug for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Never fails: clap would show what it refuses.
fn token(text: &str) -> Result<Token, Infallible> {
    Ok(Token(text.trim().to_owned()))
}

fn server(text: &str) -> Result<Url, String> {
    let url: Url = text.trim().parse().map_err(|_| "it must be a URL such as https://sexton.example.com")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must be an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not contain a user or password; there is SEXTON_TOKEN for that".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it must end with its path".to_owned());
    }
    Ok(url)
}

/// A command at work.
pub struct Session {
    /// Asks the server.
    pub client: Client,
    /// The project.
    project: Uuid,
    /// Where the answer goes.
    pub screen: Screen,
}

impl Session {
    /// Finds out which project is meant.
    pub async fn open(connection: &Connection) -> Result<Self, Failure> {
        let client = Client::new(&connection.server, connection.token.as_ref())?;
        let project = lookup::project(&client, connection.project.as_deref()).await?;
        Ok(Self { client, project, screen: Screen::new(connection.json) })
    }

    /// A path below the project.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/projects/{}/{rest}", self.project)
    }
}
