//! Who calls: an internal service, by its name. Request ids are unique per caller.

/// The gRPC metadata entry in which a caller names itself.
pub const METADATA_KEY: &str = "rightful-caller";
/// The name of a caller that gives none.
pub const LOCAL: &str = "local";

/// By which name rightful opens cases itself. Nobody else can have it.
pub const OWN: &str = "rightful";

/// What [`is_caller`] asks for, in words.
pub const CALLER_RULE: &str = "must be 1 to 63 lower-case letters, digits, underscores, dots and hyphens, starting with a letter, and not rightful";

/// Whether a text can name a caller: `[a-z][a-z0-9_.-]{0,62}`. Names are kept and shown in clear.
pub fn is_caller(text: &str) -> bool {
    let bytes = text.as_bytes();
    text != OWN
        && (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_named_like_services() {
        for good in [LOCAL, "a", "support-desk", "account.settings_2", &"x".repeat(63)] {
            assert!(is_caller(good), "{good:?}");
        }
        for bad in ["", OWN, "Support", "1st", "-x", "a b", "a/b", "ä", "a@b", &"x".repeat(64)] {
            assert!(!is_caller(bad), "{bad:?}");
        }
    }
}
