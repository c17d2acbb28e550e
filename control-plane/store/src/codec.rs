//! How values are stored in columns, for both engines.
//!
//! Fed by the engines' row readers and writers. Guarantees that an encoded value is
//! decoded to an equal one, and that what no version of this program wrote is answered
//! with [`StoreError::Corrupt`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{DeliveryState, DeliveryStatus, EndReason, Outcome, Trigger};
use postrider_domain::event::{DEFAULT_CONTENT_TYPE, PayloadRemoval};
use postrider_domain::event_type::ValidationMode;
use postrider_domain::failure_streak::WarningStage;
use postrider_domain::operation::{OperationFailure, OperationState};
use postrider_domain::subscription::{SubscriptionConfig, SubscriptionStatus};
use postrider_domain::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::conditions::TimeRange;
use crate::error::{StoreError, StoreResult};

const HOUR_US: i64 = 3_600_000_000;

/// A column holds something that this program never writes.
pub(crate) fn corrupt(what: impl Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// Converts a number from a column of a wider type.
pub(crate) fn narrow<T: TryFrom<i64>>(column: &str, value: i64) -> StoreResult<T> {
    T::try_from(value).map_err(|_| corrupt(format_args!("{column} is {value}")))
}

/// Bytes of a fixed length.
pub(crate) fn fixed<const N: usize>(column: &str, bytes: &[u8]) -> StoreResult<[u8; N]> {
    bytes.try_into().map_err(|_| corrupt(format_args!("{column} has {} bytes", bytes.len())))
}

/// What a column of content types holds: nothing for nearly all of them.
pub(crate) fn unusual_content_type(content_type: &str) -> Option<&str> {
    Some(content_type).filter(|given| *given != DEFAULT_CONTENT_TYPE)
}

/// Reads what [`unusual_content_type`] gave.
pub(crate) fn content_type(stored: Option<&str>) -> String {
    stored.unwrap_or(DEFAULT_CONTENT_TYPE).to_owned()
}

/// Serializes settings, labels and attributes for JSON columns.
pub(crate) fn to_json<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Rejected(error.to_string()))
}

/// Reads what [`to_json`] wrote. The error does not quote the text: it may hold
/// secrets.
pub(crate) fn from_json<T: DeserializeOwned>(column: &str, text: &str) -> StoreResult<T> {
    from_json_bytes(column, text.as_bytes())
}

