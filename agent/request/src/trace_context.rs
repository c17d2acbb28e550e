//! The trace context that a request carries: the publisher's, or the attempt's own.

/// W3C trace context that replaces the publisher's in a POST.
#[derive(Debug, Default)]
pub struct OutgoingTraceContext {
    parent: String,
    state: String,
}

impl OutgoingTraceContext {
    /// A context of the attempt's own; with an empty `parent` it has none.
    pub fn new(parent: String, state: String) -> Self {
        Self { parent, state }
    }

    /// Its own context, or the publisher's when it has none.
    pub fn or<'a>(&'a self, parent: &'a str, state: &'a str) -> (&'a str, &'a str) {
        match self.parent.is_empty() {
            true => (parent, state),
            false => (&self.parent, &self.state),
        }
    }
}
