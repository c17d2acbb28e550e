//! An event as filters see it.
//!
//! Fed by `flow::publish` with an event's parts; feeds every filter of that
//! event the values behind its four names. Guarantees that the payload is parsed
//! at most once, only when a filter looks into it, and straight into CEL's
//! values, with its size and its nesting bounded.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::OnceLock;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::check::{ACCOUNT_FIELD, ATTRIBUTES_FIELD, PAYLOAD_FIELD, TYPE_FIELD};
use super::cost::EventSize;
use super::limits::{FilterFailure, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_NESTING};

/// One event, shared by all filters that are evaluated for it.
#[derive(Debug)]
pub struct FilterInput<'a> {
    event_type: CelString<'a>,
    account: CelString<'a>,
    attributes: CelMap<'a>,
    /// Everything but the payload.
    head: EventSize,
    payload: &'a [u8],
    parsed: OnceLock<Result<PayloadCell, FilterFailure>>,
}

#[derive(Debug)]
struct PayloadCell {
    value: Box<dyn Val>,
    measure: EventSize,
}

impl<'a> FilterInput<'a> {
    pub fn new(
        event_type: &'a str,
        account: Option<&'a str>,
        attributes: &'a BTreeMap<String, String>,
        payload: &'a [u8],
    ) -> Self {
        let account = account.unwrap_or_default();
        let mut head = EventSize { weight: 0, longest: attributes.len() as u64 };
        for text in [event_type, account] {
            head.add_text(text);
        }
        let entry = |(name, value): (&'a String, &'a String)| {
            head.add_text(name);
            head.add_text(value);
            let value: Box<dyn Val + 'a> = Box::new(CelString::from(value.as_str()));
            (CelMapKey::String(CelString::from(name.as_str())), value)
        };
        let attributes: HashMap<_, _> = attributes.iter().map(entry).collect();
        Self {
            event_type: CelString::from(event_type),
            account: CelString::from(account),
            attributes: CelMap::from(attributes),
            head,
            payload,
            parsed: OnceLock::new(),
        }
    }

    /// The size of what the filter may look at.
    pub(super) fn measure(&self, with_payload: bool) -> Result<EventSize, FilterFailure> {
        if !with_payload {
            return Ok(self.head);
        }
        let payload = self.payload().as_ref().map_err(|failure| *failure)?;
        Ok(EventSize {
            weight: self.head.weight + payload.measure.weight,
            longest: self.head.longest.max(payload.measure.longest),
        })
    }

    fn payload(&self) -> &Result<PayloadCell, FilterFailure> {
        self.parsed.get_or_init(|| PayloadCell::parse(self.payload))
    }
}

impl VariableResolver for FilterInput<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let value: &'b (dyn Val + 'b) = match name.strip_prefix("event.")? {
            TYPE_FIELD => &self.event_type,
            ACCOUNT_FIELD => &self.account,
            ATTRIBUTES_FIELD => &self.attributes,
            PAYLOAD_FIELD => self.payload().as_ref().ok()?.value.as_ref(),
            _ => return None,
        };
        Some(CowVal::Borrowed(value))
    }
}

impl PayloadCell {
    fn parse(bytes: &[u8]) -> Result<Self, FilterFailure> {
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(FilterFailure::PayloadTooLarge);
        }
        let reading = PayloadReading::default();
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = CelValueSeed { reading: &reading, depth: 0 }
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value));
        match value {
            Ok(value) => Ok(Self { value, measure: reading.measure.get() }),
            Err(_) if reading.too_deep.get() => Err(FilterFailure::PayloadTooDeep),
            Err(_) => Err(FilterFailure::PayloadNotJson),
        }
    }
}

/// Counted while a payload is read.
#[derive(Default)]
struct PayloadReading {
    measure: Cell<EventSize>,
    too_deep: Cell<bool>,
}

/// Reads one JSON value as a CEL value.
#[derive(Clone, Copy)]
struct CelValueSeed<'r> {
    reading: &'r PayloadReading,
    depth: usize,
}

impl<'r> CelValueSeed<'r> {
    fn child<E: Error>(self) -> Result<CelValueSeed<'r>, E> {
        if self.depth == MAX_PAYLOAD_NESTING {
            self.reading.too_deep.set(true);
            return Err(E::custom("nested too deep"));
        }
        Ok(CelValueSeed { reading: self.reading, depth: self.depth + 1 })
    }

    fn note(self, change: impl FnOnce(&mut EventSize)) {
        let mut measure = self.reading.measure.get();
        change(&mut measure);
        self.reading.measure.set(measure);
    }

    fn scalar<E>(self, value: impl Val + 'static) -> Result<Box<dyn Val>, E> {
        self.note(|measure| measure.weight += 1);
        Ok(Box::new(value))
    }

    fn container(self, entries: usize) {
        self.note(|measure| {
            measure.weight += 1;
            measure.longest = measure.longest.max(entries as u64);
        });
    }
}

impl<'de> DeserializeSeed<'de> for CelValueSeed<'_> {
    type Value = Box<dyn Val>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Box<dyn Val>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CelValueSeed<'_> {
    type Value = Box<dyn Val>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Box<dyn Val>, E> {
        self.scalar(CelNull)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Box<dyn Val>, E> {
        self.scalar(CelBool::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Box<dyn Val>, E> {
        self.scalar(CelInt::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Box<dyn Val>, E> {
        // `int` where it fits, so that `event.payload.amount + 1` has an overload.
        match i64::try_from(value) {
            Ok(value) => self.scalar(CelInt::from(value)),
            Err(_) => self.scalar(CelUInt::from(value)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Box<dyn Val>, E> {
        self.scalar(CelDouble::from(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Box<dyn Val>, E> {
        self.note(|measure| measure.add_text(value));
        Ok(Box::new(CelString::from(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Box<dyn Val>, A::Error> {
        let child = self.child()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(child)? {
            list.push(item);
        }
        self.container(list.len());
        Ok(Box::new(CelList::from(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Box<dyn Val>, A::Error> {
        let child = self.child()?;
        let mut map = HashMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.note(|measure| measure.add_text(&name));
            let value = entries.next_value_seed(child)?;
            map.insert(CelMapKey::String(CelString::from(name)), value);
        }
        self.container(map.len());
        Ok(Box::new(CelMap::from(map)))
    }
}
