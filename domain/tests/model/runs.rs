//! An execution in the world: what its row says, and what a node has in its hands.

/// The status of a row in `executions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Never inserted, or removed with the history.
    Absent,
    Pending,
    Running,
    /// RUNNING, and its lease has run out.
    Lost,
    RetryWait,
    Ended,
}

/// What a node has in its hands: the row can say something else meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Not begun, sent, or gone with its node.
    None,
    /// About to be sent.
    Held,
    /// The same by a node that was held up for longer than the lease.
    Late,
}

/// An execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    pub status: Status,
    pub call: Call,
}

impl Run {
    pub const ABSENT: Self = Self { status: Status::Absent, call: Call::None };

    pub fn is_waiting(self) -> bool {
        matches!(self.status, Status::Pending | Status::RetryWait)
    }

    pub fn is_running(self) -> bool {
        matches!(self.status, Status::Running | Status::Lost)
    }
}
