//! Messages as proto3 JSON, by the descriptors that are compiled in.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;

use super::exit::{Exit, Failure};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(crate::proto::FILE_DESCRIPTOR_SET)
        .expect("the build compiled this descriptor set from our own files")
});

/// A message as JSON.
pub(super) fn value<M: prost::Name>(message: &M) -> Result<Value, Failure> {
    serde_json::to_value(dynamic(message)?).map_err(|error| broken::<M>(&error))
}

/// A message as text, indented or on one line, with its fields in the order of the proto.
pub(super) fn text<M: prost::Name>(message: &M, indented: bool) -> Result<String, Failure> {
    let message = dynamic(message)?;
    let text =
        if indented { serde_json::to_string_pretty(&message) } else { serde_json::to_string(&message) };
    text.map_err(|error| broken::<M>(&error))
}

/// Reads a message. The error may hold what was read: do not show more of it than its place.
pub(super) fn read<M: prost::Name + Default>(json: &[u8]) -> Result<M, serde_json::Error> {
    let descriptor = descriptor(&M::full_name()).expect("the message is one of ours");
    let mut reader = serde_json::Deserializer::from_slice(json);
    let message = DynamicMessage::deserialize(descriptor, &mut reader)?;
    reader.end()?;
    Ok(message.transcode_to().expect("its own descriptor was read"))
}

fn dynamic<M: prost::Name>(message: &M) -> Result<DynamicMessage, Failure> {
    let descriptor = descriptor(&M::full_name()).ok_or_else(|| broken::<M>(&"not in the descriptor set"))?;
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| broken::<M>(&error))
}

fn descriptor(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(name)
}

fn broken<M: prost::Name>(what: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Fault, format!("{} cannot be shown as JSON: {what}", M::full_name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Case, GetCaseResponse, OpenCaseRequest};

    #[test]
    fn json_is_proto3_json() {
        let case = Case {
            case_id: "c".into(),
            state: 3,
            revision: u64::MAX,
            due_time: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            ..Case::default()
        };
        let text = text(&GetCaseResponse { case: Some(case) }, false).expect("is JSON");
        let expected = r#"{"case":{"caseId":"c","state":"CASE_STATE_IN_PROGRESS","revision":"18446744073709551615","dueTime":"1970-01-01T00:00:00Z"}}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn messages_are_read_and_unknown_fields_are_not() {
        let read = |text: &str| super::read::<OpenCaseRequest>(text.as_bytes());
        let request =
            read(r#"{"requestId": "r", "right": "RIGHT_ERASURE", "received_time": "1970-01-01T00:00:01Z"}"#)
                .expect("is one");
        assert_eq!((request.request_id.as_str(), request.right), ("r", 3));
        assert_eq!(request.received_time.map(|time| time.seconds), Some(1));
        for wrong in ["", "[]", "{", "{} x", r#"{"request": 1}"#, r#"{"right": "RIGHT"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
