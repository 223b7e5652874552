//! Between the messages of `proto/` and the nouns of the domain. Every fault of a request is found, not just the first.

mod access;
mod case;
mod category;
mod choice;
mod downstream;
mod handling;
mod hold;
mod notice;
mod opening;
mod particulars;
mod preview;
mod request;
mod resolution;
mod sweep;
mod time;

#[cfg(test)]
mod tests;

pub(super) use access::{denial, identity};
pub(super) use case::{case, export, subject};
pub(super) use downstream::{check, downstream, downstream_in_brief};
pub(super) use handling::{
    acknowledgement, approval_note, confirmation, extension, pause_ground, refusal_ground,
};
pub(super) use hold::{hold, hold_filter, new_hold, placed_hold, release_hold};
pub(super) use notice::{notice, notice_filter, webhook};
pub(super) use opening::refused;
pub(super) use preview::preview;
pub(super) use request::{downstream_name, filter, id, named, new_case, new_preview, pause};
pub(super) use resolution::{handed_in, resolution};
pub(super) use sweep::{sweep, sweep_filter};
