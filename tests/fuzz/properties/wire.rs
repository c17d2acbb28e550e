//! Protobuf messages as trees of fields, so that a changed one is still a message.
//!
//! Fed by `mutation` with encoded messages; feeds it what is left after a change. Bytes
//! that are changed at random mostly are no message any more, and are refused before
//! anything looks at their fields.

use bytes::{Buf as _, BufMut as _};
use prost::encoding::{decode_varint, encode_varint};

/// A field's value, by its wire type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireValue {
    Varint(u64),
    Fixed64(u64),
    /// A text, bytes, a message, or numbers.
    Bytes(Vec<u8>),
    Fixed32(u32),
}

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireField {
    pub number: u64,
    pub value: WireValue,
}

/// The fields of an encoded message; `None` if it is none.
pub fn read_message(mut bytes: &[u8]) -> Option<Vec<WireField>> {
    let mut fields = Vec::new();
    while bytes.has_remaining() {
        let key = decode_varint(&mut bytes).ok()?;
        let value = match key & 7 {
            0 => WireValue::Varint(decode_varint(&mut bytes).ok()?),
            1 => WireValue::Fixed64(bytes.try_get_u64_le().ok()?),
            2 => {
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                let (inner, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                WireValue::Bytes(inner.to_vec())
            }
            5 => WireValue::Fixed32(bytes.try_get_u32_le().ok()?),
            _ => return None,
        };
        fields.push(WireField { number: key >> 3, value });
    }
    Some(fields)
}

/// Encodes fields.
pub fn write_message(fields: &[WireField]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for WireField { number, value } in fields {
        let key = number << 3;
        match value {
            WireValue::Varint(value) => {
                encode_varint(key, &mut bytes);
                encode_varint(*value, &mut bytes);
            }
            WireValue::Fixed64(value) => {
                encode_varint(key | 1, &mut bytes);
                bytes.put_u64_le(*value);
            }
            WireValue::Bytes(inner) => {
                encode_varint(key | 2, &mut bytes);
                encode_varint(inner.len() as u64, &mut bytes);
                bytes.extend_from_slice(inner);
            }
            WireValue::Fixed32(value) => {
                encode_varint(key | 5, &mut bytes);
                bytes.put_u32_le(*value);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use postrider_proto::v1;
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_message_is_read_and_written() {
        let tenant = v1::Tenant {
            name: "tenants/acme".into(),
            allow_insecure_urls: true,
            create_time: Some(prost_types::Timestamp { seconds: 7, nanos: 8 }),
            ..Default::default()
        };
        let bytes = tenant.encode_to_vec();
        assert_eq!(write_message(&read_message(&bytes).unwrap()), bytes);
        assert!(read_message(b"\x0a\x09short").is_none());
    }
}
