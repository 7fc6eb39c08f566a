//! A Postgres of our own: a persistent one for `xtask run` in `.sexton/postgres`, and throwaway
//! ones for tests. It listens on 127.0.0.1 only, with a random password. `initdb` and the server
//! refuse root, so as root they run as the account `postgres`.

mod account;
mod binaries;
mod cluster;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::{repo, signals};
use account::Account;
pub use binaries::is_installed;
pub use cluster::Cluster;
use cluster::Login;

/// How long a Postgres lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its data stays for the next start.
    Persistent,
    /// Fast and unsafe against power loss; its data goes when it stops.
    Throwaway,
    /// As safe as in production, so that what is measured is true; its data goes when it stops.
    Measured,
    /// As safe as in production but small, for a test that stops and kills it; its data goes when it stops.
    Spare,
}

/// A running Postgres with a database `sexton`. Dropping it stops it, unless it was already
/// running for another xtask that still lives.
pub struct Postgres {
    cluster: Cluster,
    port: u16,
    password: String,
    ours: bool,
}

impl Postgres {
    /// Starts one, or takes over what an earlier xtask left running in our data folder.
    pub fn start(kind: Kind) -> Result<Self> {
        let account = Account::for_server()?;
        let home = home(kind, &account)?;
        let data = home.join("postgres");
        let cluster = Cluster::new(binaries::find(&data)?, account, data, kind);
        let password = password(&home)?;
        signals::watch()?;
        if let Some(port) = cluster.running_port() {
            let ours = claim(&home)?;
            signals::remember(ours.then(|| cluster.clone()));
            return Ok(Self { cluster, port, password, ours });
        }
        signals::remember(Some(cluster.clone()));
        let started = claim(&home).and_then(|_| cluster.start(free_port()?, &password));
        match started {
            Ok(port) => Ok(Self { cluster, port, password, ours: true }),
            Err(error) => {
                signals::forget(&cluster);
                cluster.stop();
                Err(error)
            }
        }
    }

    /// The address of the database `sexton`, as its superuser.
    pub fn url(&self) -> String {
        format!("postgres://sexton:{}@127.0.0.1:{}/sexton", self.password, self.port)
    }

    /// The folder of its programs.
    pub fn bin(&self) -> &Path {
        self.cluster.bin()
    }

    fn login(&self) -> Login<'_> {
        self.cluster.login(self.port, &self.password, "sexton")
    }

    /// Runs a file of SQL in the database `sexton`, in one transaction.
    pub fn apply(&self, file: &Path) -> Result<()> {
        let sql = fs::File::open(file).with_context(|| format!("could not read {}", file.display()))?;
        self.login()
            .psql(&["--single-transaction"], sql.into())
            .with_context(|| format!("{} does not apply", file.display()))?;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.ours {
            signals::forget(&self.cluster);
            self.cluster.stop();
        }
    }
}

/// The folder that holds data, log and password. As root it must be reachable for the account of
/// the server; a repository in a private home is not, and then the data lives in /var/lib.
fn home(kind: Kind, account: &Account) -> Result<PathBuf> {
    if kind != Kind::Persistent {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sexton-postgres-{}-{count}", std::process::id());
        return made(std::env::temp_dir().join(name));
    }
    let home = made(repo::root().join(".sexton"))?;
    if account.can_reach(&home) {
        return Ok(home);
    }
    let name = repo::short_hash(&[repo::root().as_os_str().as_encoded_bytes()]);
    let away = Path::new("/var/lib/sexton").join(name);
    eprintln!("postgres: the account of the server cannot enter this folder; data is in {}", away.display());
    made(away)
}

fn made(dir: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&dir).with_context(|| format!("could not create {}", dir.display()))?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
    Ok(dir)
}

/// The password of this data folder: made once from the system's randomness, readable by us only.
fn password(home: &Path) -> Result<String> {
    let file = home.join("postgres-password");
    if let Ok(password) = fs::read_to_string(&file) {
        return Ok(password);
    }
    let mut bytes = [0_u8; 16];
    let mut source = fs::File::open("/dev/urandom").context("could not open /dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut bytes).context("could not read /dev/urandom")?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    repo::write_private(&file, &password)?;
    Ok(password)
}

/// Notes that this process looks after the Postgres of `home`; false where another one does.
fn claim(home: &Path) -> Result<bool> {
    let file = home.join("owner.pid");
    let owner = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let me = std::process::id();
    if let Some(owner) = owner
        && owner.unsigned_abs() != me
        && kill(Pid::from_raw(owner), None).is_ok()
        && is_xtask(owner)
    {
        return Ok(false);
    }
    fs::write(&file, me.to_string()).context("could not write owner.pid")?;
    Ok(true)
}

/// Whether a process is an xtask, where the system tells: a process id may have been used again.
fn is_xtask(pid: i32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim() == "xtask",
        Err(_) => true,
    }
}

pub fn free_port() -> Result<u16> {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else {
        bail!("no free port on 127.0.0.1");
    };
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use anyhow::{Context, Result};

    use super::{Kind, Postgres};

    #[test]
    fn a_throwaway_postgres_answers_and_leaves_nothing_behind() -> Result<()> {
        let postgres = Postgres::start(Kind::Throwaway)?;
        let home = postgres.cluster.data().parent().context("the data folder has a parent")?.to_owned();
        let answer = postgres.login().psql(&["--command", "select 40 + 2"], Stdio::null())?;
        assert_eq!(answer, "42");
        drop(postgres);
        assert!(!home.exists());
        Ok(())
    }
}
