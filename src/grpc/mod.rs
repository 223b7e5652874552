//! The gRPC services: decode and check, ask the engine, encode. No decision is made here.
//!
//! **Invariant:** every error that leaves this room comes from `status.rs`.

mod access_service;
mod admission;
mod browser;
mod bulk;
mod caller;
mod case_service;
mod convert;
mod denials;
mod downstream_service;
#[cfg(fuzzing)]
pub mod fuzz;
mod hold_service;
mod limits;
mod measured;
mod notice_service;
mod pace;
mod page;
mod permission;
mod retention_service;
mod rpc;
mod serve;
mod status;

use jiff::Timestamp;

use crate::{domain::Faults, proto::v1::OpenCaseRequest};

pub use limits::Settings as Limits;
pub use pace::Pace;
pub use permission::{Reach, TABLE as PERMISSIONS};
pub use serve::{Connections, Now, Settings, serve};

/// Whether `OpenCase` would take this request at this time, as far as that can be said without knowing the downstreams
/// and the cases of the server.
pub fn check(request: OpenCaseRequest, now: Timestamp) -> Result<(), Faults> {
    convert::new_case(request, now).map(drop)
}
