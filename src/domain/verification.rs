//! Verification: how sure it must be that the person asks, and how sure it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CaseState, Right, clock::Table};

/// Evidence that is kept with a case at the most: a person shows a handful of things.
pub const EVIDENCE_MAX: usize = 16;

named! {
    /// How sure it is that the person asks, in the words of eIDAS (Reg. (EU) 910/2014 art. 8).
    pub enum Assurance {
        /// Not at all.
        None = "none",
        /// A limited degree of confidence.
        Low = "low",
        /// A substantial degree.
        Substantial = "substantial",
        /// A higher degree than that.
        High = "high",
    }
}

named! {
    /// What shows that the person asks.
    pub enum EvidenceKind {
        /// The person is signed in to the account that the request is about.
        AccountSession = "account_session",
        /// The person followed a link that was sent to the address in question.
        EmailLink = "email_link",
        /// The person knew a code that was sent to the number in question.
        PhoneCode = "phone_code",
        /// Somebody looked at a document.
        Document = "document",
        /// Somebody met the person.
        InPerson = "in_person",
        /// A means of electronic identification.
        ElectronicId = "electronic_id",
        /// The person gave an agent a mandate.
        AgentMandate = "agent_mandate",
        /// A guardian consents.
        GuardianConsent = "guardian_consent",
    }
}

impl EvidenceKind {
    /// The level that it reaches unless the configuration says otherwise.
    pub const fn assurance(self) -> Assurance {
        match self {
            Self::EmailLink | Self::PhoneCode | Self::AgentMandate | Self::GuardianConsent => Assurance::Low,
            Self::AccountSession | Self::Document => Assurance::Substantial,
            Self::InPerson | Self::ElectronicId => Assurance::High,
        }
    }
}

/// A piece of evidence. It holds no personal data: the evidence itself stays with the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// Under what the caller finds it again, at most 128 bytes.
    pub reference: String,
    /// When it was seen; absent in a request means now.
    pub seen_at: Option<Timestamp>,
}

/// How well a case has to be verified, and is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verification {
    /// The level that policy asks for.
    pub needed: Assurance,
    /// The level that the evidence reaches.
    pub reached: Assurance,
    /// What was shown.
    pub evidence: Vec<Evidence>,
    /// How often it failed.
    pub failed_attempts: u32,
    /// When it was enough; absent while it is not, and where nothing is asked for.
    pub verified_at: Option<Timestamp>,
    /// When it is waited for no longer.
    pub expires_at: Option<Timestamp>,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            needed: Assurance::None,
            reached: Assurance::None,
            evidence: Vec::new(),
            failed_attempts: 0,
            verified_at: None,
            expires_at: None,
        }
    }
}

/// Which right, regime and channel needs which level. What is absent fits all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Of this right.
    pub right: Option<Right>,
    /// Under this regime.
    pub regime: Option<String>,
    /// Over this channel.
    pub channel: Option<String>,
    /// This level.
    pub level: Assurance,
}

/// How persons are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The level where no rule fits.
    pub level: Assurance,
    /// The first that fits wins.
    pub rules: Vec<Rule>,
    /// What evidence reaches, where that differs from [`EvidenceKind::assurance`].
    pub assurance: BTreeMap<EvidenceKind, Assurance>,
    /// Failures after which a case is refused.
    pub attempts: u32,
}

impl Policy {
    /// The level that a case needs. Rules come first; then the law that lets nobody ask, and rights that are to be as easy
    /// as a click (an objection: 11 CCR § 7026(d); a withdrawal of consent: GDPR 7(3)).
    pub fn needed(
        &self,
        right: Right,
        (regimes, table): (&[String], &Table),
        channel: &str,
        asked_at: Timestamp,
    ) -> Assurance {
        let fits = |rule: &&Rule| {
            rule.right.is_none_or(|own| own == right)
                && rule.regime.as_ref().is_none_or(|own| regimes.contains(own))
                && rule.channel.as_ref().is_none_or(|own| own == channel)
        };
        if let Some(rule) = self.rules.iter().find(fits) {
            rule.level
        } else if matches!(right, Right::Objection | Right::ConsentWithdrawal)
            || table.is_unverified(regimes, right, asked_at)
        {
            Assurance::None
        } else {
            self.level
        }
    }

    /// The level that evidence of this kind reaches.
    pub fn assurance(&self, kind: EvidenceKind) -> Assurance {
        self.assurance.get(&kind).copied().unwrap_or_else(|| kind.assurance())
    }
}

impl Verification {
    /// Adds evidence that is not known yet; the best of all counts. Whether it is enough now.
    pub fn add(&mut self, evidence: &[Evidence], policy: &Policy, now: Timestamp) -> bool {
        for new in evidence {
            let is_known = self.knows(new);
            if !is_known && self.evidence.len() < EVIDENCE_MAX {
                self.evidence.push(Evidence { seen_at: new.seen_at.or(Some(now)), ..new.clone() });
            }
        }
        let levels = self.evidence.iter().map(|evidence| policy.assurance(evidence.kind));
        self.reached = levels.max().unwrap_or(Assurance::None);
        self.is_enough()
    }

    /// Whether this was shown before.
    pub fn knows(&self, evidence: &Evidence) -> bool {
        self.evidence
            .iter()
            .any(|known| (known.kind, &known.reference) == (evidence.kind, &evidence.reference))
    }

    /// Whether the evidence reaches what is needed.
    pub fn is_enough(&self) -> bool {
        self.reached >= self.needed
    }

    /// Until when a case in this state waits for evidence.
    pub fn waits_until(&self, state: CaseState) -> Option<Timestamp> {
        self.expires_at.filter(|_| state == CaseState::AwaitingVerification)
    }
}
