//! Commands besides `serve`, and how the first administrator comes to be.

use super::{DatabaseSettings, MailSettings};
use crate::edge::host::PublicUrl;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// How an instance that nobody has claimed gets its first administrator.
#[derive(Clone, Debug, Args)]
pub struct ClaimSettings {
    /// Address of the first administrator; with SEXTON_ADMIN_PASSWORD_FILE, and only while there is none.
    #[arg(long, env = "SEXTON_ADMIN_EMAIL", requires = "admin_password_file")]
    pub admin_email: Option<String>,
    /// The file that holds their password.
    #[arg(long, env = "SEXTON_ADMIN_PASSWORD_FILE", requires = "admin_email")]
    pub admin_password_file: Option<PathBuf>,
    /// The file that keeps the one-time token with which the instance can be claimed; only its owner can read it.
    #[arg(long, env = "SEXTON_SETUP_TOKEN_FILE", default_value = "sexton-setup-token")]
    pub setup_token_file: PathBuf,
}

/// Arguments of `alert`.
#[derive(Clone, Debug, Args)]
pub struct AlertArguments {
    /// What to do.
    #[command(subcommand)]
    pub command: AlertCommand,
}

/// What can be tried out.
#[derive(Clone, Debug, Subcommand)]
pub enum AlertCommand {
    /// Send a mail with the settings of `serve`, and say what the mail server answers.
    Test {
        /// Who gets it.
        #[arg(value_name = "ADDRESS")]
        to: String,
        /// How alerts leave by mail.
        #[command(flatten)]
        mail: Box<MailSettings>,
        /// How people reach Sexton: by its name the mail server is greeted.
        #[arg(long, env = "SEXTON_PUBLIC_URL")]
        public_url: Option<PublicUrl>,
    },
}

/// Arguments of `user`.
#[derive(Clone, Debug, Args)]
pub struct UserArguments {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// What to do.
    #[command(subcommand)]
    pub command: UserCommand,
}

/// What can be done with accounts.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// Create an account. Without a file, a random password is made and printed once.
    Add {
        /// Its address.
        email: String,
        /// Make it an administrator of the instance.
        #[arg(long)]
        admin: bool,
        /// Let it create projects; administrators may in any case.
        #[arg(long)]
        create_projects: bool,
        /// The file that holds its password.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
    /// Let an account sign in no more: its sessions and tokens end at once.
    Disable {
        /// Its address.
        email: String,
    },
    /// Let an account sign in again.
    Enable {
        /// Its address.
        email: String,
    },
    /// Let an account create projects.
    Projects {
        /// Its address.
        email: String,
        /// Do not let it create projects any more.
        #[arg(long)]
        forbid: bool,
    },
    /// Make a personal token of an account; it is printed once, and nothing else.
    Token {
        /// Its address.
        email: String,
        /// What the token is called.
        #[arg(long)]
        name: String,
        /// What it may be used for: read, write, delete, manage; without, all that its person may.
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// It ends after so many days; without, never.
        #[arg(long)]
        days: Option<u16>,
    },
    /// Give an account another password. Without a file, a random one is made and printed once.
    ResetPassword {
        /// Its address.
        email: String,
        /// The file that holds the password.
        #[arg(long)]
        password_file: Option<PathBuf>,
    },
}

/// Arguments of `api-key`.
#[derive(Clone, Debug, Args)]
pub struct KeyArguments {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What can be done with API keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Create a key of a project; it is printed once.
    Create {
        /// The project's id or name.
        project: String,
        /// What the key is called.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long, value_delimiter = ',', default_value = "callbacks")]
        scopes: Vec<String>,
        /// It ends after so many days; without, never.
        #[arg(long)]
        days: Option<u16>,
    },
}
