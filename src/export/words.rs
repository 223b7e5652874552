//! Plain words for a person: what standings, grounds, periods and sizes mean.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::facts::LeftOut;
use crate::domain::statement::{Standing, Statement};
use crate::domain::{GroundCode, LegalBasis, Period, Right, TaskReason};

pub(super) const fn right(right: Right) -> &'static str {
    match right {
        Right::Portability => "a portable copy of the data you provided (GDPR, article 20)",
        Right::Access
        | Right::Erasure
        | Right::Rectification
        | Right::Restriction
        | Right::Objection
        | Right::ConsentWithdrawal => "access to your data (GDPR, article 15)",
    }
}

/// The badge of a service.
pub(super) const fn badge(standing: Standing) -> &'static str {
    match standing {
        Standing::Collected => "Included",
        Standing::NothingHeld => "Holds nothing",
        Standing::Withheld => "Withheld",
        Standing::Erased => "Erased",
        Standing::Rectified => "Corrected",
        Standing::Restricted => "Restricted",
        Standing::Unrestricted => "In use again",
        Standing::Stopped => "Stopped",
        Standing::Stated => "Done by hand",
        Standing::Waived => "Not done",
        Standing::Unconfirmed => "Not confirmed",
        Standing::Refused => "Refused",
        Standing::Failed => "Missing",
        Standing::Forwarded => "Held for others",
        Standing::NotAsked => "Not asked",
    }
}

/// How to read the badge: `good`, `calm` or `gap`.
pub(super) const fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Collected
        | Standing::Erased
        | Standing::Rectified
        | Standing::Restricted
        | Standing::Unrestricted
        | Standing::Stopped
        | Standing::Stated => "good",
        Standing::NothingHeld | Standing::NotAsked | Standing::Forwarded => "calm",
        Standing::Withheld
        | Standing::Unconfirmed
        | Standing::Refused
        | Standing::Failed
        | Standing::Waived => "gap",
    }
}

/// A sentence on how a service's part went.
pub(super) fn sentence(statement: &Statement) -> &'static str {
    match (statement.standing, statement.reason) {
        (Standing::Collected, _) => "This service holds data about you. It is included in this copy.",
        (Standing::NothingHeld, _) => "This service was asked, and holds nothing about you.",
        (Standing::Withheld, _) => {
            "This service holds something about you that is not handed out, for the reasons below."
        }
        (Standing::Erased, _) => "This service erased what it held about you.",
        (Standing::Rectified, _) => "This service corrected what it holds about you.",
        (Standing::Restricted, _) => "This service keeps what it holds about you, and does not use it.",
        (Standing::Unrestricted, _) => "This service may use what it holds about you again.",
        (Standing::Stopped, _) => "This service stopped the uses that you asked it to stop.",
        (Standing::Stated, _) => "People did this by hand for this service. Nothing could check it.",
        (Standing::Waived, _) => {
            "It was decided not to ask this service. Its data is missing from this copy."
        }
        (Standing::Unconfirmed, _) => "This service holds more than it should after erasing.",
        (Standing::Refused, _) => "This service refused to hand its data out, for the reason below.",
        (Standing::NotAsked, Some(TaskReason::NoKnownIdentifier)) => {
            "This service was not asked: nothing is known by which it could have found you."
        }
        (Standing::NotAsked, Some(TaskReason::RightNotSupported)) => {
            "This service was not asked: it cannot answer requests of this kind yet."
        }
        (Standing::NotAsked, Some(TaskReason::OutOfScope)) => {
            "This service was not asked: the request is not about it."
        }
        (Standing::Forwarded, _) => {
            "This service keeps data on behalf of somebody else, who answers for it and is told of your request."
        }
        (Standing::NotAsked, _) => "This service was not asked.",
        (Standing::Failed, Some(TaskReason::NotDescribed | TaskReason::DownstreamUnknown)) => {
            "This service could not be asked. Its data is missing from this copy."
        }
        (Standing::Failed, Some(TaskReason::AwaitsPerson)) => {
            "People have to look for this service, and nobody has yet. Its data is missing from this copy."
        }
        (Standing::Failed, Some(TaskReason::Unavailable)) => {
            "This service could not be reached. Its data is missing from this copy."
        }
        (Standing::Failed, _) => {
            "This service did not answer in a usable way. Its data is missing from this copy."
        }
    }
}

/// Why a category is not part of a copy.
pub(super) const fn left_out(reason: LeftOut) -> &'static str {
    match reason {
        LeftOut::NotProvidedBySubject => "you did not provide it yourself",
        LeftOut::OutOfScope => "the request is not about it",
    }
}

/// A ground, as the end of "because …".
pub(super) const fn ground(code: GroundCode) -> &'static str {
    match code {
        GroundCode::LegalObligation => "a law obliges the controller",
        GroundCode::PublicTask => "a public task requires it",
        GroundCode::LegalClaims => "it is needed for legal claims",
        GroundCode::Expression => "freedom of expression and information protects it",
        GroundCode::PublicHealth => "public health requires it",
        GroundCode::Archiving => "it serves archiving, research or statistics",
        GroundCode::RightsOfOthers => "it would reveal data of other people",
        GroundCode::Credentials => "it is a password, key or account number that could be misused",
        GroundCode::Contract => "a running contract needs it",
        GroundCode::IdentityInDoubt => "it is in doubt who asks",
        GroundCode::ManifestlyUnfounded => "the request is manifestly unfounded",
        GroundCode::Excessive => "the request is excessive",
        GroundCode::LegalHold => "a legal hold forbids changes",
        GroundCode::StatutoryExemption => "a law exempts it",
        GroundCode::Processor => "it is held on behalf of somebody else",
    }
}

pub(super) const fn basis(basis: LegalBasis) -> &'static str {
    match basis {
        LegalBasis::Consent => "your consent",
        LegalBasis::Contract => "a contract with you",
        LegalBasis::LegalObligation => "a legal obligation",
        LegalBasis::VitalInterests => "vital interests",
        LegalBasis::PublicTask => "a public task",
        LegalBasis::LegitimateInterests => "legitimate interests",
    }
}

/// `7 years`, `1 year and 6 months`.
pub(super) fn period(period: &Period) -> String {
    let Ok(span) = period.as_str().parse::<jiff::Span>() else { return period.as_str().to_owned() };
    let units = [
        (i64::from(span.get_years()), "year"),
        (i64::from(span.get_months()), "month"),
        (i64::from(span.get_weeks()), "week"),
        (i64::from(span.get_days()), "day"),
    ];
    let said: Vec<String> = units
        .into_iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
        .collect();
    said.join(" and ")
}

/// `21 November 2026`, in UTC.
pub(super) fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

/// `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 bytes`, `1.2 kB`, `34 MB`: decimal units, as file managers show them.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < units.len() {
        tenths /= 1000;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, units[unit])
    } else {
        format!("{} {}", tenths / 10, units[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(123), "123");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1234), "1.2 kB");
        assert_eq!(size(34_500_000), "34 MB");
        assert_eq!(size(999_999), "999 kB");
        assert_eq!(size(u64::MAX), "18 EB");
    }

    #[test]
    fn periods_and_dates() {
        assert_eq!(period(&Period::new("P7Y").unwrap()), "7 years");
        assert_eq!(period(&Period::new("P1Y6M").unwrap()), "1 year and 6 months");
        assert_eq!(date("2026-11-21T23:59:59Z".parse().unwrap()), "21 November 2026");
    }
}
