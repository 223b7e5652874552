//! The settings as they are written, flat, and how they are read: each key once, every fault noted, nothing left over.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    str::FromStr,
};

use config::{Value, ValueKind};
use jiff::SignedDuration;

use crate::domain::{Faults, Period};

/// Keys (`server.listen`, `downstream[0].name`) with their values as text.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<String, Written>,
    /// Arrays and tables, with the number of their items: those that hold nothing have no value that betrays them.
    containers: BTreeMap<String, usize>,
    /// Keys that the reader asked for.
    pub(super) asked: BTreeSet<String>,
    /// The file that has all keys; empty: `config.example.toml`.
    pub(super) listed_in: &'static str,
    faults: Faults,
}

/// A value and where it was written, if that is worth saying.
#[derive(Debug)]
struct Written {
    text: String,
    origin: Option<String>,
}

impl Settings {
    /// Flattens a tree of values.
    pub(super) fn flatten(root: Value) -> Self {
        let mut settings = Self::default();
        settings.add(String::new(), root);
        settings
    }

    /// The tree is as deep as the TOML parser let it be (it has a limit of its own).
    fn add(&mut self, key: String, value: Value) {
        let origin = value.origin().map(str::to_owned);
        match value.kind {
            ValueKind::Table(table) => {
                self.containers.insert(key.clone(), table.len());
                for (name, inner) in table {
                    let path = if key.is_empty() { name } else { format!("{key}.{name}") };
                    self.add(path, inner);
                }
            }
            ValueKind::Array(items) => {
                self.containers.insert(key.clone(), items.len());
                for (index, inner) in items.into_iter().enumerate() {
                    self.add(format!("{key}[{index}]"), inner);
                }
            }
            scalar => {
                let text = scalar.to_string();
                self.values.insert(key, Written { text, origin });
            }
        }
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, key: &str, rule: impl Into<String>) {
        self.faults.push(key, rule);
    }

    /// The text of a key, if it is set.
    pub(super) fn optional(&mut self, key: &str) -> Option<String> {
        self.asked.insert(key.to_owned());
        self.values.remove(key).map(|written| written.text)
    }

    /// A text of at most `bytes_max` bytes, not empty, without control characters.
    pub(super) fn text(&mut self, key: &str, default: &str, bytes_max: usize) -> String {
        let text = self.optional(key).unwrap_or_else(|| default.to_owned());
        if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
            self.fault(key, format!("must be a text of 1 to {bytes_max} bytes without control characters"));
        }
        text
    }

    /// The same, where it may be left out or empty.
    pub(super) fn text_if_any(&mut self, key: &str, bytes_max: usize) -> Option<String> {
        let text = self.optional(key).filter(|text| !text.is_empty())?;
        if text.len() > bytes_max || text.chars().any(char::is_control) {
            let rule = format!("must be a text of at most {bytes_max} bytes without control characters");
            self.fault(key, rule);
        }
        Some(text)
    }

    /// A value that parses.
    pub(super) fn parsed<T: FromStr + Clone>(&mut self, key: &str, default: T, rule: &str) -> T {
        let Some(text) = self.optional(key) else { return default };
        text.parse().unwrap_or_else(|_| {
            self.fault(key, rule);
            default
        })
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &str, default: u32, bounds: RangeInclusive<u32>) -> u32 {
        let rule = format!("must be a whole number between {} and {}", bounds.start(), bounds.end());
        let number = self.parsed(key, default, &rule);
        if !bounds.contains(&number) {
            self.fault(key, rule);
        }
        number
    }

    /// A duration such as `30s` within bounds.
    pub(super) fn duration(
        &mut self,
        key: &str,
        default: SignedDuration,
        bounds: RangeInclusive<SignedDuration>,
    ) -> SignedDuration {
        let (least, most) = (bounds.start(), bounds.end());
        let rule = format!("must be a duration between {least:#} and {most:#}, such as 30s, 15m or 6h");
        let duration = self.parsed(key, default, &rule);
        if !bounds.contains(&duration) {
            self.fault(key, rule);
        }
        duration
    }

    /// A calendar duration such as `P30D`.
    pub(super) fn period(&mut self, key: &str, default: &str) -> Period {
        let text = self.optional(key).unwrap_or_else(|| default.to_owned());
        Period::new(&text).unwrap_or_else(|fault| {
            self.fault(key, fault.description);
            Period::new(default).expect("the defaults keep their own rules: a test loads them")
        })
    }

    /// All keys under `table`, by their own names.
    pub(super) fn table(&mut self, table: &str) -> BTreeMap<String, String> {
        let prefix = format!("{table}.");
        self.asked.insert(prefix.clone());
        let names: Vec<String> = self
            .values
            .range(prefix.clone()..)
            .map_while(|(key, _)| key.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect();
        names
            .into_iter()
            .filter_map(|name| self.optional(&format!("{prefix}{name}")).map(|text| (name, text)))
            .collect()
    }

    /// How many items an array has.
    pub(super) fn length(&mut self, array: &str) -> usize {
        self.asked.insert(format!("{array}["));
        self.containers.get(array).copied().unwrap_or(0)
    }

    /// The texts of a list: an array, or, in a variable, words between commas.
    pub(super) fn list(&mut self, key: &str, most: usize) -> Vec<String> {
        let length = self.length(key);
        let one = self.optional(key).unwrap_or_default();
        let mut items: Vec<String> =
            one.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect();
        items.extend(
            (0..length).filter_map(|index| Some(self.values.remove(&format!("{key}[{index}]"))?.text)),
        );
        if items.len() > most {
            self.fault(key, format!("must have at most {most} entries"));
            items.truncate(most);
        }
        items
    }

    /// The faults, with one for everything that nobody asked for.
    pub(super) fn finish(mut self) -> Faults {
        let file = if self.listed_in.is_empty() { "config.example.toml" } else { self.listed_in };
        for (key, written) in &self.values {
            let origin =
                written.origin.as_ref().map(|place| format!(" (set in {place})")).unwrap_or_default();
            self.faults.push(key, format!("is not a setting{origin}; {file} has all of them"));
        }
        for (key, _) in self.containers.iter().filter(|(key, length)| **length == 0 && !key.is_empty()) {
            let inside = |asked: &String| {
                asked.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
            };
            if !self.asked.iter().any(inside) {
                self.faults.push(key, format!("is not a section or list; {file} has all of them"));
            }
        }
        self.faults
    }
}
