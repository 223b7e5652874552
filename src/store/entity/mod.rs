//! The rows. Private to the store: everybody else sees domain types.

pub(super) mod case;
pub(super) mod case_event;
pub(super) mod case_identifier;
pub(super) mod denial;
pub(super) mod downstream;
pub(super) mod hold;
pub(super) mod hold_identifier;
pub(super) mod joined_request;
pub(super) mod key_check;
pub(super) mod lane;
pub(super) mod notice;
pub(super) mod notice_delivery;
pub(super) mod notice_order;
pub(super) mod sweep;
pub(super) mod task;
pub(super) mod webhook;
