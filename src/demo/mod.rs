//! Three sample downstreams: real gRPC services with databases of their own, for the demo, the tests, and as an
//! example of how a service joins rightful.
//!
//! To learn what a downstream has to do, read in this order:
//! - [`billing`], [`marketing`] and [`analytics`]: what each service holds, one file a table;
//! - `service.rs`: the RPCs and the rules that hold for all of them; `change.rs`: what each right changes;
//! - `collection.rs`: how a collection is streamed and resumed;
//! - `holding.rs`: what the directives of an erasure do to a table; `rectify.rs` and `stop.rs`: how fields are put right
//!   and uses stopped; `task.rs`: how an answer is remembered;
//! - `background.rs`: how a slow service answers "working" and finishes later.

pub mod analytics;
mod background;
pub mod billing;
mod change;
mod collection;
mod database;
mod directive;
mod fleet;
mod holding;
pub mod marketing;
mod moment;
pub mod people;
mod rectify;
mod schema;
mod server;
mod service;
mod stop;
mod task;
#[cfg(test)]
mod tests;
mod traces;
mod work;

pub use fleet::Fleet;
pub use server::Server;

/// What can go wrong while the sample services are filled, started, asked or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database did not do what it was told.
    #[error("the sample database failed")]
    Database(#[from] sea_orm::DbErr),
    /// A row holds what this program never wrote.
    #[error("row {id} of {table} is damaged")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's number in it.
        id: i64,
    },
    /// A folder cannot be made, or a loopback port cannot be had.
    #[error("the sample services cannot be set up")]
    Setup(#[from] std::io::Error),
    /// The descriptors of the reflection service were not accepted.
    #[error("the reflection service cannot be built")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The folder holds databases that were filled from another seed or with another number of people.
    #[error("the folder holds other people: take another folder, or the same seed and number of people")]
    OtherPeople,
    /// A server ended badly.
    #[error("a sample service failed")]
    Serve(#[from] tonic::transport::Error),
    /// A server or its background work panicked, or did not stop in time.
    #[error("a sample service did not stop in order")]
    Stop,
}
