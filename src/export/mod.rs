//! Personal data at rest: parts, the bag, and its view as a ZIP.
//!
//! What a downstream streams is deflated once, sealed once and stored ([`Collector`]); the export is a view of that,
//! described by a [`Manifest`] ([`bag`]) and composed while it is downloaded ([`compose`]).

mod collect;
mod counter;
mod error;
mod hex;
mod name;
mod object;
mod part;
mod press;
mod progress;
mod sink;
mod storage;

pub use collect::{CHECKPOINT_BYTES, Collected, Collector, Place};
pub use counter::Counter;
pub use error::Error;
pub use object::ObjectId;
pub use part::Part;
pub use progress::Progress;
pub use sink::Sink;
pub use storage::{Settings, Storage};
