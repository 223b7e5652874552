//! Notices on their way out: how one is put, signed, and sent to a webhook.
//!
//! **Invariant:** what a receiver answers decides whether a notice was taken, and nothing else: its body is discarded, its
//! redirects are not followed.

mod answer;
mod body;
mod webhook;

pub use answer::Answer;
pub use webhook::{Settings, Webhook, Webhooks};
