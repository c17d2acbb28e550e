//! Values that are written as text.
//!
//! For `#[serde(deserialize_with = …)]`. A list is an array in a file, and one text with
//! commas in a variable or a flag, which have no arrays.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer};

/// With the causes of an error that has some.
fn in_words<E: Error>(problem: impl Display) -> E {
    E::custom(format_args!("{problem:#}"))
}

/// An entry of a list; an error says which one.
fn parse_entry<T: FromStr<Err: Display>, E: Error>(entry: &str) -> Result<T, E> {
    entry.parse().map_err(|problem| E::custom(format_args!("{entry:?}: {problem:#}")))
}

/// A text that is parsed.
pub fn parsed<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(from)?.parse().map_err(in_words)
}

/// A text that is parsed; none where it is empty.
pub fn parsed_unless_empty<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    match String::deserialize(from)?.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(in_words),
    }
}

/// Texts that are parsed, in an array or with commas between them.
pub fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    from.deserialize_any(ListVisitor(PhantomData))
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: Display>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of texts, or a text with commas")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(parse_entry).collect()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        let text = |error| A::Error::custom(format!("must be an array of texts: {error}"));
        while let Some(text) = array.next_element::<String>().map_err(text)? {
            values.push(parse_entry(&text)?);
        }
        Ok(values)
    }
}
