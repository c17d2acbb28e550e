//! Cookies of the console.
//!
//! Fed by the settings and by what browsers send; feeds answers with cookies. Guarantees that
//! over HTTPS a cookie is for this host alone, goes nowhere in the clear and is set by no other
//! host of the domain (`__Host-`), and that no script reads one.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieKind {
    /// The id of a session.
    Session,
    /// What the forms of a browser without a session are bound to.
    Visitor,
    /// A way to a provider and back, sealed.
    PendingSignIn,
    /// The message that the next page shows.
    Flash,
}

impl CookieKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "postrider-session",
            Self::Visitor => "postrider-visitor",
            Self::PendingSignIn => "postrider-sign-in",
            Self::Flash => "postrider-flash",
        }
    }
}

/// Makes and reads cookies.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    /// Whether browsers come over HTTPS.
    pub is_secure: bool,
}

impl Cookies {
    fn name(self, kind: CookieKind) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        format!("{prefix}{}", kind.name())
    }

    /// What a browser sends. Of several of a name none counts: who has set them nobody knows.
    pub fn read(self, headers: &HeaderMap, kind: CookieKind) -> Option<&str> {
        let name = self.name(kind);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
        let first = found.next().filter(|value| !value.is_empty());
        first.filter(|_| found.next().is_none())
    }

    /// A cookie for as long as a browser is open, or for a time. `value` has no characters that
    /// mean something in a cookie. Lax, so that a link and a provider lead back to a session.
    pub fn set(self, kind: CookieKind, value: &str, age: Option<Duration>) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let age = age.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
        let name = self.name(kind);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    pub fn remove(self, kind: CookieKind) -> Option<HeaderValue> {
        self.set(kind, "", Some(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn a_sessions_cookie_is_for_this_host_and_no_script() {
        let secure = Cookies { is_secure: true };
        let set = secure.set(CookieKind::Session, "ab", None).unwrap();
        assert_eq!(
            set.to_str().unwrap(),
            "__Host-postrider-session=ab; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = Cookies { is_secure: false };
        let set = plain.set(CookieKind::Session, "ab", Some(Duration::from_secs(60))).unwrap();
        assert_eq!(
            set.to_str().unwrap(),
            "postrider-session=ab; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"
        );
        assert!(
            secure.remove(CookieKind::Session).unwrap().to_str().unwrap().contains("Max-Age=0")
        );
        assert!(secure.set(CookieKind::Flash, "a\nb", None).is_none());
    }

    #[test]
    fn one_cookie_of_a_name_is_read() {
        let secure = Cookies { is_secure: true };
        let read = |lines: &[&'static str]| {
            secure.read(&sent(lines), CookieKind::Session).map(str::to_owned)
        };
        assert_eq!(read(&["a=b; __Host-postrider-session=ab"]).as_deref(), Some("ab"));
        assert_eq!(read(&["a=b", "__Host-postrider-session=ab"]).as_deref(), Some("ab"));
        assert_eq!(read(&["postrider-session=ab"]), None, "not of this host alone");
        assert_eq!(read(&["__Host-postrider-session=a; __Host-postrider-session=b"]), None);
        assert_eq!(read(&["__Host-postrider-session="]), None);
        assert_eq!(read(&[]), None);
    }
}
