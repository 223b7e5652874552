//! Calls out: the registry of downstreams, their clients, and what their answers mean. The only home of the tonic
//! client beside the command line.
//!
//! **Invariant:** whatever a downstream sends is foreign input. It leaves this room as checked domain values, or as a
//! [`Failure`] whose text is our own.

mod answer;
mod call;
mod change;
mod check;
mod client;
mod collection;
mod convert;
mod counts;
mod describe;
mod failure;
#[cfg(fuzzing)]
pub mod fuzz;
mod guard;
mod json;
mod person;
mod registry;
mod sweep;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use change::Change;
pub use check::Item;
pub use client::{Client, Collect};
pub use collection::Collection;
pub use counts::{Count, Counts};
pub use failure::Failure;
pub use person::{HandedIn, Message, Said, said};
pub use registry::{Error, Registry, Settings};
