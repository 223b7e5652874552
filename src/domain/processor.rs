//! Processors: downstreams that hold their data for another controller, who answers for it.
//!
//! A company is the controller of its own accounts and often the processor of what its customers typed in. Asked about the
//! latter it does not answer itself: it tells the controller, and the person whose data it is (GDPR 28(3)(e)).

use super::{Ground, GroundCode};

/// Where processors' duty to leave the answer to their controllers stands.
const SOURCE: &str = "GDPR 28(3)(e)";

named! {
    /// What policy makes of data that a downstream holds for another controller.
    pub enum ProcessorPolicy {
        /// The downstream is not asked; its controller is to be told.
        Forward = "forward",
        /// The downstream is asked as if the data were the controller's own: the contract with the other one says so.
        Answer = "answer",
    }
}

/// Why a downstream that holds its data for `controller` is not asked.
pub fn ground(controller: &str) -> Ground {
    Ground {
        code: GroundCode::Processor,
        source: SOURCE.to_owned(),
        note: format!("Held on behalf of {controller}, who answers for it."),
    }
}
