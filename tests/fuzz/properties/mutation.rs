//! Inputs near those that mean something.
//!
//! Fed by a target's seeds; feeds proptest with changed ones. libFuzzer has ways of its
//! own, led by what the program executes; this is for where there is none. Texts are
//! changed byte by byte, and with words that mean something to some parser; messages
//! field by field, so that they still are messages.

use postrider_fuzz::InputForm;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::wire::{WireField, WireValue, read_message, write_message};

/// Largest input, in bytes; what is larger is cut.
const MAX_INPUT_BYTES: usize = 128 * 1024;
/// Words that mean something to one parser or another.
const WORDS: &[&str] = &[
    "\0",
    "\r\n",
    "\n\n",
    "\"",
    "\\",
    "'",
    "`",
    "%00",
    "%",
    "\u{feff}",
    "é",
    "\u{202e}",
    "🦀",
    "((((((((",
    "[[[[[[[[",
    "{{{{{{{{",
    "{\"a\":",
    "[",
    "]",
    "}",
    "!",
    "-",
    "--",
    "+",
    "*",
    "=",
    "true",
    "false",
    "null",
    "-1",
    "0",
    "1",
    "255",
    "65536",
    "4294967296",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "1e400",
    "NaN",
    "..",
    "/",
    "//",
    "../",
    "@",
    "#",
    "?",
    ":",
    ";",
    ",",
    " ",
    "\t",
    "\u{a0}",
    "\u{0}",
    " AND ",
    " OR ",
    "NOT ",
    ".exists(x, ",
    "size(",
    "event.payload",
    "tenants/-",
    "tenants/acme",
    "regions/",
    "https://",
    "http://",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "xn--",
    "0x7f.1",
    ":0",
    ":65536",
    "spiffe://",
    "Bearer ",
    "prt_",
    "eyJ",
    "\"$ref\":",
    "\"pattern\":\"(a+)+$\"",
    "webhook-id",
    "content-length",
    "host",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\n",
    "transfer-encoding: chunked\r\n",
    "content-length: 5\r\n",
    "retry-after: ",
    "ffffffff\r\n",
    "9999-12-31T23:59:59.999999999Z",
    "0000-01-01T00:00:00Z",
    "2026-11-01T00:00:00+23:59",
    "[[agents.identities]]",
    "server.listen",
];
/// Numbers at the ends of ranges.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    7,
    99,
    100,
    127,
    128,
    255,
    599,
    600,
    65_535,
    65_536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    253_402_300_799,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_fff0,
    0xffff_ffff_ffff_ffff,
];

/// One change of a text.
#[derive(Clone, Debug)]
enum TextChange {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Word(Index, &'static str),
    Remove(Index, usize),
    /// A part, so many times.
    Repeat(Index, usize, usize),
    Cut(Index),
    Splice(Index, Index, Index),
}

/// One change of a message's field.
#[derive(Clone, Debug)]
enum FieldChange {
    Remove,
    Repeat(usize),
    Number(u64),
    Text(TextChange),
}

/// What a target is given, of which `seeds` are examples.
pub fn inputs(form: InputForm, seeds: Vec<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let random = vec(any::<u8>(), 0..200);
    let words = vec(select(WORDS), 0..20).prop_map(|words| words.concat().into_bytes());
    let texts = changed(seeds.clone(), vec(text_change(), 1..5), |bytes, change, seeds| {
        change_text(bytes, change, seeds);
    });
    match form {
        InputForm::Text => prop_oneof![8 => texts, 1 => random, 1 => words].boxed(),
        InputForm::Message => {
            let change = (vec(any::<Index>(), 1..5), field_change());
            let messages = changed(seeds, vec(change, 1..5), |bytes, (path, change), seeds| {
                *bytes = change_field(bytes, path, change, seeds);
            });
            prop_oneof![8 => messages, 1 => texts, 1 => random].boxed()
        }
    }
}

/// A seed with changes.
fn changed<C: Clone + std::fmt::Debug + 'static>(
    seeds: Vec<Vec<u8>>,
    changes: impl Strategy<Value = Vec<C>> + 'static,
    apply: impl Fn(&mut Vec<u8>, &C, &[Vec<u8>]) + 'static,
) -> BoxedStrategy<Vec<u8>> {
    let made = (any::<Index>(), changes).prop_map(move |(seed, changes)| {
        let mut bytes = seed.get(&seeds).clone();
        for change in &changes {
            apply(&mut bytes, change, &seeds);
            bytes.truncate(MAX_INPUT_BYTES);
        }
        bytes
    });
    made.boxed()
}

