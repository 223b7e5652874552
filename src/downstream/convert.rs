//! Messages to domain values and back: subjects, grounds, directives, outcomes. `describe.rs` has the capabilities.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Failure};
use crate::{
    domain::{
        Action, CategoryOutcome, Directive, Fault, Faults, Ground, GroundCode, Identifier, IdentifierKind,
        Retained, Subject, subject,
    },
    proto::downstream::v1,
};

/// A law and its article: `HGB § 257`.
const SOURCE_BYTES_MAX: usize = 256;

/// One text that a person is shown: a few sentences.
pub(super) const TEXT_BYTES_MAX: usize = 1_024;

/// Grounds and release dates of one category at the most: one for each day of eleven years.
const RETAINED_MAX: usize = 4_096;

/// Asking sooner would be a busy loop.
const POLL_AFTER_MIN: SignedDuration = SignedDuration::from_millis(100);

/// Asking later would let a task rest beyond a day's work.
const POLL_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The subject as a downstream sees it. The caller has left only the kinds that it understands.
pub(super) fn subject(subject: &Subject) -> v1::Subject {
    let identifiers = subject
        .identifiers()
        .map(|identifier| v1::Identifier {
            kind: identifier.kind().as_str().to_owned(),
            value: identifier.expose().to_owned(),
        })
        .collect();
    v1::Subject { identifiers }
}

/// The directives of an erasure.
pub(super) fn directives(directives: &[Directive]) -> Vec<v1::Directive> {
    directives
        .iter()
        .map(|directive| v1::Directive {
            category: directive.category.clone(),
            action: action_code(directive.action).into(),
            ground: directive.ground.as_ref().map(ground_message),
            period: directive.period.as_ref().map_or_else(String::new, |period| period.as_str().to_owned()),
        })
        .collect()
}

/// The directives of a sweep.
pub(super) fn sweep_directives(directives: &[Directive]) -> Vec<v1::SweepDirective> {
    let message = |directive: &Directive| v1::SweepDirective {
        category: directive.category.clone(),
        action: action_code(directive.action).into(),
        period: directive.period.as_ref().map_or_else(String::new, |period| period.as_str().to_owned()),
    };
    directives.iter().map(message).collect()
}

const fn action_code(action: Action) -> v1::Action {
    match action {
        Action::Erase => v1::Action::Erase,
        Action::Anonymise => v1::Action::Anonymise,
        Action::Restrict => v1::Action::Restrict,
        Action::Retain => v1::Action::Retain,
    }
}

fn ground_message(ground: &Ground) -> v1::Ground {
    v1::Ground {
        code: ground_code(ground.code).into(),
        source: ground.source.clone(),
        note: ground.note.clone(),
    }
}

const fn ground_code(code: GroundCode) -> v1::GroundCode {
    match code {
        GroundCode::LegalObligation => v1::GroundCode::LegalObligation,
        GroundCode::PublicTask => v1::GroundCode::PublicTask,
        GroundCode::LegalClaims => v1::GroundCode::LegalClaims,
        GroundCode::Expression => v1::GroundCode::Expression,
        GroundCode::PublicHealth => v1::GroundCode::PublicHealth,
        GroundCode::Archiving => v1::GroundCode::Archiving,
        GroundCode::RightsOfOthers => v1::GroundCode::RightsOfOthers,
        GroundCode::Credentials => v1::GroundCode::Credentials,
        GroundCode::Contract => v1::GroundCode::Contract,
        GroundCode::IdentityInDoubt => v1::GroundCode::IdentityInDoubt,
        GroundCode::ManifestlyUnfounded => v1::GroundCode::ManifestlyUnfounded,
        GroundCode::Excessive => v1::GroundCode::Excessive,
        GroundCode::LegalHold => v1::GroundCode::LegalHold,
        GroundCode::StatutoryExemption => v1::GroundCode::StatutoryExemption,
    }
}

