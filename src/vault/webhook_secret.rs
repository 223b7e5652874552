//! Secrets of webhooks: what notices are signed with, as <https://www.standardwebhooks.com> says (version 1, symmetric).

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// What every secret starts with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification has it.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that is shared with a receiver. It does not print.
pub struct WebhookSecret(hmac::Key);

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(redacted)")
    }
}

impl WebhookSecret {
    /// What a secret looks like.
    pub const RULE: &str = "must be whsec_ and the base64 of 24 to 64 bytes";

    /// Reads `whsec_…`. Absent if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
        BYTES.contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The signature `v1,…` of a message: its id, the second it is sent at, and its body, with dots in between.
    pub fn sign(&self, id: &str, second: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{second}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the specification's reference implementations.
    #[test]
    fn it_signs_as_others_do() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn short_secrets_and_others_are_none() {
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"] {
            assert!(WebhookSecret::parse(bad).is_none(), "{bad}");
        }
    }
}
