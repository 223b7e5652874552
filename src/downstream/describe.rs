//! Describe's answer to checked capabilities.

use std::collections::BTreeSet;

use super::{
    Failure,
    convert::{self, TEXT_BYTES_MAX},
    json,
};
use crate::{
    domain::{
        Capabilities, Category, Fault, Faults, IdentifierKind, LegalBasis, Period, Recipient, Retention,
        Right, subject,
    },
    proto::downstream::v1,
};

/// As the contract says: a downstream knows a person by a handful of kinds.
const KINDS_MAX: usize = 32;

/// As the contract says: more than a person could read.
const CATEGORIES_MAX: usize = 64;

/// Purposes of one category: a list that fits a page.
const PURPOSES_MAX: usize = 64;

/// Recipients of one category: a list that a person can still read.
const RECIPIENTS_MAX: usize = 256;

/// As the contract says: a schema is shipped in every export.
const SCHEMA_BYTES_MAX: usize = 256 << 10;

/// `P200Y` has five; this leaves room for combinations, and none for numbers that take long to parse.
const PERIOD_BYTES_MAX: usize = 32;

/// A hundred years: nobody keeps a backup for longer.
const BACKUP_HORIZON_SECONDS_MAX: u64 = 100 * 366 * 24 * 60 * 60;

/// Checks the answer. Texts for people that are empty are filled with the names that programs use.
pub(super) fn capabilities(
    downstream: &str,
    response: v1::DescribeResponse,
) -> Result<Capabilities, Failure> {
    let mut faults = Faults::default();
    let title = faults.take("title", title(response.title, downstream)).unwrap_or_default();
    let capabilities = Capabilities {
        title,
        understands: kinds("understands", &response.understands, &mut faults),
        provides: kinds("provides", &response.provides, &mut faults),
        rights: rights(&response.rights, &mut faults),
        categories: categories(response.categories, &mut faults),
        supports_dry_run: response.supports_dry_run,
        backup_horizon_seconds: faults
            .take("backup_horizon", backup_horizon(response.backup_horizon))
            .flatten(),
        supports_sweep: response.supports_retention_sweep,
        processor_for: faults
            .take("processor_for", convert::text("", response.processor_for, TEXT_BYTES_MAX))
            .map(|controller| controller.trim().to_owned())
            .filter(|controller| !controller.is_empty()),
        parallel_calls: response.limits.map_or(0, |limits| limits.parallel_calls),
    };
    faults.or(capabilities).map_err(|faults| Failure::bad_fields("Describe", &faults))
}

fn title(title: String, name: &str) -> Result<String, Fault> {
    let title = convert::text("", title, TEXT_BYTES_MAX)?;
    Ok(if title.trim().is_empty() { name.to_owned() } else { title })
}

fn kinds(field: &str, names: &[String], faults: &mut Faults) -> BTreeSet<IdentifierKind> {
    let mut kinds = BTreeSet::new();
    if names.len() > KINDS_MAX {
        faults.push(field, format!("must be at most {KINDS_MAX}"));
        return kinds;
    }
    for (position, name) in names.iter().enumerate() {
        let path = format!("{field}[{position}]");
        match IdentifierKind::new(name) {
            Ok(kind) => {
                if !kinds.insert(kind) {
                    faults.push(path, "must come once");
                }
            }
            Err(fault) => faults.push(path, fault.description),
        }
    }
    kinds
}

/// Rights that this version does not know are left out: it could not ask for them anyway.
fn rights(numbers: &[i32], faults: &mut Faults) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for number in numbers {
        rights.extend(match v1::Right::try_from(*number) {
            Ok(v1::Right::Unspecified) => {
                faults.push("rights", "must not be unspecified");
                break;
            }
            Ok(v1::Right::Access) => Some(Right::Access),
            Ok(v1::Right::Portability) => Some(Right::Portability),
            Ok(v1::Right::Erasure) => Some(Right::Erasure),
            Ok(v1::Right::Rectification) => Some(Right::Rectification),
            Ok(v1::Right::Restriction) => Some(Right::Restriction),
            Ok(v1::Right::Objection) => Some(Right::Objection),
            Ok(v1::Right::ConsentWithdrawal) => Some(Right::ConsentWithdrawal),
            Err(_) => None,
        });
    }
    rights
}

/// Whole seconds, rounded up: the receipt must not promise more than the downstream does.
fn backup_horizon(horizon: Option<prost_types::Duration>) -> Result<Option<u64>, Fault> {
    let Some(horizon) = horizon else { return Ok(None) };
    u64::try_from(horizon.seconds)
        .ok()
        .filter(|_| (0..1_000_000_000).contains(&horizon.nanos))
        .map(|seconds| seconds.saturating_add(u64::from(horizon.nanos > 0)))
        .filter(|seconds| *seconds <= BACKUP_HORIZON_SECONDS_MAX)
        .map(Some)
        .ok_or_else(|| Fault::new("", "must be between zero and a hundred years"))
}

