//! Planted bugs: each breaks one rule of a port, as a wrong store, platform client or caller would.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// `stage` overwrites a written value.
    StageOverwrites,
    /// `stage` takes the pending label from another version.
    StageTakesLabel,
    /// `promote` is not conditional on the current version.
    PromoteIgnoresCurrent,
    /// The write-ahead entry and the lease are not conditional on what the caller saw.
    CompareAndSetIgnoresSeen,
    /// `clear_intent` deletes any write-ahead entry.
    ClearIgnoresHolder,
}
