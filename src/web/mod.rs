//! What goes over HTTP to others: notices to webhooks, questions for the keys of issuers, and for keys to a provider. The only
//! home of the HTTP client.
//!
//! **Invariant:** no redirect is followed and no proxy is used: where something is sent is said in the configuration alone.
//! An answer's body is bounded, and errors say nothing of the URL, which may hold a secret.

mod client;

pub use client::{Answer, Client, Error, Settings, Silence};