fn categories(messages: Vec<v1::Category>, faults: &mut Faults) -> Vec<Category> {
    if messages.len() > CATEGORIES_MAX {
        faults.push("categories", format!("must be at most {CATEGORIES_MAX}"));
        return Vec::new();
    }
    let mut names = BTreeSet::new();
    let mut categories = Vec::with_capacity(messages.len());
    for (position, message) in messages.into_iter().enumerate() {
        let path = format!("categories[{position}]");
        if !names.insert(message.name.clone()) {
            faults.push(format!("{path}.name"), "must be unique");
        }
        categories.extend(faults.take(&path, category(message)));
    }
    categories
}

/// The first fault of the category.
fn category(message: v1::Category) -> Result<Category, Fault> {
    if !subject::is_name(&message.name) {
        return Err(Fault::new("name", subject::NAME_RULE));
    }
    Ok(Category {
        title: title(message.title, &message.name).map_err(|fault| fault.under("title"))?,
        name: message.name,
        dpv_term: iri(message.dpv_term)?,
        purposes: purposes(message.purposes)?,
        legal_basis: legal_basis(message.legal_basis)?,
        retention: retention(message.retention.unwrap_or_default())
            .map_err(|fault| fault.under("retention"))?,
        recipients: recipients(message.recipients)?,
        origin: convert::text("origin", message.origin, TEXT_BYTES_MAX)?,
        json_schema: json_schema(&message.json_schema)?,
        provided_by_subject: message.provided_by_subject,
        may_contain_credentials: message.may_contain_credentials,
        may_contain_third_party_data: message.may_contain_third_party_data,
    })
}

/// The report links to it, so it must not be another kind of link.
fn iri(iri: String) -> Result<String, Fault> {
    let rest = iri.strip_prefix("https://").or_else(|| iri.strip_prefix("http://"));
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>\"{}|\\^`".contains(c);
    let fits = iri.len() <= TEXT_BYTES_MAX
        && rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_plain));
    if iri.is_empty() || fits {
        Ok(iri)
    } else {
        Err(Fault::new("dpv_term", "must be an http or https IRI, or empty"))
    }
}

fn purposes(purposes: Vec<String>) -> Result<Vec<String>, Fault> {
    if purposes.len() > PURPOSES_MAX {
        return Err(Fault::new("purposes", format!("must be at most {PURPOSES_MAX}")));
    }
    purposes.into_iter().map(|purpose| convert::text("purposes", purpose, TEXT_BYTES_MAX)).collect()
}

fn legal_basis(number: i32) -> Result<Option<LegalBasis>, Fault> {
    match v1::LegalBasis::try_from(number) {
        Ok(v1::LegalBasis::Unspecified) => Ok(None),
        Ok(v1::LegalBasis::Consent) => Ok(Some(LegalBasis::Consent)),
        Ok(v1::LegalBasis::Contract) => Ok(Some(LegalBasis::Contract)),
        Ok(v1::LegalBasis::LegalObligation) => Ok(Some(LegalBasis::LegalObligation)),
        Ok(v1::LegalBasis::VitalInterests) => Ok(Some(LegalBasis::VitalInterests)),
        Ok(v1::LegalBasis::PublicTask) => Ok(Some(LegalBasis::PublicTask)),
        Ok(v1::LegalBasis::LegitimateInterests) => Ok(Some(LegalBasis::LegitimateInterests)),
        Err(_) => Err(Fault::new("legal_basis", "must be a known legal basis")),
    }
}

fn retention(message: v1::Retention) -> Result<Retention, Fault> {
    let period = match message.period.len() {
        0 => None,
        1..=PERIOD_BYTES_MAX => Some(Period::new(&message.period)?),
        _ => return Err(Fault::new("period", format!("must have at most {PERIOD_BYTES_MAX} bytes"))),
    };
    let ground = message
        .ground
        .map(|ground| convert::ground(Some(ground)).map_err(|fault| fault.under("ground")))
        .transpose()?;
    Ok(Retention {
        period,
        runs_from: convert::text("runs_from", message.runs_from, TEXT_BYTES_MAX)?,
        ground,
    })
}

fn recipients(messages: Vec<v1::Recipient>) -> Result<Vec<Recipient>, Fault> {
    if messages.len() > RECIPIENTS_MAX {
        return Err(Fault::new("recipients", format!("must be at most {RECIPIENTS_MAX}")));
    }
    messages
        .into_iter()
        .enumerate()
        .map(|(position, message)| {
            recipient(message).map_err(|fault| fault.under(&format!("recipients[{position}]")))
        })
        .collect()
}

fn recipient(message: v1::Recipient) -> Result<Recipient, Fault> {
    let country = message.country;
    if !country.is_empty() && (country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return Err(Fault::new("country", "must be an ISO 3166-1 alpha-2 code such as DE, or empty"));
    }
    Ok(Recipient {
        name: convert::text("name", message.name, TEXT_BYTES_MAX)?,
        role: convert::text("role", message.role, TEXT_BYTES_MAX)?,
        country,
        safeguard: convert::text("safeguard", message.safeguard, TEXT_BYTES_MAX)?,
    })
}

fn json_schema(bytes: &[u8]) -> Result<String, Fault> {
    if !bytes.is_empty() {
        json::object(bytes, SCHEMA_BYTES_MAX).map_err(|why| Fault::new("json_schema", why))?;
    }
    // `object` has checked that it is UTF-8.
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests;
