//! Who calls.

/// The name of the caller, under which its request ids are unique.
pub(super) fn name() -> String {
    "local".to_owned()
}
