//! What exactly a case asks for, beyond its right: corrections, uses, purposes, lifting.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::{
    cli::{exit::Failure, json, subject},
    proto::{downstream::v1 as downstream, v1},
};

#[derive(Args)]
pub(in crate::cli) struct Particulars {
    /// Rectification: what a field shall hold, as JSON or as a text; repeatable. `customers:/name=Ada` for every downstream
    /// that has the category, `billing/customers:/name=Ada` for one. Other users of this machine can see arguments:
    /// prefer --corrections where that matters.
    #[arg(long = "correct", value_name = "[DOWNSTREAM/]CATEGORY:/FIELD=VALUE")]
    correct: Vec<String>,
    /// Rectification: a file with one Correction of the API as JSON on each line, which can name the old value too; `-`
    /// reads them from stdin.
    #[arg(long, value_name = "FILE")]
    corrections: Option<PathBuf>,
    /// Objection: a use to stop; repeatable.
    #[arg(long = "use", value_enum, value_name = "USE")]
    uses: Vec<Use>,
    /// Consent withdrawal: a purpose, as the downstreams describe it; repeatable. Default: all that rest on consent.
    #[arg(long = "purpose", value_name = "PURPOSE")]
    purposes: Vec<String>,
    /// Restriction: lift an earlier one.
    #[arg(long)]
    lift: bool,
}

/// The uses that can be named here.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Use {
    /// Advertising that is addressed to the person (GDPR 21(2)).
    DirectMarketing,
    /// Profiling, and decisions based on it (GDPR 21(1), 22).
    Profiling,
    /// Selling or sharing data (CCPA 1798.120).
    SaleOrSharing,
}

/// As the messages have them.
pub(super) struct Read {
    pub(super) corrections: Vec<v1::Correction>,
    pub(super) uses: Vec<i32>,
    pub(super) purposes: Vec<String>,
    pub(super) lift: bool,
}

impl Particulars {
    /// Reads them all. Faults name the place and never a value.
    pub(super) fn read(self) -> Result<Read, Failure> {
        let mut corrections = Vec::new();
        for (index, text) in self.correct.iter().enumerate() {
            let rule = || {
                let rule = "must be [DOWNSTREAM/]CATEGORY:/FIELD=VALUE, such as customers:/name=Ada";
                Failure::usage(format!("--correct number {}: {rule}", index + 1))
            };
            corrections.push(correction(text).ok_or_else(rule)?);
        }
        if let Some(path) = &self.corrections {
            corrections.extend(listed(&subject::content(path)?, path)?);
        }
        let number = |each: Use| {
            i32::from(match each {
                Use::DirectMarketing => downstream::Use::DirectMarketing,
                Use::Profiling => downstream::Use::Profiling,
                Use::SaleOrSharing => downstream::Use::SaleOrSharing,
            })
        };
        let uses = self.uses.into_iter().map(number).collect();
        Ok(Read { corrections, uses, purposes: self.purposes, lift: self.lift })
    }
}

fn correction(text: &str) -> Option<v1::Correction> {
    let (place, value) = text.split_once('=')?;
    let (of, field) = place.split_once(':')?;
    let (downstream, category) = of.split_once('/').unwrap_or(("", of));
    // What is not JSON is a text: nobody wants to quote twice.
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
    let new_json = if is_json { value.to_owned() } else { serde_json::Value::from(value).to_string() };
    Some(v1::Correction {
        downstream: downstream.into(),
        category: category.into(),
        field: field.into(),
        old_json: String::new(),
        new_json,
    })
}

fn listed(text: &str, path: &Path) -> Result<Vec<v1::Correction>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            // The reader's own words may repeat what it read.
            json::read(line.as_bytes()).map_err(|_| {
                let rule =
                    "must be a Correction in proto3 JSON: {\"category\": …, \"field\": …, \"newJson\": …}";
                Failure::usage(format!("{} line {}: {rule}", path.display(), index + 1))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_names_its_place_and_its_value() {
        for (text, downstream, category, field, json) in [
            ("customers:/name=Ada", "", "customers", "/name", "\"Ada\""),
            ("billing/customers:/address/city=\"Wien\"", "billing", "customers", "/address/city", "\"Wien\""),
            ("x:/age=12", "", "x", "/age", "12"),
            ("x:/a=b=c", "", "x", "/a", "\"b=c\""),
        ] {
            let read = correction(text).expect("is well formed");
            assert_eq!((read.downstream.as_str(), read.category.as_str()), (downstream, category));
            assert_eq!((read.field.as_str(), read.new_json.as_str()), (field, json));
        }
        assert!(correction("customers/name").is_none() && correction("customers=Ada").is_none());
    }

    #[test]
    fn a_bad_line_is_named_and_not_repeated() {
        let good = r#"{"category": "contacts", "field": "/name", "oldJson": "\"a\"", "new_json": "\"b\""}"#;
        let read = listed(&format!("{good}\n\n"), Path::new("file")).expect("is well formed");
        assert_eq!(read[0].old_json, "\"a\"");
        let failure =
            listed(&format!("{good}\n{{\"canary\": 1}}"), Path::new("file")).expect_err("is malformed");
        let text = format!("{failure:?}");
        assert!(text.contains("file line 2") && !text.contains("canary"), "{text}");
    }
}