/// As [`from_json`].
pub(crate) fn from_json_bytes<T: DeserializeOwned>(column: &str, text: &[u8]) -> StoreResult<T> {
    serde_json::from_slice(text).map_err(|error| {
        corrupt(format_args!(
            "{column} is not the JSON expected (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// An event's attributes; `None` if there are none, as for most events.
pub(crate) fn attributes_to_json(
    attributes: &BTreeMap<String, String>,
) -> StoreResult<Option<String>> {
    if attributes.is_empty() { Ok(None) } else { to_json(attributes).map(Some) }
}

/// Reads what [`attributes_to_json`] wrote.
pub(crate) fn attributes_from_json(text: Option<&str>) -> StoreResult<BTreeMap<String, String>> {
    text.map_or_else(|| Ok(BTreeMap::new()), |text| from_json("attributes", text))
}

macro_rules! decode_code {
    ($($function:ident -> $type:ident),* $(,)?) => {$(
        pub(crate) fn $function(code: i64) -> StoreResult<$type> {
            i16::try_from(code)
                .ok()
                .and_then($type::from_code)
                .ok_or_else(|| corrupt(format_args!("{} {code}", stringify!($function))))
        }
    )*};
}

decode_code!(
    delivery_state -> DeliveryState,
    end_reason -> EndReason,
    trigger -> Trigger,
    outcome -> Outcome,
    stage -> WarningStage,
    operation_state -> OperationState,
    operation_failure -> OperationFailure,
);

/// A delivery's status from the columns of its state and end reason.
pub(crate) fn standing(
    state: Option<i64>,
    end_reason_: Option<i64>,
) -> StoreResult<Option<DeliveryStatus>> {
    let standing = |state| {
        Ok(DeliveryStatus {
            state: delivery_state(state)?,
            end_reason: end_reason_.map(end_reason).transpose()?,
        })
    };
    state.map(standing).transpose()
}

/// The number of a subscription's status. Part of the storage format.
pub(crate) const fn status_code(status: SubscriptionStatus) -> i16 {
    match status {
        SubscriptionStatus::Enabled => 1,
        SubscriptionStatus::Paused => 2,
        SubscriptionStatus::Disabled => 3,
    }
}

pub(crate) fn status(code: i64) -> StoreResult<SubscriptionStatus> {
    match code {
        1 => Ok(SubscriptionStatus::Enabled),
        2 => Ok(SubscriptionStatus::Paused),
        3 => Ok(SubscriptionStatus::Disabled),
        _ => Err(corrupt(format_args!("status {code}"))),
    }
}

/// The number of an event type's validation. Part of the storage format.
pub(crate) const fn validation_code(validation: ValidationMode) -> i16 {
    match validation {
        ValidationMode::Off => 1,
        ValidationMode::Warn => 2,
        ValidationMode::Enforce => 3,
    }
}

pub(crate) fn validation(code: i64) -> StoreResult<ValidationMode> {
    match code {
        1 => Ok(ValidationMode::Off),
        2 => Ok(ValidationMode::Warn),
        3 => Ok(ValidationMode::Enforce),
        _ => Err(corrupt(format_args!("validation {code}"))),
    }
}

/// Response headers as bytes, since a receiver may send any: for each header the
/// lengths of its name and value (32 bits each, big-endian), then both.
pub(crate) fn encode_headers(headers: &[(String, Bytes)]) -> StoreResult<Vec<u8>> {
    let size = headers.iter().map(|(name, value)| 8 + name.len() + value.len()).sum();
    let mut out = Vec::with_capacity(size);
    for (name, value) in headers {
        for length in [name.len(), value.len()] {
            let length = u32::try_from(length)
                .map_err(|_| StoreError::Rejected("a header of 4 GiB".to_owned()))?;
            out.extend_from_slice(&length.to_be_bytes());
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value);
    }
    Ok(out)
}

/// Reads what became of a payload that is no longer there.
pub(crate) fn payload_removal(json: Option<&str>) -> StoreResult<Option<PayloadRemoval>> {
    json.map(|json| from_json("payload_removal", json)).transpose()
}

/// Reads what [`encode_headers`] wrote.
pub(crate) fn decode_headers(bytes: &[u8]) -> StoreResult<Vec<(String, Bytes)>> {
    let cut = || corrupt("response headers that are cut short");
    let mut rest = bytes;
    let mut take = |length: usize| {
        let (head, tail) = rest.split_at_checked(length)?;
        rest = tail;
        Some(head)
    };
    let mut headers = Vec::new();
    while let Some(lengths) = take(8) {
        let (name, value) = lengths.split_at(4);
        let length = |field: &[u8]| {
            field.try_into().ok().and_then(|f| usize::try_from(u32::from_be_bytes(f)).ok())
        };
        let name = length(name).and_then(&mut take).ok_or_else(cut)?;
        let value = length(value).and_then(&mut take).ok_or_else(cut)?;
        let name = str::from_utf8(name).map_err(|_| corrupt("a header's name is not UTF-8"))?;
        headers.push((name.to_owned(), Bytes::copy_from_slice(value)));
    }
    if rest.is_empty() { Ok(headers) } else { Err(cut()) }
}

/// Text without NUL, which PostgreSQL's text cannot hold.
pub fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A count for a column; the largest when it is larger.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A span in whole microseconds; the longest one when it is longer.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A step of an attempt for an INTEGER column of microseconds, which holds half
/// an hour.
pub(crate) fn step(span: Option<Duration>) -> Option<i32> {
    span.map(|span| i32::try_from(span.as_micros()).unwrap_or(i32::MAX))
}

/// Reads what [`micros`] wrote.
pub(crate) fn span(column: &str, micros: i64) -> StoreResult<Duration> {
    narrow(column, micros).map(Duration::from_micros)
}

/// The beginning of the hour in which attempts are counted.
pub fn hour(time: Timestamp) -> i64 {
    let micros = time.as_micros();
    micros - micros.rem_euclid(HOUR_US)
}

/// The lowest id that can have been made at or after `time`: ids carry whole
/// milliseconds, so a time within a millisecond is after that millisecond's ids.
pub fn first_id_from(time: Timestamp) -> Uuid {
    let micros = time.as_micros().max(0);
    let millis = u128::try_from(micros.div_euclid(1000) + i64::from(micros % 1000 != 0));
    Uuid::from_u128(millis.unwrap_or(0).min((1 << 48) - 1) << 80)
}

/// The lowest and highest id of the millisecond in `id`. All ids made together with it
/// lie between them.
pub fn ids_of_same_millisecond(id: Uuid) -> (Uuid, Uuid) {
    let random = (1_u128 << 80) - 1;
    (Uuid::from_u128(id.as_u128() & !random), Uuid::from_u128(id.as_u128() | random))
}

/// The ids `from <= id < until` that were made within a range of time.
pub fn id_range(range: TimeRange) -> (Uuid, Uuid) {
    (range.from.map_or(Uuid::nil(), first_id_from), range.until.map_or(Uuid::max(), first_id_from))
}

/// The text that a search looks in. It is stored in lower case in its own column,
/// because databases fold case only for their locale's alphabets.
pub fn search_text(parts: &[&str]) -> String {
    without_nul(&parts.join("\n")).to_lowercase()
}

/// A search as a pattern for `LIKE … ESCAPE '\'` on a column of [`search_text`];
/// wildcards in it are escaped.
pub(crate) fn search_pattern(search: &str) -> String {
    let text = without_nul(search).to_lowercase();
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Whether one of a subscription's patterns equals or matches this event type. Decided
/// here and not in SQL, because patterns belong to the domain.
pub fn wants_event_type(settings: &SubscriptionConfig, event_type: &str) -> bool {
    settings
        .event_types
        .iter()
        .any(|pattern| pattern.to_string() == event_type || pattern.matches(event_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_whatever_a_receiver_sends() {
        let headers = vec![
            ("x-a".to_owned(), Bytes::from_static(b"\0\xff")),
            (String::new(), Bytes::new()),
            ("x-a".to_owned(), Bytes::from_static(b"twice")),
        ];
        let bytes = encode_headers(&headers).unwrap();
        assert_eq!(decode_headers(&bytes).unwrap(), headers);
        assert_eq!(decode_headers(&[]).unwrap(), vec![]);
        for cut in 1..bytes.len() {
            // A cut between two headers leaves whole ones.
            if cut != 13 && cut != 21 {
                assert!(decode_headers(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn id_bounds_hold_exactly_the_ids_of_a_time_range() {
        use postrider_domain::ids::EventId;
        let at = |micros: i64| Timestamp::from_micros(1_700_000_000_000_000 + micros);
        let lowest = EventId::new(at(5_000), [0; 10]).0;
        let highest = EventId::new(at(5_999), [0xff; 10]).0;
        assert!(first_id_from(at(5_000)) <= lowest && first_id_from(at(5_001)) > highest);
        let (low, high) = ids_of_same_millisecond(lowest);
        assert!(low <= lowest && highest <= high);
        assert!(high < EventId::new(at(6_000), [0; 10]).0);
        assert_eq!(first_id_from(Timestamp::MAX).as_u128() >> 80, (1 << 48) - 1);
    }

    #[test]
    fn a_search_stands_for_itself() {
        assert_eq!(search_pattern("50%_\\Ä"), "%50\\%\\_\\\\ä%");
        assert_eq!(search_text(&["a", "B", "É\0"]), "a\nb\né\u{fffd}");
    }

    #[test]
    fn codes_round_trip_and_surprises_are_corrupt() {
        for status_ in
            [SubscriptionStatus::Enabled, SubscriptionStatus::Paused, SubscriptionStatus::Disabled]
        {
            assert_eq!(status(status_code(status_).into()).unwrap(), status_);
        }
        for state in DeliveryState::ALL {
            assert_eq!(delivery_state(state.code().into()).unwrap(), *state);
        }
        assert!(matches!(outcome(99), Err(StoreError::Corrupt(_))));
        assert!(matches!(end_reason(1 << 40), Err(StoreError::Corrupt(_))));
        assert!(matches!(status(0), Err(StoreError::Corrupt(_))));
        assert!(matches!(narrow::<u32>("attempts", -1), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn hours_begin_on_the_hour() {
        assert_eq!(hour(Timestamp::from_micros(HOUR_US + 1)), HOUR_US);
        assert_eq!(hour(Timestamp::from_micros(-1)), -HOUR_US);
    }
}
