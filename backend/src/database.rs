//! What the promise needs of a database: every session has it (see [`crate::pools`]), and a node does not start without it.
//!
//! Invariant: what was accepted survives a crash of the database. A server that is told otherwise, for all its sessions or
//! for this database, is overruled; one that cannot do it is refused, with the reason.

use crate::{db, migrate};
use sqlx::PgPool;

/// What a session is set to, and what its server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// It replays what another server writes, and takes no writes.
    pub is_standby: bool,
    /// `server_version_num`.
    pub version: i32,
    /// How far a commit waits.
    pub synchronous_commit: String,
    /// The isolation of transactions.
    pub isolation: String,
    /// Whether transactions may only read.
    pub read_only: String,
    /// Whether the server waits for its disk.
    pub fsync: String,
    /// Whether it survives pages that were half written.
    pub full_page_writes: String,
}

/// Why a node cannot work with a database.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It could not be asked.
    #[error(transparent)]
    Unreachable(#[from] sqlx::Error),
    /// It will take writes once it is promoted.
    #[error("the database is a standby, which takes no writes; waiting until it is promoted")]
    Standby,
    /// A later version has changed it, so that this one would read or write it wrongly.
    #[error("this database needs Sexton {0} or later; this is {version}", version = env!("CARGO_PKG_VERSION"))]
    TooNew(String),
    /// Somebody must change something.
    #[error("this database cannot keep the promise: {0}")]
    Refused(String),
}

/// Checks a session of `pool`. Warns of a server that may lose what it has confirmed when its machine crashes.
///
/// # Errors
/// [`Unfit`].
pub async fn check(pool: &PgPool) -> Result<(), Unfit> {
    let mut conn = pool.acquire().await?;
    let facts = db::server::facts(&mut conn).await?;
    if facts.is_standby {
        return Err(Unfit::Standby);
    }
    if let Some(reason) = facts.reason() {
        return Err(Unfit::Refused(reason));
    }
    if let Some(version) = migrate::needs_version(&mut conn).await? {
        return Err(Unfit::TooNew(version));
    }
    for (name, value) in [("fsync", &facts.fsync), ("full_page_writes", &facts.full_page_writes)] {
        if value != "on" {
            tracing::warn!("{name} is {value}: a crash of the database's machine may lose accepted deletions");
        }
    }
    Ok(())
}

impl Facts {
    /// What must be changed, if anything.
    fn reason(&self) -> Option<String> {
        if self.version < 150_000 {
            return Some(format!("it is PostgreSQL {}, and must be 15 or later", self.version / 10_000));
        }
        let needed: [(&str, &str, &[&str]); 3] = [
            ("synchronous_commit", &self.synchronous_commit, &["on", "remote_apply"]),
            ("default_transaction_isolation", &self.isolation, &["read committed"]),
            ("default_transaction_read_only", &self.read_only, &["off"]),
        ];
        let (name, value, allowed) = needed.into_iter().find(|(_, value, allowed)| !allowed.contains(value))?;
        let allowed = allowed.join(" or ");
        let who =
            "Sexton asks for that when it connects, so something between it and the server, such as a pooler, drops it";
        Some(format!("{name} is \"{value}\" in its sessions, and must be {allowed}; {who}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            is_standby: false,
            version: 150_008,
            synchronous_commit: "on".to_owned(),
            isolation: "read committed".to_owned(),
            read_only: "off".to_owned(),
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
        }
    }

    #[test]
    fn a_refusal_names_the_setting_its_value_and_what_is_allowed() {
        let text = str::to_owned;
        assert_eq!(facts().reason(), None);
        assert_eq!(Facts { synchronous_commit: text("remote_apply"), ..facts() }.reason(), None);
        let unfit = [
            (Facts { version: 140_011, ..facts() }, ["PostgreSQL 14", "15 or later"]),
            (
                Facts { synchronous_commit: text("off"), ..facts() },
                ["synchronous_commit is \"off\"", "on or remote_apply"],
            ),
            (Facts { synchronous_commit: text("local"), ..facts() }, ["synchronous_commit", "\"local\""]),
            (Facts { synchronous_commit: text("remote_write"), ..facts() }, ["synchronous_commit", "\"remote_write\""]),
            (Facts { isolation: text("serializable"), ..facts() }, ["default_transaction_isolation", "read committed"]),
            (Facts { read_only: text("on"), ..facts() }, ["default_transaction_read_only is \"on\"", "must be off"]),
        ];
        for (facts, said) in unfit {
            let reason = facts.reason().unwrap();
            assert!(said.iter().all(|part| reason.contains(part)), "{reason}");
        }
    }
}
