//! A connection that only reads: there are fewer of them than the pool has, so that reads never take the last ones.

use crate::{Backend, Result};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// See the module. It is given back when it is dropped.
pub(crate) struct Reading {
    connection: PoolConnection<Postgres>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Backend {
    /// A connection for a use case that changes nothing.
    pub(crate) async fn read(&self) -> Result<Reading> {
        let turn = match &self.reads {
            Some(reads) => {
                let turn = timeout(self.pool.options().get_acquire_timeout(), Arc::clone(reads).acquire_owned()).await;
                Some(turn.ok().and_then(Result::ok).ok_or(sqlx::Error::PoolTimedOut)?)
            }
            None => None,
        };
        Ok(Reading { connection: self.pool.acquire().await?, _turn: turn })
    }
}

impl Deref for Reading {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
