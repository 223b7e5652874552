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
pub mod correction;
pub mod decision;
pub mod directive;
pub mod fault;
pub mod follow_up;
pub mod handling;
pub mod hold;
pub mod id;
pub mod lane;
pub mod outcome;
pub mod particulars;
pub mod plan;
pub mod proceedings;
pub mod retention;
pub mod retry;
pub mod right;
pub mod scope;
pub mod sighting;
pub mod statement;
pub mod subject;
pub mod task;
pub mod transition;
pub mod verification;
pub mod wish;

pub use breaker::{Breaker, BreakerState};
pub use capability::Capabilities;
pub use case::{Case, CaseEvent, CaseReason, CaseState, CaseWork};
pub use category::{Category, Ground, GroundCode, LegalBasis, Period, Recipient, Retention};
pub use correction::Correction;
pub use directive::{Action, Directive, DirectiveSource};
pub use fault::{Fault, Faults};
pub use follow_up::FollowUps;
pub use hold::Hold;
pub use id::{CaseId, HoldId, TaskId};
pub use lane::Lane;
pub use outcome::{CategoryOutcome, CategoryResult, Retained, Withheld};
pub use particulars::{CategoryPurposes, CorrectionRef, Particulars, Use};
pub use proceedings::{Details, Proceedings};
pub use right::Right;
pub use scope::Scope;
pub use sighting::{FieldResult, Sighting};
pub use subject::{Identifier, IdentifierKind, Subject};
pub use task::{Ask, Task, TaskEvent, TaskKind, TaskReason, TaskState};
pub use transition::IllegalTransition;
pub use wish::Wish;
