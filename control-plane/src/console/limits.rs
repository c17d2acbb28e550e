//! Limits of the console, by the names under which they are counted.
//!
//! Fed by what keeps a limit, with what it refused; feeds `failure`, and by `Console::count` the
//! metrics of limits. Guarantees that a page which says that there is too much is counted, since
//! it cannot be made without the limit.

/// What there is so much of at the console, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleLimit {
    /// Requests that are worked on at once.
    Requests,
    LivePages,
    /// Forms of callers that are arriving.
    Forms,
    /// The same of browsers without a session.
    VisitorForms,
    /// Forms whose JWT waits for the keys of its issuer.
    KeyWaits,
    /// Codes that a provider is asked about at once, and that wait for it.
    ProviderCodes,
    /// Codes of one sign-in.
    ProviderTries,
    /// Sign-ins with providers that are begun in a second.
    ProviderSignIns,
    /// Sessions that are begun at once.
    NewSessions,
    /// Sessions that there are.
    Sessions,
    SessionsOfTenant,
}

impl ConsoleLimit {
    /// The setting's name; with a colon where none sets it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "console.max_concurrent_requests",
            Self::LivePages => "console.max_live_pages",
            Self::Forms => "console:forms",
            Self::VisitorForms => "console:visitor_forms",
            Self::KeyWaits => "console:issuer_keys",
            Self::ProviderCodes => "console:provider_codes",
            Self::ProviderTries => "console:provider_tries",
            Self::ProviderSignIns => "console:provider_sign_ins",
            Self::NewSessions => "console:new_sessions",
            Self::Sessions => "console:sessions",
            Self::SessionsOfTenant => "console:sessions_of_tenant",
        }
    }

    /// Whether there is room again in a moment.
    pub const fn is_brief(self) -> bool {
        !matches!(self, Self::Sessions | Self::SessionsOfTenant)
    }
}
