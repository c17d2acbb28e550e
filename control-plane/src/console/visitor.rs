//! A browser without a session.
//!
//! Fed by `serve` with its request; feeds `sign_in` and its pages. Guarantees that a form counts
//! for the browser to which it was shown, and that signing in leads to the console alone.

use std::sync::Arc;

use http::{Method, Response, StatusCode};
use maud::Markup;
use postrider_identity::ConsoleId;
use tonic::body::Body;

use super::Console;
use super::answers::{document, with_cookie};
use super::cookies::CookieKind;
use super::failure::PageFailure;
use super::request::BrowserRequest;
use crate::settings::CONSOLE_PATH;

/// Longest path to which signing in leads back.
const MAX_RETURN_BYTES: usize = 1024;

/// A browser without a session, and its request.
pub struct Visitor<'r> {
    pub console: &'r Arc<Console>,
    pub request: &'r BrowserRequest,
    /// What its forms are bound to.
    pub id: ConsoleId,
    is_new: bool,
}

impl<'r> Visitor<'r> {
    pub fn new(console: &'r Arc<Console>, request: &'r BrowserRequest) -> Self {
        let known = console.cookies.read(&request.headers, CookieKind::Visitor);
        let known = known.and_then(ConsoleId::parse);
        let is_new = known.is_none();
        let id = known.unwrap_or_else(|| ConsoleId::new(&rand::random()));
        Self { console, request, id, is_new }
    }

    /// A page whose forms count for this browser.
    pub fn page(&self, http_status: StatusCode, markup: Markup) -> Response<Body> {
        let cookie = self.console.cookies.set(CookieKind::Visitor, self.id.reveal(), None);
        let answer = document(http_status, markup);
        with_cookie(answer, cookie.filter(|_| self.is_new))
    }

    /// Fails unless the form is one that this browser was shown.
    pub fn require_own_form(&self) -> Result<(), PageFailure> {
        let is_own = !self.is_new && self.id.owns_form(self.request.form("form_token"));
        if is_own { Ok(()) } else { Err(PageFailure::ForeignForm) }
    }

    /// Where the browser goes once somebody is signed in.
    pub fn return_path(&self) -> String {
        let given = match self.request.method == Method::POST {
            true => self.request.form("to"),
            false => self.request.query("to"),
        };
        return_path(given).unwrap_or(CONSOLE_PATH).to_owned()
    }
}

/// A path of the console, and of nothing else.
pub fn return_path(given: &str) -> Option<&str> {
    let rest = given.strip_prefix(CONSOLE_PATH)?;
    let is_path = rest.is_empty() || rest.starts_with(['/', '?']);
    let is_plain = given.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // Browsers take them out, and what is left may be none of the console's.
    let has_dots = given.split(['/', '?']).any(is_dot_segment);
    (is_path && is_plain && !has_dots && given.len() <= MAX_RETURN_BYTES).then_some(given)
}

/// Whether a browser reads it as "." or ".." (WHATWG URL).
fn is_dot_segment(segment: &str) -> bool {
    let dots = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(dots.as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_the_console_alone() {
        for good in ["/console", "/console/tenants/acme?page_token=x", "/console?q=1"] {
            assert_eq!(return_path(good), Some(good));
        }
        for bad in [
            "",
            "https://evil.example",
            "//evil.example",
            "/consoles",
            "/console.evil.example",
            "/console/\\evil",
            "/console/a b",
            "/console/../v1/tenants",
            "/console/.%2E/v1",
            "/console/%2e%2e//evil.example",
            "/console/..?q=1",
            "/console\r\n",
            &format!("/console/{}", "x".repeat(MAX_RETURN_BYTES)),
        ] {
            assert_eq!(return_path(bad), None, "{bad}");
        }
    }
}
