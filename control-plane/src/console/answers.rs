//! Answers to browsers.
//!
//! Fed by `serve`, `sign_in` and pages; feeds the door.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use maud::Markup;
use tonic::body::Body;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What a page answers.
#[derive(Debug)]
pub enum Answer {
    Page(Page),
    /// Another page, by its whole path, with a message that it shows.
    See(String, Option<Flash>),
    /// Events, as `live` makes them.
    Live(Body),
}

/// A page without its frame.
#[derive(Debug)]
pub struct Page {
    /// For the browser's tab and the heading.
    pub title: String,
    /// Where the page stands, from above: words and whole paths. Without the page itself.
    pub crumbs: Vec<(String, String)>,
    /// The tenant whose pages the navigation shows.
    pub tenant: Option<String>,
    pub body: Markup,
    /// 422 where a form is shown again.
    pub http_status: StatusCode,
}

impl Page {
    pub fn new(title: impl Into<String>, body: Markup) -> Self {
        let (title, crumbs, tenant) = (title.into(), Vec::new(), None);
        Self { title, crumbs, tenant, body, http_status: StatusCode::OK }
    }

    /// Below another page.
    pub fn below(mut self, words: impl Into<String>, path: impl Into<String>) -> Self {
        self.crumbs.push((words.into(), path.into()));
        self
    }

    /// One of a tenant's pages.
    pub fn of_tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    /// A form that is shown again with what is wrong.
    pub fn with_errors(mut self) -> Self {
        self.http_status = StatusCode::UNPROCESSABLE_ENTITY;
        self
    }
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// A message that the next page shows once. Who adds one adds its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flash {
    Created,
    Saved,
    Deleted,
    Enabled,
    Paused,
    Disabled,
    Sent,
    Started,
    Cancelled,
    Revoked,
    SignedOut,
    SessionEnded,
}

impl Flash {
    const ALL: [Self; 12] = [
        Self::Created,
        Self::Saved,
        Self::Deleted,
        Self::Enabled,
        Self::Paused,
        Self::Disabled,
        Self::Sent,
        Self::Started,
        Self::Cancelled,
        Self::Revoked,
        Self::SignedOut,
        Self::SessionEnded,
    ];

    /// As its cookie has it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Saved => "saved",
            Self::Deleted => "deleted",
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Sent => "sent",
            Self::Started => "started",
            Self::Cancelled => "cancelled",
            Self::Revoked => "revoked",
            Self::SignedOut => "signed-out",
            Self::SessionEnded => "session-ended",
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            Self::Created => "Created.",
            Self::Saved => "Your changes are saved.",
            Self::Deleted => "Deleted.",
            Self::Enabled => "Enabled. Events are sent from now on.",
            Self::Paused => "Paused. Events are kept, and sent once it is enabled again.",
            Self::Disabled => "Disabled. Events from now on are not sent, not even later.",
            Self::Sent => "Sent again.",
            Self::Started => "Started.",
            Self::Cancelled => "Cancelled.",
            Self::Revoked => "Revoked. It signs nothing any more.",
            Self::SignedOut => "You are signed out.",
            Self::SessionEnded => {
                "Your session is over. Sign in again, or come again from the page whose link you \
                 followed. A form that you have just sent changed nothing."
            }
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flash| flash.code() == code)
    }
}

/// A whole document.
pub fn document(http_status: StatusCode, markup: Markup) -> Response<Body> {
    let text = Bytes::from(markup.into_string());
    let length = text.len();
    let mut answer = Response::new(Body::new(Full::new(text)));
    *answer.status_mut() = http_status;
    answer.headers_mut().insert(CONTENT_TYPE, HTML);
    // HTTP/1.1 would send it in chunks.
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    answer
}

/// Sends a browser on, which asks for the other address with GET.
pub fn see_other(address: &str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    // What is no header's value is no address either.
    if let Ok(address) = HeaderValue::from_str(address) {
        answer.headers_mut().insert(LOCATION, address);
    }
    answer
}

/// An answer that sets a cookie besides.
pub fn with_cookie(mut answer: Response<Body>, cookie: Option<HeaderValue>) -> Response<Body> {
    if let Some(cookie) = cookie {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_by_its_code() {
        for flash in Flash::ALL {
            assert_eq!(Flash::from_code(flash.code()), Some(flash));
            assert!(flash.words().ends_with('.'));
        }
        assert_eq!(Flash::from_code("<script>"), None);
    }

    #[test]
    fn an_address_that_is_no_header_leads_nowhere() {
        assert_eq!(see_other("/console").headers()[LOCATION], "/console");
        assert!(see_other("/console\r\nset-cookie: a=b").headers().is_empty());
    }
}
