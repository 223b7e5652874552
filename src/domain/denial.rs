//! Denials: calls that were turned away, told to whoever looks after the house.

use jiff::Timestamp;
use uuid::Uuid;

/// Equal calls of a moment that were denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Its id, in order of time.
    pub id: Uuid,
    /// When the first of them was.
    pub at: Timestamp,
    /// Who called; empty if that is not known.
    pub caller: String,
    /// From where; empty if there were too many to tell apart.
    pub address: String,
    /// What was called.
    pub rpc: String,
    /// Why it was denied, in one word.
    pub reason: String,
    /// How many.
    pub count: u64,
}
