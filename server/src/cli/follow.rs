//! Following deletions to their ends. Called by `deletions watch` and `tasks delete --wait`.
//!
//! Invariant: what is shown was read; events only say when to read again. A server that is away for a while ends nothing.

use super::connection::Session;
use super::failure::Failure;
use super::hints::Hints;
use super::screen::remark;
use super::words::{news, plain};
use chrono::Utc;
use domain::deletion::{Deletion, DeletionState, LastError, StepProgress};
use domain::page::{Limit, Page};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::time::sleep;
use uuid::Uuid;

/// A server may be away for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Events that come at once are one hint.
const GATHER: Duration = Duration::from_millis(100);

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// These, and no others.
    These,
    /// All that are open, and those that come meanwhile.
    AllOpen,
}

/// Follows deletions.
pub struct Watcher {
    subject: Subject,
    open: BTreeSet<Uuid>,
    seen: BTreeMap<Uuid, Deletion>,
    /// Whether each change is shown; else only the ends are of interest.
    shows: bool,
}

impl Watcher {
    /// A follower that has not looked yet.
    pub fn new(subject: Subject, open: Vec<Uuid>, shows: bool) -> Self {
        Self { subject, open: open.into_iter().collect(), seen: BTreeMap::new(), shows }
    }

    /// Follows them until all have ended, or nobody reads it any more; answers what was read last of each.
    pub async fn follow(mut self, session: &mut Session) -> Result<Vec<Deletion>, Failure> {
        let (mut hints, mut answered, mut is_away) = (Hints::new(), None::<Instant>, false);
        while self.subject == Subject::AllOpen || !self.open.is_empty() {
            // Before the look, so that nothing falls in between.
            hints.open(session).await;
            match self.look(session).await {
                Ok(()) => (answered, is_away) = (Some(Instant::now()), false),
                // Who never answered is not waited for.
                Err(failure) if failure.is_passing() && answered.is_some_and(|at: Instant| at.elapsed() < PATIENCE) => {
                    if !is_away {
                        remark(&format!("{failure}; trying again"));
                    }
                    is_away = true;
                }
                Err(failure) => return Err(failure),
            }
            if (self.open.is_empty() && !is_away) || (self.shows && session.screen.is_gone()) {
                break;
            }
            hints.wait(self.pause(hints.is_live())).await;
            sleep(GATHER).await;
        }
        Ok(self.seen.into_values().collect())
    }

    /// How long nothing need be looked at: steps go on without events.
    fn pause(&self, is_live: bool) -> Duration {
        let is_at_work = |deletion: &Deletion| deletion.state == DeletionState::Running;
        match self.seen.values().any(is_at_work) {
            true => Duration::from_secs(1),
            false if is_live => Duration::from_secs(10),
            false => Duration::from_secs(2),
        }
    }

    /// Reads all that have not ended.
    async fn look(&mut self, session: &mut Session) -> Result<(), Failure> {
        let mut listed = BTreeMap::new();
        if self.subject == Subject::AllOpen {
            let filters = [("state", "SCHEDULED,RUNNING,RETRYING".to_owned())];
            let path = session.path("deletions");
            let page: Page<Deletion> = session.client.page(&path, &filters, None, Limit::MAX).await?;
            for deletion in page.data {
                self.open.insert(deletion.id);
                listed.insert(deletion.id, deletion);
            }
        }
        for id in self.open.clone() {
            let deletion = match listed.remove(&id) {
                Some(deletion) => deletion,
                None => session.client.get(&session.path(&format!("deletions/{id}"))).await?,
            };
            self.take(session, deletion)?;
        }
        Ok(())
    }

    fn take(&mut self, session: &mut Session, deletion: Deletion) -> Result<(), Failure> {
        let before = self.seen.get(&deletion.id);
        if self.shows && session.screen.is_json() {
            if before.is_none_or(|before| signs(before) != signs(&deletion)) {
                session.screen.json(&deletion)?;
            }
        } else if self.shows {
            let (now, name) = (Utc::now().format("%H:%M:%SZ"), plain(&deletion.task_name));
            for line in news(before, &deletion) {
                session.screen.line(&format!("{now}  {name}  {line}"))?;
            }
        }
        if deletion.state.is_final() || deletion.state == DeletionState::Failed {
            self.open.remove(&deletion.id);
        }
        self.seen.insert(deletion.id, deletion);
        Ok(())
    }
}

/// What makes a change worth a line; signs of life alone do not.
fn signs(deletion: &Deletion) -> (DeletionState, &[StepProgress], i32, Option<&LastError>, bool) {
    (deletion.state, &deletion.steps, deletion.attempt, deletion.last_error.as_ref(), deletion.can_undo)
}
