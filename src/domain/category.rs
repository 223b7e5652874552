//! The kinds of data that downstreams hold, and the facts about them that a person may know.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::Fault;

named! {
    /// Why something is withheld, retained or refused. `GroundCode` in `proto/` has the articles.
    pub enum GroundCode {
        /// A law obliges the controller to keep it.
        LegalObligation = "legal_obligation",
        /// A public task.
        PublicTask = "public_task",
        /// Legal claims.
        LegalClaims = "legal_claims",
        /// Freedom of expression and information.
        Expression = "expression",
        /// Public health.
        PublicHealth = "public_health",
        /// Archiving, research, statistics.
        Archiving = "archiving",
        /// Rights and freedoms of other people.
        RightsOfOthers = "rights_of_others",
        /// Credentials and account numbers.
        Credentials = "credentials",
        /// A running contract.
        Contract = "contract",
        /// Identity in doubt.
        IdentityInDoubt = "identity_in_doubt",
        /// Manifestly unfounded.
        ManifestlyUnfounded = "manifestly_unfounded",
        /// Excessive.
        Excessive = "excessive",
        /// A legal hold.
        LegalHold = "legal_hold",
        /// Another statutory exemption.
        StatutoryExemption = "statutory_exemption",
        /// Held for another controller.
        Processor = "processor",
    }
}

named! {
    /// On what basis data is processed (GDPR 6(1)).
    pub enum LegalBasis {
        /// 6(1)(a).
        Consent = "consent",
        /// 6(1)(b).
        Contract = "contract",
        /// 6(1)(c).
        LegalObligation = "legal_obligation",
        /// 6(1)(d).
        VitalInterests = "vital_interests",
        /// 6(1)(e).
        PublicTask = "public_task",
        /// 6(1)(f).
        LegitimateInterests = "legitimate_interests",
    }
}

/// A ground with its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Which.
    pub code: GroundCode,
    /// The law and article.
    pub source: String,
    /// A sentence for a person.
    pub note: String,
}

/// An ISO 8601 calendar duration such as `P7Y`: years, months, weeks and days, no clock time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(String);

impl Period {
    /// Checks the text: positive, calendar units only, at most 200 years.
    pub fn new(text: &str) -> Result<Self, Fault> {
        let rule = "must be an ISO 8601 calendar duration such as P7Y, P24M or P30D";
        let span: jiff::Span = text.parse().map_err(|_| Fault::new("period", rule))?;
        let clock_time = span.get_hours() != 0 || span.get_minutes() != 0 || span.get_seconds() != 0;
        let years = i64::from(span.get_years()) + i64::from(span.get_months()) / 12;
        if !text.starts_with('P') || text.contains('T') || clock_time || !span.is_positive() || years > 200 {
            return Err(Fault::new("period", rule));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment that is this period after `from`, in UTC: the same day of the month, or its last day. The end of time
    /// if there is no such moment.
    pub fn after(&self, from: Timestamp) -> Timestamp {
        let later =
            self.0.parse::<jiff::Span>().and_then(|span| from.to_zoned(TimeZone::UTC).checked_add(span));
        later.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }

    /// The moment that is this period before `from`, in UTC. The beginning of time if there is no such moment.
    pub fn before(&self, from: Timestamp) -> Timestamp {
        let earlier =
            self.0.parse::<jiff::Span>().and_then(|span| from.to_zoned(TimeZone::UTC).checked_sub(span));
        earlier.map_or(Timestamp::MIN, |zoned| zoned.timestamp())
    }
}

/// How long a category is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// For how long. Absent: as long as the account lives.
    pub period: Option<Period>,
    /// From when, in words.
    pub runs_from: String,
    /// Present if it binds even against an erasure request.
    pub ground: Option<Ground>,
}

/// Somebody who receives the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Who.
    pub name: String,
    /// What for.
    pub role: String,
    /// ISO 3166-1 alpha-2, or empty.
    pub country: String,
    /// For a third country: the safeguard, or empty.
    pub safeguard: String,
}

/// A kind of data that a downstream holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// `[a-z][a-z0-9_]{0,62}`, unique in its downstream.
    pub name: String,
    /// The name for a person.
    pub title: String,
    /// The IRI of a Data Privacy Vocabulary term, or empty.
    pub dpv_term: String,
    /// What the data is used for.
    pub purposes: Vec<String>,
    /// On what basis.
    pub legal_basis: Option<LegalBasis>,
    /// How long it is kept.
    pub retention: Retention,
    /// Who receives it.
    pub recipients: Vec<Recipient>,
    /// Where it came from if not from the person, or empty.
    pub origin: String,
    /// A JSON Schema of one record, as JSON text, or empty.
    pub json_schema: String,
    /// Belongs into a portability export.
    pub provided_by_subject: bool,
    /// May hold credentials.
    pub may_contain_credentials: bool,
    /// May be about other people too.
    pub may_contain_third_party_data: bool,
}
