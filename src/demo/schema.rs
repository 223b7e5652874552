//! Writes the JSON Schemas (2020-12) of the sample records. Strict: every property is required, no other is allowed.

use serde_json::{Map, Value, json};

/// The schema of one record, as JSON text.
pub(super) fn record<const N: usize>(title: &str, properties: [(&str, Value); N]) -> Vec<u8> {
    let mut schema = object(properties);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema.to_string().into_bytes()
}

/// An object inside of a record.
pub(super) fn object<const N: usize>(properties: [(&str, Value); N]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let required = json!(required);
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, v)| (name.to_owned(), v)).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// Any number of `items`.
pub(super) fn list(about: &str, items: &Value) -> Value {
    json!({ "type": "array", "items": items, "description": about })
}

/// A text.
pub(super) fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// A text, or null where there is none.
pub(super) fn optional_text(about: &str) -> Value {
    json!({ "type": ["string", "null"], "description": about })
}

/// An RFC 3339 date and time.
pub(super) fn moment(about: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": about })
}

/// One of a few words.
pub(super) fn word(about: &str, words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words, "description": about })
}

/// A whole number, not negative.
pub(super) fn number(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

/// Yes or no.
pub(super) fn truth(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

/// An ISO 4217 currency code.
pub(super) fn currency() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code of the amounts' currency" })
}
