//! The person, known by identifiers. Their values never print: `Debug` redacts, and there is no `Display`.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::Fault;

/// Identifiers of one subject at the most: those of the caller and those that downstreams resolved.
pub const IDENTIFIERS_MAX: usize = 64;
/// Bytes of an identifier's value at the most; an email address has at most 254 (RFC 5321).
const VALUE_BYTES_MAX: usize = 512;

/// A kind of identifier: `email`, `phone`, `customer_id`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentifierKind(Box<str>);

impl IdentifierKind {
    /// Checks the name: `[a-z][a-z0-9_]{0,62}`.
    pub fn new(name: &str) -> Result<Self, Fault> {
        if is_name(name) { Ok(Self(name.into())) } else { Err(Fault::new("kind", NAME_RULE)) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What `is_name` asks for, in words.
pub const NAME_RULE: &str =
    "must be 1 to 63 lower-case letters, digits and underscores, starting with a letter";

/// Whether a text can name an identifier kind, a category or a downstream: `[a-z][a-z0-9_]{0,62}`.
pub fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
}

/// One name under which a person is known, normalised so that equal identifiers compare equal.
///
/// It serialises for one reason: to be sealed by the vault.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    kind: IdentifierKind,
    value: String,
}

impl Identifier {
    /// Checks and normalises. Faults name `kind` or `value` and never hold the value.
    pub fn new(kind: &str, value: &str) -> Result<Self, Fault> {
        let kind = IdentifierKind::new(kind)?;
        let value = value.trim();
        if value.is_empty() {
            return Err(Fault::new("value", "must not be empty"));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(Fault::new("value", format!("must have at most {VALUE_BYTES_MAX} bytes")));
        }
        if value.chars().any(char::is_control) {
            return Err(Fault::new("value", "must not have control characters"));
        }
        let value = match kind.as_str() {
            "email" => email(value).ok_or("must be an email address: local@domain"),
            "phone" => phone(value).ok_or("must be a phone number in E.164 form: +4930123456"),
            _ => Ok(value.to_owned()),
        }
        .map_err(|rule| Fault::new("value", rule))?;
        Ok(Self { kind, value })
    }

    /// The kind, which is not personal data.
    pub fn kind(&self) -> &IdentifierKind {
        &self.kind
    }

    /// The value. Call this only to send it to a downstream, or to seal or index it.
    pub fn expose(&self) -> &str {
        &self.value
    }
}

/// The value does not stay in memory that is given back.
impl Drop for Identifier {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({}: redacted)", self.kind)
    }
}

/// The domain in lower case; the local part as it is (RFC 5321, 2.4: it may be case-sensitive).
fn email(value: &str) -> Option<String> {
    let (local, domain) = value.rsplit_once('@')?;
    let plausible = !local.is_empty()
        && local.len() <= 64
        && (1..=253).contains(&domain.len())
        && !value.contains(char::is_whitespace)
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    plausible.then(|| format!("{local}@{}", domain.to_lowercase()))
}

/// `+` and 7 to 15 digits (E.164); spaces, dots, hyphens and brackets between them are left out.
fn phone(value: &str) -> Option<String> {
    let rest = value.strip_prefix('+')?;
    let digits: String = rest.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let plausible = (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    plausible.then(|| format!("+{digits}"))
}

/// A person: a set of identifiers, each once, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject {
    identifiers: BTreeSet<Identifier>,
}

impl Subject {
    /// The identifiers in order of kind and value.
    pub fn identifiers(&self) -> impl ExactSizeIterator<Item = &Identifier> {
        self.identifiers.iter()
    }

    /// The kinds that are known.
    pub fn kinds(&self) -> BTreeSet<IdentifierKind> {
        self.identifiers.iter().map(|identifier| identifier.kind.clone()).collect()
    }

    /// Adds an identifier. Answers whether it is new; past `IDENTIFIERS_MAX` nothing is added.
    pub fn add(&mut self, identifier: Identifier) -> bool {
        self.identifiers.len() < IDENTIFIERS_MAX && self.identifiers.insert(identifier)
    }

    /// Only the identifiers of these kinds: what a downstream that understands them may see.
    #[must_use]
    pub fn only(&self, kinds: &BTreeSet<IdentifierKind>) -> Self {
        let identifiers = self.identifiers.iter().filter(|i| kinds.contains(&i.kind)).cloned().collect();
        Self { identifiers }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.identifiers.is_empty()
    }
}

impl FromIterator<Identifier> for Subject {
    fn from_iter<I: IntoIterator<Item = Identifier>>(identifiers: I) -> Self {
        let mut subject = Self::default();
        for identifier in identifiers {
            subject.add(identifier);
        }
        subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: &str, text: &str) -> Option<String> {
        Identifier::new(kind, text).ok().map(|identifier| identifier.expose().to_owned())
    }

    #[test]
    fn an_email_keeps_its_local_part_and_lowers_its_domain() {
        assert_eq!(value("email", " Ada@Example.ORG "), Some("Ada@example.org".into()));
        for bad in ["", "ada", "@example.org", "ada@", "a da@example.org", "ada@-x.org", "ada@x..org"] {
            assert_eq!(value("email", bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_phone_number_loses_its_punctuation() {
        assert_eq!(value("phone", "+49 (30) 123-456"), Some("+4930123456".into()));
        for bad in ["030123456", "+49", "+0301234567", "+49x30123456", "+1234567890123456"] {
            assert_eq!(value("phone", bad), None, "{bad:?}");
        }
    }

    #[test]
    fn values_do_not_print() {
        let subject: Subject =
            [Identifier::new("email", "canary@example.org").unwrap()].into_iter().collect();
        assert!(!format!("{subject:?}").contains("canary"));
    }

    #[test]
    fn kinds_are_names() {
        assert!(IdentifierKind::new("customer_id").is_ok());
        for bad in ["", "Email", "1d", "a b", "é", &"x".repeat(64)] {
            assert!(IdentifierKind::new(bad).is_err(), "{bad:?}");
        }
    }
}