fn text_change() -> impl Strategy<Value = TextChange> {
    let at = any::<Index>;
    prop_oneof![
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| TextChange::Replace(at, byte)),
        1 => (at(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| TextChange::Insert(at, bytes)),
        3 => (at(), select(WORDS)).prop_map(|(at, word)| TextChange::Word(at, word)),
        1 => (at(), 1..32_usize).prop_map(|(at, length)| TextChange::Remove(at, length)),
        1 => (at(), 1..16_usize, prop_oneof![2..5_usize, 2..5000_usize])
            .prop_map(|(at, length, times)| TextChange::Repeat(at, length, times)),
        1 => at().prop_map(TextChange::Cut),
        1 => (at(), at(), at()).prop_map(|(at, seed, from)| TextChange::Splice(at, seed, from)),
    ]
}

fn field_change() -> impl Strategy<Value = FieldChange> {
    prop_oneof![
        1 => Just(FieldChange::Remove),
        1 => prop_oneof![2..5_usize, 2..200_usize].prop_map(FieldChange::Repeat),
        2 => prop_oneof![select(NUMBERS), any::<u64>()].prop_map(FieldChange::Number),
        5 => text_change().prop_map(FieldChange::Text),
    ]
}

fn change_text(bytes: &mut Vec<u8>, change: &TextChange, seeds: &[Vec<u8>]) {
    let place = |at: &Index| at.index(bytes.len() + 1);
    match change {
        TextChange::Replace(at, byte) => {
            let at = place(at);
            if let Some(place) = bytes.get_mut(at) {
                *place = *byte;
            }
        }
        TextChange::Insert(at, new) => {
            let at = place(at);
            bytes.splice(at..at, new.iter().copied());
        }
        TextChange::Word(at, word) => {
            let at = place(at);
            bytes.splice(at..at, word.bytes());
        }
        TextChange::Remove(at, length) => {
            let at = place(at);
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        TextChange::Repeat(at, length, times) => {
            let at = place(at);
            let part = bytes[at..(at + length).min(bytes.len())].repeat(*times);
            bytes.splice(at..at, part);
        }
        TextChange::Cut(at) => {
            let at = place(at);
            bytes.truncate(at);
        }
        TextChange::Splice(at, seed, from) => {
            let at = place(at);
            let other = seed.get(seeds);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
}

/// Changes the field at a path, as far as there is one.
fn change_field(
    message: &[u8],
    path: &[Index],
    change: &FieldChange,
    seeds: &[Vec<u8>],
) -> Vec<u8> {
    let Some(mut fields) = read_message(message).filter(|fields| !fields.is_empty()) else {
        return message.to_vec();
    };
    let Some((first, rest)) = path.split_first() else { return message.to_vec() };
    let at = first.index(fields.len());
    let inner = match &fields[at].value {
        WireValue::Bytes(inner) if !rest.is_empty() => read_message(inner)
            .filter(|inner| !inner.is_empty())
            .map(|_| change_field(inner, rest, change, seeds)),
        _ => None,
    };
    match (inner, change) {
        (Some(inner), _) => fields[at].value = WireValue::Bytes(inner),
        (None, FieldChange::Remove) => drop(fields.remove(at)),
        (None, FieldChange::Repeat(times)) => {
            let field: WireField = fields[at].clone();
            fields.splice(at..at, vec![field; *times]);
        }
        (None, FieldChange::Number(number)) => match &mut fields[at].value {
            WireValue::Varint(value) => *value = *number,
            // Times and durations that are not set.
            WireValue::Bytes(bytes) if bytes.is_empty() => {
                let seconds = WireField { number: 1, value: WireValue::Varint(*number) };
                *bytes = write_message(&[seconds]);
            }
            _ => {}
        },
        (None, FieldChange::Text(text)) => {
            if let WireValue::Bytes(bytes) = &mut fields[at].value {
                change_text(bytes, text, seeds);
            }
        }
    }
    write_message(&fields)
}
