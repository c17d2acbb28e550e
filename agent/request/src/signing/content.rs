//! What one POST's signatures are made over.

/// What one POST's signatures are made over.
#[derive(Debug, Clone, Copy)]
pub struct SignedContent<'a> {
    /// The event's id, as `webhook-id` has it.
    pub webhook_id: &'a str,
    /// The moment of the POST, in decimal seconds since the Unix epoch.
    pub timestamp: &'a str,
    /// The body, as it is sent.
    pub body: &'a [u8],
}
