//! The rules of client sessions that can be broken in unit tests.

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weakness {
    /// An acknowledgement that was overtaken takes the watermark back.
    LateAcknowledgementRegresses,
    /// A request that is cancelled by an acknowledgement counts as running for ever.
    CancelledStaysCounted,
    /// A cancelled request's completion is taken.
    CancelledCompletes,
    /// A request of an unknown session opens it.
    UnknownSessionRuns,
    /// A replica goes by its own clock and not by the log's.
    LocalTime,
    /// Time goes back when a command says so.
    TimeGoesBack,
    /// Of a request whose response is dropped nothing is remembered.
    DroppedIsForgotten,
    /// The snapshot leaves out requests whose response is dropped.
    SnapshotWithoutDropped,
    /// The latest id is given again after it is closed.
    IdAgainAfterClose,
    /// The session that was replaced goes on.
    ReplacedGoesOn,
    /// A session ends though a request of it runs.
    EndsWhileRunning,
    /// A new session pushes the oldest one out.
    OpenPushesOut,
    /// Sequence numbers may be as far ahead as they like.
    NoWindow,
    /// What was asked is not compared.
    NoFingerprint,
    /// A request that runs may run again.
    RunsBesideItself,
    /// A request that was answered is not looked for.
    RunsAfterReply,
    /// A session is not renewed by requests.
    RequestsDoNotRenew,
}

#[cfg(test)]
impl Weakness {
    pub(super) const ALL: [Self; 17] = [
        Self::LateAcknowledgementRegresses,
        Self::CancelledStaysCounted,
        Self::CancelledCompletes,
        Self::UnknownSessionRuns,
        Self::LocalTime,
        Self::TimeGoesBack,
        Self::DroppedIsForgotten,
        Self::SnapshotWithoutDropped,
        Self::IdAgainAfterClose,
        Self::ReplacedGoesOn,
        Self::EndsWhileRunning,
        Self::OpenPushesOut,
        Self::NoWindow,
        Self::NoFingerprint,
        Self::RunsBesideItself,
        Self::RunsAfterReply,
        Self::RequestsDoNotRenew,
    ];
}

pub(super) type Weaknesses = crate::weakness::Weaknesses<Weakness>;
