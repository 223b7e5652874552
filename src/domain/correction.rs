//! Corrections: wrong values and right ones. Values are personal data: they never print, and serialise for one reason,
//! to be sealed by the vault.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::{CorrectionRef, Fault};

/// A name of a field, not a document; as the contract says.
const FIELD_BYTES_MAX: usize = 256;

/// A field of a record: an address, a list of interests. As the contract says.
const VALUE_BYTES_MAX: usize = 16 << 10;

/// What corrections must not do to each other.
pub const CLASH_RULE: &str = "must not meet another correction of its field: each must have another old_json, and none \
                              may make what another replaces";

/// One value to be put right.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Where.
    pub of: CorrectionRef,
    /// The JSON text of the value that is wrong; absent: whatever the field holds.
    pub old: Option<String>,
    /// The JSON text of what the field shall hold.
    pub new: String,
}

/// The values do not stay in memory that is given back.
impl Drop for Correction {
    fn drop(&mut self) {
        self.old.zeroize();
        self.new.zeroize();
    }
}

impl fmt::Debug for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Correction({:?}: redacted)", self.of)
    }
}

impl Correction {
    /// Checks the parts that need no registry. Faults name `field`, `old_json` or `new_json`, and never hold a value.
    pub fn new(of: CorrectionRef, old: &str, new: &str) -> Result<Self, Fault> {
        if !is_pointer(&of.field) {
            let rule = format!(
                "must be a JSON pointer (RFC 6901) such as /address/city, 2 to {FIELD_BYTES_MAX} bytes"
            );
            return Err(Fault::new("field", rule));
        }
        let new_value = value("new_json", new)?;
        let old = if old.is_empty() { None } else { Some((value("old_json", old)?, old.to_owned())) };
        if old.as_ref().is_some_and(|(old, _)| same(old, &new_value)) {
            return Err(Fault::new("new_json", "must be another value than old_json"));
        }
        Ok(Self { of, old: old.map(|(_, text)| text), new: new.to_owned() })
    }

    /// Bytes of both values.
    pub fn bytes(&self) -> usize {
        self.new.len() + self.old.as_ref().map_or(0, String::len)
    }

    /// The value that is wrong, if it was given.
    pub fn old_value(&self) -> Option<Value> {
        self.old.as_deref().map(read)
    }

    /// The value that is right.
    pub fn new_value(&self) -> Value {
        read(&self.new)
    }

    /// Whether carrying out both would depend on their order, or one would undo the other.
    pub fn clashes(&self, other: &Self) -> bool {
        let of = (&self.of, &other.of);
        let meet =
            of.0.downstream.is_empty() || of.1.downstream.is_empty() || of.0.downstream == of.1.downstream;
        // A field and something within it are changed at once.
        let within =
            |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        if !meet || of.0.category != of.1.category {
            return false;
        }
        if of.0.field != of.1.field {
            return within(&of.0.field, &of.1.field) || within(&of.1.field, &of.0.field);
        }
        let (Some(one), Some(two)) = (self.old_value(), other.old_value()) else { return true };
        same(&one, &two) || same(&one, &other.new_value()) || same(&two, &self.new_value())
    }
}

/// RFC 6901: each token begins with `/`, and `~` stands only before 0 or 1. The whole record (an empty pointer) is no
/// field.
fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (2..=FIELD_BYTES_MAX).contains(&text.len())
        && text.starts_with('/')
        && escapes
        && !text.chars().any(char::is_control)
}

fn value(field: &str, text: &str) -> Result<Value, Fault> {
    if text.len() > VALUE_BYTES_MAX {
        return Err(Fault::new(field, format!("must have at most {VALUE_BYTES_MAX} bytes")));
    }
    // serde's own message would quote the text; its limit of 128 levels bounds the depth.
    serde_json::from_str(text)
        .map_err(|_| Fault::new(field, "must be JSON text: \"a text\", 12, true, null, …"))
}

/// What was checked when the case was opened.
fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Whether two JSON values mean the same: the order of members does not matter, and 1 is 1.0. Numbers that no 64 bits hold
/// are compared as floating point.
pub fn same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => {
            one == two || one.as_f64() == two.as_f64() && (one.is_f64() || two.is_f64())
        }
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one.iter().all(|(name, one)| two.get(name).is_some_and(|two| same(one, two)))
        }
        _ => one == two,
    }
}

/// One text for all values that are the [`same`], to be digested: members sorted, whole numbers without a fraction.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            let member = |(name, value): (&&String, &&Value)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(value))
            };
            let members: Vec<String> = sorted.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn correction(field: &str, old: &str, new: &str) -> Result<Correction, Fault> {
        let of =
            CorrectionRef { downstream: String::new(), category: "contacts".into(), field: field.into() };
        Correction::new(of, old, new)
    }

    #[test]
    fn bad_corrections_are_named_without_their_values() {
        for (field, old, new, bad) in [
            ("", "", "1", "field"),
            ("name", "", "1", "field"),
            ("/a~2", "", "1", "field"),
            ("/a~", "", "1", "field"),
            ("/a\n", "", "1", "field"),
            ("/a", "canary", "1", "old_json"),
            ("/a", "", "canary", "new_json"),
            ("/a", "", "", "new_json"),
            ("/a", "1.0", "1", "new_json"),
            ("/a", "", &format!("\"{}\"", "x".repeat(VALUE_BYTES_MAX)), "new_json"),
        ] {
            let fault = correction(field, old, new).unwrap_err();
            assert_eq!(fault.field, bad, "{field} {old} {new}");
            assert!(!fault.to_string().contains("canary"));
        }
        let good = correction("/a~1b/0", "\"canary\"", "null").unwrap();
        assert!(!format!("{good:?}").contains("canary"));
    }

    #[test]
    fn corrections_of_one_field_must_not_depend_on_their_order() {
        let of = |field, old, new| correction(field, old, new).unwrap();
        let one = of("/a", "1", "2");
        for (other, clashes) in [
            (of("/b", "1", "2"), false),
            (of("/a", "3", "2"), false),
            (of("/a", "3", "1"), true),
            (of("/a", "2", "3"), true),
            (of("/a", "1.0", "4"), true),
            (of("/a", "", "4"), true),
            (of("/a/b", "", "4"), true),
            (of("/ab", "", "4"), false),
        ] {
            assert_eq!((one.clashes(&other), other.clashes(&one)), (clashes, clashes), "{other:?}");
        }
    }

    #[test]
    fn equal_values_have_one_text() {
        let pairs = [
            (json!(1), json!(1.0), true),
            (json!({ "a": 1, "b": [2.0] }), json!({ "b": [2], "a": 1 }), true),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64), false),
            (json!("1"), json!(1), false),
            (json!(null), json!(false), false),
        ];
        for (one, two, equal) in pairs {
            assert_eq!(same(&one, &two), equal, "{one} {two}");
            assert_eq!(canonical(&one) == canonical(&two), equal, "{one} {two}");
        }
    }
}
