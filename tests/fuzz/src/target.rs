//! A fuzz target.

/// How an input of a target is changed into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// As bytes.
    Text,
    /// As an encoded protobuf message, field by field.
    Message,
}

/// What is given inputs, none of which may make it panic.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub form: InputForm,
    /// Inputs that mean something.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl FuzzTarget {
    pub const fn text(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name, run, form: InputForm::Text, seeds }
    }

    pub const fn message(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name, run, form: InputForm::Message, seeds }
    }
}

/// Texts as seeds.
pub(crate) fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}
