//! Who runs Postgres: we ourselves, or the account `postgres` where we are root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};
use nix::unistd::{Gid, Uid, User, chown, geteuid};

/// The account of the server; `None` means our own.
#[derive(Clone)]
pub struct Account(Option<(Uid, Gid)>);

impl Account {
    /// Our own account, or that of `postgres` for root.
    pub fn for_server() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        let user = User::from_name("postgres").context("could not read the accounts of this machine")?;
        let user = user.ok_or_else(|| {
            anyhow!("Postgres refuses root and there is no account `postgres`: create it or run this as another user")
        })?;
        Ok(Self(Some((user.uid, user.gid))))
    }

    /// A command that runs under this account, in a folder that every account may enter.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = self.0 {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    /// Gives a file or folder to this account.
    pub fn own(&self, path: &Path) -> Result<()> {
        if let Some((uid, gid)) = self.0 {
            chown(path, Some(uid), Some(gid))
                .with_context(|| format!("could not give {} to postgres", path.display()))?;
        }
        Ok(())
    }

    /// Whether this account may enter a folder.
    pub fn can_reach(&self, dir: &Path) -> bool {
        let mut command = self.command("test");
        command.arg("-x").arg(dir).status().is_ok_and(|status| status.success())
    }
}