/// A text for people: bounded, and without control characters, which could drive a terminal.
pub(super) fn text(field: &str, text: String, bytes_max: usize) -> Result<String, Fault> {
    if text.len() > bytes_max {
        return Err(Fault::new(field, format!("must have at most {bytes_max} bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::new(field, "must not have control characters"));
    }
    Ok(text)
}

/// A ground, which has to be there and to name its code.
pub(super) fn ground(ground: Option<v1::Ground>) -> Result<Ground, Fault> {
    let ground = ground.ok_or_else(|| Fault::new("", "must be set"))?;
    let code = GroundCode::ALL
        .iter()
        .find(|code| ground_code(**code) as i32 == ground.code)
        .ok_or_else(|| Fault::new("code", "must be a known ground"))?;
    Ok(Ground {
        code: *code,
        source: text("source", ground.source, SOURCE_BYTES_MAX)?,
        note: text("note", ground.note, TEXT_BYTES_MAX)?,
    })
}

/// What was resolved, each once.
pub(super) fn identifiers(
    response: v1::ResolveIdentifiersResponse,
    wanted: &[IdentifierKind],
) -> Result<Vec<Identifier>, Failure> {
    let found = response.identifiers;
    let mut faults = Faults::default();
    if found.len() > subject::IDENTIFIERS_MAX {
        faults.push("identifiers", format!("must be at most {}", subject::IDENTIFIERS_MAX));
        return Err(Failure::bad_fields("ResolveIdentifiers", &faults));
    }
    let mut known = BTreeSet::new();
    for (position, identifier) in found.iter().enumerate() {
        let path = format!("identifiers[{position}]");
        let Some(identifier) = faults.take(&path, Identifier::new(&identifier.kind, &identifier.value))
        else {
            continue;
        };
        if wanted.contains(identifier.kind()) {
            known.insert(identifier);
        } else {
            faults.push(format!("{path}.kind"), "must be one of the kinds that were asked for");
        }
    }
    faults
        .or(known.into_iter().collect())
        .map_err(|faults| Failure::bad_fields("ResolveIdentifiers", &faults))
}

/// The answer to Erase. `rpc` names the call in the failure.
pub(super) fn erase_answer(response: v1::EraseResponse, asked: &[Directive]) -> Result<Answer, Failure> {
    use v1::erase_response::Answer as A;
    match response.answer {
        Some(A::Outcome(outcome)) => done("Erase", outcome, asked),
        Some(A::Working(working)) => Ok(self::working(&working)),
        Some(A::Refusal(refusal)) => refused("Erase", refusal),
        None => Err(Failure::violation("Erase answered nothing")),
    }
}

/// The answer to GetTask.
pub(super) fn task_answer(response: v1::GetTaskResponse, asked: &[Directive]) -> Result<Answer, Failure> {
    use v1::get_task_response::Answer as A;
    match response.answer {
        Some(A::Outcome(outcome)) => done("GetTask", outcome, asked),
        Some(A::Working(working)) => Ok(self::working(&working)),
        Some(A::Refusal(refusal)) => refused("GetTask", refusal),
        None => Err(Failure::violation("GetTask answered nothing")),
    }
}

/// The answer to SweepRetention.
pub(super) fn sweep_answer(
    response: v1::SweepRetentionResponse,
    asked: &[Directive],
) -> Result<Answer, Failure> {
    use v1::sweep_retention_response::Answer as A;
    match response.answer {
        Some(A::Outcome(outcome)) => done("SweepRetention", outcome, asked),
        Some(A::Working(working)) => Ok(self::working(&working)),
        Some(A::Refusal(refusal)) => refused("SweepRetention", refusal),
        None => Err(Failure::violation("SweepRetention answered nothing")),
    }
}

fn working(working: &v1::Working) -> Answer {
    let wish = working.poll_after.unwrap_or_default();
    // Anything but a sane duration is clamped: the next poll decides, not this number.
    let wish = SignedDuration::from_secs(wish.seconds)
        .saturating_add(SignedDuration::from_nanos(i64::from(wish.nanos)));
    Answer::Working { poll_after: wish.clamp(POLL_AFTER_MIN, POLL_AFTER_MAX) }
}

fn refused(rpc: &str, refusal: v1::Refusal) -> Result<Answer, Failure> {
    ground(refusal.ground)
        .map(Answer::Refused)
        .map_err(|fault| Failure::bad_fields(rpc, &fault.under("refusal.ground").into()))
}

fn done(rpc: &str, outcome: v1::Outcome, asked: &[Directive]) -> Result<Answer, Failure> {
    let mut faults = Faults::default();
    let mut seen = BTreeSet::new();
    let mut outcomes = Vec::new();
    for (position, outcome) in outcome.categories.into_iter().enumerate() {
        let path = format!("outcome.categories[{position}]");
        // Categories that were asked for are few and each comes once, so this also bounds the list.
        let Some(name) = asked.iter().map(|asked| &asked.category).find(|name| **name == outcome.category)
        else {
            faults.push(format!("{path}.category"), "must be one of the directives' categories");
            break;
        };
        if !seen.insert(name) {
            faults.push(format!("{path}.category"), format!("must come once: {name} comes again"));
            break;
        }
        outcomes.extend(faults.take(&path, category_outcome(outcome)));
    }
    faults.or(Answer::Done(outcomes)).map_err(|faults| Failure::bad_fields(rpc, &faults))
}

fn category_outcome(outcome: v1::CategoryOutcome) -> Result<CategoryOutcome, Fault> {
    if outcome.retained.len() > RETAINED_MAX {
        return Err(Fault::new("retained", format!("must be at most {RETAINED_MAX}")));
    }
    let retained = outcome
        .retained
        .into_iter()
        .enumerate()
        .map(|(position, retained)| {
            self::retained(retained).map_err(|fault| fault.under(&format!("retained[{position}]")))
        })
        .collect::<Result<_, _>>()?;
    Ok(CategoryOutcome {
        category: outcome.category,
        erased: outcome.erased,
        anonymised: outcome.anonymised,
        restricted: outcome.restricted,
        retained,
    })
}

fn retained(retained: v1::Retained) -> Result<Retained, Fault> {
    Ok(Retained {
        count: retained.count,
        ground: ground(retained.ground).map_err(|fault| fault.under("ground"))?,
        release_at: retained
            .release_time
            .map(|time| Timestamp::new(time.seconds, time.nanos))
            .transpose()
            .map_err(|_| Fault::new("release_time", "must be a moment of the years 1 to 9999"))?,
    })
}

#[cfg(test)]
mod tests;
