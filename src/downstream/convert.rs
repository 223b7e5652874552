//! Messages to domain values and back: subjects, grounds, directives, corrections. `describe.rs` has the capabilities,
//! `answer.rs` the outcomes.

use std::collections::BTreeSet;

use super::Failure;
use crate::{
    domain::{
        Action, CategoryPurposes, Correction, Directive, Fault, Faults, Ground, GroundCode, Identifier,
        IdentifierKind, Subject, Use, subject, task::Field,
    },
    proto::downstream::v1,
};

/// A law and its article: `HGB § 257`.
const SOURCE_BYTES_MAX: usize = 256;

/// One text that a person is shown: a few sentences.
pub(super) const TEXT_BYTES_MAX: usize = 1_024;

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

/// The corrections that these fields name. A field whose value is gone is left out; its case is being destroyed.
pub(super) fn corrections(fields: &[Field], values: &[Correction]) -> Vec<v1::Correction> {
    let correction = |field: &Field| {
        let values = values.get(field.correction)?;
        Some(v1::Correction {
            category: field.category.clone(),
            field: field.field.clone(),
            old_json: values.old.clone().unwrap_or_default(),
            new_json: values.new.clone(),
        })
    };
    fields.iter().filter_map(correction).collect()
}

/// The purposes by category.
pub(super) fn purposes(categories: &[CategoryPurposes]) -> Vec<v1::CategoryPurposes> {
    let purposes = |of: &CategoryPurposes| v1::CategoryPurposes {
        category: of.category.clone(),
        purposes: of.purposes.clone(),
    };
    categories.iter().map(purposes).collect()
}

/// A use.
pub(super) const fn use_code(r#use: Use) -> v1::Use {
    match r#use {
        Use::DirectMarketing => v1::Use::DirectMarketing,
        Use::Profiling => v1::Use::Profiling,
        Use::SaleOrSharing => v1::Use::SaleOrSharing,
    }
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
        GroundCode::Processor => v1::GroundCode::Processor,
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

#[cfg(test)]
mod tests;
