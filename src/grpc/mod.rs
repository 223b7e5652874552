//! The gRPC services: decode and check, ask the engine, encode. No decision is made here.
//!
//! **Invariant:** every error that leaves this room comes from `status.rs`.

mod admission;
mod bulk;
mod caller;
mod case_service;
mod convert;
mod downstream_service;
mod limits;
mod page;
mod rpc;
mod serve;
mod status;

pub use limits::Settings as Limits;
pub use serve::{Now, serve};
