//! rightful fulfils data-subject requests across many services. `ARCHITECTURE.md` is the map of this crate.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod downstream;
pub mod engine;
pub mod export;
pub mod grpc;
pub mod identity;
pub mod notice;
pub mod proto;
pub mod store;
pub mod telemetry;
pub mod transport;
pub mod vault;
pub mod web;
