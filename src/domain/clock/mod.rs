//! Clocks: by when the law, and the company's own promise, want what. The rows are data ([`Table`]); a case keeps the
//! terms that it was opened under ([`Clock`]), so that a new table changes no old case.

mod course;
mod days;
mod sentence;
mod table;
mod term;

pub use course::{
    Acknowledgement, Clock, ClockKind, Clocks, Extension, ExtensionGround, Overdue, Pause, PauseGround, Tick,
};
pub use days::{Easter, Holidays, Nth};
pub use table::{Anchor, PROMISE, Promise, Regime, Row, Table};
pub use term::{Term, Unit};

#[cfg(test)]
mod tests;
