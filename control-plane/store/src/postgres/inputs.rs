//! Rows of a batch in PostgreSQL's binary form.
//!
//! Fed by `arrays`; feeds statements with one parameter for a whole batch: an array
//! of a composite type of the schema (`event_input`…). Guarantees that a row's fields
//! are written in the order of its struct, each with its type, which the server
//! compares with the composite type's: a mistake fails, and never swaps columns.

use std::borrow::Cow;

use uuid::Uuid;

/// A value of a composite type's column.
pub(super) trait BinaryColumn {
    /// The type's number, which is the same in every PostgreSQL.
    const TYPE: u32;

    /// Appends the value; false, with nothing appended, for null.
    fn put(&self, to: &mut Vec<u8>) -> bool;
}

macro_rules! numbers {
    ($($rust:ty: $oid:literal,)*) => {$(
        impl BinaryColumn for $rust {
            const TYPE: u32 = $oid;

            fn put(&self, to: &mut Vec<u8>) -> bool {
                to.extend_from_slice(&self.to_be_bytes());
                true
            }
        }
    )*};
}

macro_rules! bytes {
    ($($rust:ty: $oid:literal = $as_bytes:expr,)*) => {$(
        impl BinaryColumn for $rust {
            const TYPE: u32 = $oid;

            fn put(&self, to: &mut Vec<u8>) -> bool {
                let as_bytes: fn(&Self) -> &[u8] = $as_bytes;
                to.extend_from_slice(as_bytes(self));
                true
            }
        }
    )*};
}

numbers! {
    i16: 21,
    i32: 23,
    i64: 20,
}

bytes! {
    bool: 16 = |value| if *value { &[1] } else { &[0] },
    Uuid: 2950 = |value| value.as_bytes(),
    &str: 25 = |value| value.as_bytes(),
    String: 25 = |value| value.as_bytes(),
    Cow<'_, str>: 25 = |value| value.as_bytes(),
    &[u8]: 17 = |value| value,
    Vec<u8>: 17 = |value| value,
}

impl<T: BinaryColumn> BinaryColumn for Option<T> {
    const TYPE: u32 = T::TYPE;

    fn put(&self, to: &mut Vec<u8>) -> bool {
        self.as_ref().is_some_and(|value| value.put(to))
    }
}

/// Appends a field of a row: its type, its length and its value.
pub(super) fn put_field<T: BinaryColumn>(value: &T, to: &mut Vec<u8>) -> Result<(), String> {
    to.extend_from_slice(&T::TYPE.to_be_bytes());
    let at = to.len();
    to.extend_from_slice(&(-1_i32).to_be_bytes());
    if value.put(to) {
        let length = to.len() - at - size_of::<i32>();
        let length = i32::try_from(length).map_err(|_| format!("a value of {length} bytes"))?;
        if let Some(slot) = to.get_mut(at..at + size_of::<i32>()) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

/// A struct that is bound, in a `Vec`, as an array of the composite type named.
macro_rules! input {
    ($(#[$doc:meta])* $name:ident as $composite:literal { $($field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        pub(super) struct $name<'a> { $(pub(super) $field: $type,)* }

        impl sqlx::Type<sqlx::Postgres> for $name<'_> {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                sqlx::postgres::PgTypeInfo::with_name($composite)
            }
        }

        impl sqlx::postgres::PgHasArrayType for $name<'_> {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                sqlx::postgres::PgTypeInfo::array_of($composite)
            }
        }

        impl sqlx::Encode<'_, sqlx::Postgres> for $name<'_> {
            fn encode_by_ref(
                &self,
                to: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                const FIELDS: &[&str] = &[$(stringify!($field)),*];
                to.extend_from_slice(&i32::try_from(FIELDS.len())?.to_be_bytes());
                $($crate::postgres::inputs::put_field(&self.$field, to)?;)*
                Ok(sqlx::encode::IsNull::No)
            }
        }
    };
}
pub(super) use input;

#[cfg(test)]
mod tests {
    use super::*;

    fn field<T: BinaryColumn>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_field(value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_field_has_its_type_its_length_and_its_value() {
        assert_eq!(field(&7_i16), [0, 0, 0, 21, 0, 0, 0, 2, 0, 7]);
        assert_eq!(field(&true), [0, 0, 0, 16, 0, 0, 0, 1, 1]);
        assert_eq!(field(&Some("é")), [0, 0, 0, 25, 0, 0, 0, 2, 0xc3, 0xa9]);
        assert_eq!(field(&""), [0, 0, 0, 25, 0, 0, 0, 0]);
        assert_eq!(field(&None::<i64>), [0, 0, 0, 20, 255, 255, 255, 255]);
    }
}
