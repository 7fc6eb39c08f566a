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
    /// The same by a node that was held up for longer than the lease, and what its clocks show of that.
    Late(Clocks),
}

/// Which clocks of a node show that the lease of a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clocks {
    /// The monotonic clock, which stands still while the machine is suspended.
    pub monotonic: bool,
    /// The clock since boot, which does not.
    pub boot: bool,
    /// The wall clock, which somebody may set back.
    pub wall: bool,
}

impl Clocks {
    /// The node was stopped, its machine was not.
    pub const ALL: Self = Self { monotonic: true, boot: true, wall: true };
    /// The machine was suspended.
    pub const SUSPENDED: Self = Self { monotonic: false, ..Self::ALL };
    /// The wall clock was set back meanwhile.
    pub const SET_BACK: Self = Self { wall: false, ..Self::ALL };
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
