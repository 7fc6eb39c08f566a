//! The databases that are measured on. What is slow to fill is filled once, as a template; every measurement runs on a fresh
//! copy of it, so that each contender finds the same pages.

use crate::fill::{self, Filling};
use anyhow::{Context, Result};
use backend::pools::{self, PoolSettings};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// The programs that take part. `xtask bench` says where they are.
pub struct Tools {
    pub pg_bin: PathBuf,
    pub sexton: PathBuf,
    /// None: the peers could not be installed, and are left out.
    pub node: Option<PathBuf>,
    pub python: Option<PathBuf>,
}

/// The Postgres, and the folder for logs.
pub struct Stage {
    base: String,
    pub admin: PgPool,
    pub tools: Tools,
    pub folder: PathBuf,
    made: Mutex<HashSet<String>>,
    count: AtomicU32,
}

/// One database.
pub struct Place {
    pub url: String,
    pub name: String,
    pub pool: PgPool,
}

impl Stage {
    pub async fn set() -> Result<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let need = |name: &str| path(name).with_context(|| format!("{name} is not set: run `make bench`"));
        let url = std::env::var("BENCH_DATABASE_URL").context("BENCH_DATABASE_URL is not set: run `make bench`")?;
        let (base, _) = url.rsplit_once('/').context("BENCH_DATABASE_URL has no database")?;
        let folder = std::path::absolute("target/bench")?;
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).context("target/bench cannot be made")?;
        let tools = Tools {
            pg_bin: need("BENCH_PG_BIN")?,
            sexton: need("BENCH_SEXTON")?,
            node: path("BENCH_NODE"),
            python: path("BENCH_PYTHON"),
        };
        let (admin, base) = (connect(&url, 2)?, base.to_owned());
        Ok(Self { base, admin, tools, folder, made: Mutex::default(), count: AtomicU32::new(0) })
    }

    /// A number that no other call gets.
    pub fn number(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// A fresh copy of what `filling` says, all of it in the database's memory. One at a time: [`Place::remove`] it after use.
    pub async fn place(&self, filling: &Filling<'_>) -> Result<Place> {
        let template = self.template(filling).await?;
        let name = format!("run_{}", self.number());
        self.command(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        self.command(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")).await?;
        let place = self.open(&name)?;
        sqlx::query(include_str!("../sql/warm.sql")).execute(&place.pool).await?;
        Ok(place)
    }

    /// The template for `filling`, made now if it was not yet: the one that it extends comes first.
    async fn template(&self, filling: &Filling<'_>) -> Result<String> {
        let name = filling.name();
        if self.made.lock().await.contains(&name) {
            return Ok(name);
        }
        let from = match filling.base() {
            None => "template1".to_owned(),
            Some(base) => Box::pin(self.template(&base)).await?,
        };
        self.command(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        self.command(&format!("CREATE DATABASE {name} TEMPLATE {from} STRATEGY FILE_COPY")).await?;
        let place = self.open(&name)?;
        fill::fill(self, &place, filling).await.with_context(|| format!("{name} could not be filled"))?;
        place.pool.close().await;
        self.made.lock().await.insert(name.clone());
        Ok(name)
    }

    /// Removes a database, whoever is still connected.
    pub async fn remove(&self, place: Place) -> Result<()> {
        place.pool.close().await;
        self.command(&format!("DROP DATABASE {} WITH (FORCE)", place.name)).await
    }

    /// Sets a parameter for all sessions that begin from now on.
    pub async fn setting(&self, place: &Place, name: &str, value: &str) -> Result<()> {
        self.command(&format!("ALTER DATABASE {} SET {name} = {value}", place.name)).await
    }

    async fn command(&self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.admin).await.with_context(|| sql.to_owned())?;
        Ok(())
    }

    fn open(&self, name: &str) -> Result<Place> {
        let url = format!("{}/{name}", self.base);
        Ok(Place { pool: connect(&url, 12)?, url, name: name.to_owned() })
    }
}

/// A pool that waits: a benchmark fails for no lesser reason than the product.
pub fn connect(url: &str, max_connections: u32) -> Result<PgPool> {
    let patience = Duration::from_secs(60);
    let settings = PoolSettings {
        max_connections,
        acquire_timeout: patience,
        statement_timeout: Duration::from_secs(1200),
        silent_timeout: None,
    };
    Ok(pools::pool(url, "bench", settings)?)
}
