//! The error of a transition that the state tables do not have.

/// An event that a state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} is not possible in state {from}")]
pub struct IllegalTransition {
    /// The state, by name.
    pub from: &'static str,
    /// The event, by name.
    pub event: &'static str,
}
