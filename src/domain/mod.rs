//! The nouns. Pure: no I/O, no clock, no chance.

#[macro_use]
mod named;

pub mod advance;
pub mod breaker;
pub mod caller;
pub mod capability;
pub mod case;
pub mod category;
pub mod clock;
pub mod confirmation;
pub mod decision;
pub mod directive;
pub mod fault;
pub mod handling;
pub mod id;
pub mod lane;
pub mod outcome;
pub mod plan;
pub mod proceedings;
pub mod retry;
pub mod right;
pub mod scope;
pub mod statement;
pub mod subject;
pub mod task;
pub mod transition;
pub mod verification;

pub use breaker::{Breaker, BreakerState};
pub use capability::Capabilities;
pub use case::{Case, CaseEvent, CaseReason, CaseState, CaseWork};
pub use category::{Category, Ground, GroundCode, LegalBasis, Period, Recipient, Retention};
pub use directive::{Action, Directive};
pub use fault::{Fault, Faults};
pub use id::{CaseId, TaskId};
pub use lane::Lane;
pub use outcome::{CategoryOutcome, CategoryResult, Retained, Withheld};
pub use proceedings::{Details, Proceedings};
pub use right::Right;
pub use scope::Scope;
pub use subject::{Identifier, IdentifierKind, Subject};
pub use task::{Ask, Task, TaskEvent, TaskKind, TaskReason, TaskState};
pub use transition::IllegalTransition;
