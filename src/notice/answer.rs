//! What a receiver's answer means.

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// How a delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: the notice was taken.
    Taken,
    /// 410: the receiver is gone for good.
    Gone,
    /// Everything else, silence included.
    NotTaken {
        /// Why, in our words: it holds nothing that the receiver said.
        error: String,
        /// How long the receiver asked to be left alone (`Retry-After`).
        retry_after: Option<SignedDuration>,
    },
}

impl Answer {
    pub(super) fn of(code: u16, retry_after: Option<&str>, now: Timestamp) -> Self {
        match code {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            _ => Self::NotTaken {
                error: format!("HTTP {code}"),
                retry_after: retry_after.and_then(|text| delay(text.trim(), now)),
            },
        }
    }

    pub(super) fn silence(error: impl Into<String>) -> Self {
        Self::NotTaken { error: error.into(), retry_after: None }
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn delay(text: &str, now: Timestamp) -> Option<SignedDuration> {
    let seconds = text.parse::<u32>().ok().map(|seconds| SignedDuration::from_secs(seconds.into()));
    seconds.or_else(|| {
        let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(at.duration_since(now).max(SignedDuration::ZERO))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_delays_are_read() {
        let now = "2015-10-21T07:27:00Z".parse::<Timestamp>().unwrap();
        let after = |text| match Answer::of(503, Some(text), now) {
            Answer::NotTaken { retry_after, .. } => retry_after.map(|delay| delay.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(after("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!((after("soon"), after("-1")), (None, None));
        assert_eq!(Answer::of(204, None, now), Answer::Taken);
        assert_eq!(Answer::of(410, None, now), Answer::Gone);
        assert!(matches!(Answer::of(301, None, now), Answer::NotTaken { .. }), "redirects are not followed");
    }
}
