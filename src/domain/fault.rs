//! What is wrong with an input, field by field.

use std::fmt;

/// A name that is not one of an enum's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known name")]
pub struct UnknownName;

/// One bad field: where, and what would be right. Never holds the value itself, which may be personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field: `subject.identifiers[0].value`.
    pub field: String,
    /// What would be right: `must be an email address: local@domain`.
    pub description: String,
}

impl Fault {
    /// A fault of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }

    /// The same fault, seen from one level further up: `value` under `identifiers[0]` is `identifiers[0].value`.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        self.field =
            if self.field.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.field) };
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.description)
    }
}

/// All the faults of one input. As an error it always holds at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault.
    pub fn push(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Fault::new(field, description));
    }

    /// Takes the value, or notes the fault under `parent`.
    pub fn take<T>(&mut self, parent: &str, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault.under(parent))).ok()
    }

    /// Takes the value, or notes the fault as it is.
    pub fn note<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Adds all faults of another input.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The same faults, seen from one level further up.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        Self(self.0.into_iter().map(|fault| fault.under(parent)).collect())
    }

    /// `Ok(value)` if there is no fault.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults in the order in which they were found.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
