//! A span that has ended: what happened, from when to when.
//!
//! Built by whoever knows when something began and ended; feeds the tracer.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind};
use opentelemetry::{KeyValue, Value};

/// When a span began and ended, by this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanTimes {
    pub start: SystemTime,
    pub end: SystemTime,
}

impl SpanTimes {
    /// Of something that took so long, by whatever clock, and has just ended.
    pub fn ending_now(took: Duration) -> Self {
        let end = SystemTime::now();
        Self { start: end.checked_sub(took).unwrap_or(end), end }
    }
}

/// A span that has ended, without an id and a place yet.
#[derive(Debug)]
pub struct EndedSpan {
    pub(super) builder: SpanBuilder,
    pub(super) end: SystemTime,
    /// What to say of a failure.
    pub(super) failure: Option<Cow<'static, str>>,
    attributes: Vec<KeyValue>,
}

impl EndedSpan {
    pub fn new(name: impl Into<Cow<'static, str>>, kind: SpanKind, times: SpanTimes) -> Self {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_start_time(times.start);
        Self { builder, end: times.end.max(times.start), failure: None, attributes: Vec::new() }
    }

    /// Adds a text, unless it is empty.
    pub fn text(self, key: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if value.is_empty() { self } else { self.with(key, value) }
    }

    pub fn number(self, key: &'static str, value: impl TryInto<i64>) -> Self {
        self.with(key, value.try_into().unwrap_or(i64::MAX))
    }

    /// Adds a fraction, if there is one.
    pub fn fraction(self, key: &'static str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    pub fn flag(self, key: &'static str, value: bool) -> Self {
        self.with(key, value)
    }

    /// Links the span to others; of many the SDK keeps the first.
    pub fn links(mut self, to: impl IntoIterator<Item = SpanContext>) -> Self {
        let links = to.into_iter().map(Link::with_context).collect();
        self.builder = self.builder.with_links(links);
        self
    }

    /// What it was about has failed; `error_type` is a name out of few.
    pub fn failed(
        mut self,
        error_type: impl Into<String>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.failure = Some(message.into());
        self.text("error.type", error_type)
    }

    /// With its attributes in the builder.
    pub(super) fn finished(mut self) -> Self {
        let attributes = std::mem::take(&mut self.attributes);
        self.builder = self.builder.with_attributes(attributes);
        self
    }

    fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }
}
