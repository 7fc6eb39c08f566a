//! How much a computation over a schedule may cost.

/// What a computation may still cost, in candidates looked at. Whoever writes a schedule decides how many there are, so every
/// loop over them takes its steps from one of these.
#[derive(Debug)]
pub(super) struct Budget(u32);

impl Budget {
    pub(super) fn new(steps: u32) -> Self {
        Self(steps)
    }

    /// Takes a step; none when there is none left.
    pub(super) fn take(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}
