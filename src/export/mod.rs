//! Personal data at rest: parts, the bag, and its view as a ZIP.
//!
//! What a downstream streams is deflated once, sealed once and stored ([`Collector`]); the export is a view of that,
//! described by a [`Manifest`] ([`bag`]) and composed while it is downloaded ([`compose`]).

pub mod bag;
pub mod compose;
pub mod receipt;
pub mod verify;

mod collect;
mod completeness;
mod contents;
mod counter;
mod disclosure;
mod error;
mod facts;
mod hex;
mod layout;
mod manifest;
mod name;
mod object;
mod page;
mod part;
mod press;
mod progress;
mod ro_crate;
mod schema;
mod sink;
mod storage;
#[cfg(test)]
mod tests;
mod words;

pub use collect::{CHECKPOINT_BYTES, Collected, Collector, Place};
pub use counter::{Counter, Digest};
pub use error::Error;
pub use facts::{Controller, Described, Facts};
pub use manifest::Manifest;
pub use object::ObjectId;
pub use part::Part;
pub use progress::Progress;
pub use sink::Sink;
pub use storage::{Settings, Storage};
