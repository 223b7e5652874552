//! `rightful case confirm`: evidence that the person asks, or that it failed.

use clap::Args;

use crate::{
    cli::exit::Failure,
    proto::v1::{ConfirmSubjectRequest, Evidence, EvidenceKind},
};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
    /// What shows that the person asks, such as `email_link=mail-4711`; repeatable. No personal data.
    #[arg(long = "evidence", value_name = "KIND=REFERENCE", required_unless_present = "failed")]
    evidence: Vec<String>,
    /// The person did not show it.
    #[arg(long, conflicts_with = "evidence")]
    failed: bool,
}

/// What to send.
pub(super) fn request(arguments: Arguments) -> Result<ConfirmSubjectRequest, Failure> {
    Ok(ConfirmSubjectRequest {
        evidence: evidence(&arguments.evidence)?,
        case_id: arguments.case_id,
        failed: arguments.failed,
    })
}

/// `KIND=REFERENCE`, each.
pub(super) fn evidence(texts: &[String]) -> Result<Vec<Evidence>, Failure> {
    let one = |text: &String| {
        let (kind, reference) = text.split_once('=')?;
        let kind = EvidenceKind::from_str_name(&format!("EVIDENCE_KIND_{}", kind.to_uppercase()))?;
        Some(Evidence { kind: kind.into(), reference: reference.to_owned(), seen_time: None })
    };
    let rule = "--evidence: must be KIND=REFERENCE, such as email_link=mail-4711; kinds are account_session, email_link, \
                phone_code, document, in_person, electronic_id, agent_mandate and guardian_consent";
    texts.iter().map(|text| one(text).ok_or_else(|| Failure::usage(rule))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_a_kind_and_a_reference() {
        let read = |text: &str| evidence(&[text.to_owned()]);
        let found = read("email_link=mail=1").expect("is well formed");
        assert_eq!((found[0].kind(), found[0].reference.as_str()), (EvidenceKind::EmailLink, "mail=1"));
        for wrong in ["email_link", "hearsay=x", "=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
