//! Which URLs webhooks may be sent to: one check for all.
//!
//! Fed by the control plane with what a caller sets, and by the agent with what it
//! is told to POST to; feeds both a parsed URL. Guarantees that a URL which was let
//! in when it was set can be connected to and put into a request, as far as its text
//! tells: neither side has a rule of its own. Whether its host's addresses may be
//! dialled is judged by the agent at each attempt.
//!
//! Keeps the invariant `accepted-url-can-be-posted`.

use http::Uri;
use thiserror::Error;
use url::{Host, Position, Url};

/// Longest URL, in bytes. What browsers, proxies and servers all take.
pub const MAX_URL_BYTES: usize = 2048;
/// Longest host name, in bytes (RFC 1035, section 2.3.4, as text).
const MAX_HOST_BYTES: usize = 253;
/// Longest part of a host name between dots, in bytes (RFC 1035, section 2.3.4).
const MAX_HOST_LABEL_BYTES: usize = 63;

/// Why a URL was refused; reads on after the field's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlProblem {
    #[error("is missing")]
    Missing,
    #[error("must have at most {MAX_URL_BYTES} bytes")]
    Length,
    #[error("must not contain spaces, control characters or backslashes")]
    Characters,
    #[error("is not a URL: {0}")]
    Syntax(url::ParseError),
    #[error("must begin with https://")]
    Scheme,
    #[error("must begin with https://; http:// is not allowed for this tenant")]
    Insecure,
    #[error("must not contain a user name or password")]
    UserInfo,
    #[error("must not contain a fragment")]
    Fragment,
    #[error("must name a host")]
    Host,
    #[error(
        "must name a host of letters, digits, hyphens and underscores: parts of 1 to 63 \
         bytes between dots that neither begin nor end with a hyphen, 253 bytes in all"
    )]
    HostName,
    #[error("must not have port 0")]
    Port,
    #[error("cannot be put into a request: {0}")]
    Request(String),
}

/// A URL that webhooks may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl {
    /// As a request names it: host in lower case and ASCII, path and query escaped.
    pub url: Url,
    /// Whether it is https.
    pub secure: bool,
}

impl WebhookUrl {
    /// Checks a URL as it was written. `http://` is allowed where `allow_insecure`.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, UrlProblem> {
        if text.is_empty() {
            return Err(UrlProblem::Missing);
        }
        if text.len() > MAX_URL_BYTES {
            return Err(UrlProblem::Length);
        }
        // The parser drops these silently; what is kept must be what is meant.
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(UrlProblem::Characters);
        }
        let url = Url::parse(text).map_err(UrlProblem::Syntax)?;
        let secure = match url.scheme() {
            "https" => true,
            "http" if allow_insecure => false,
            "http" => return Err(UrlProblem::Insecure),
            _ => return Err(UrlProblem::Scheme),
        };
        // The parser adds what "https:host", "https:/host" and "https:///host" lack.
        let rest = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
        let rest = rest.ok_or(UrlProblem::Scheme)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // Also an empty one, as in "https://@host", which the parser forgets.
        if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
            return Err(UrlProblem::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlProblem::Fragment);
        }
        if authority.is_empty() {
            return Err(UrlProblem::Host);
        }
        match url.host() {
            None => return Err(UrlProblem::Host),
            Some(Host::Domain(name)) => host_name(name)?,
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => {}
        }
        if url.port() == Some(0) {
            return Err(UrlProblem::Port);
        }
        for part in [url.as_str(), &url[Position::BeforePath..Position::AfterQuery]] {
            part.parse::<Uri>().map_err(|error| UrlProblem::Request(error.to_string()))?;
        }
        Ok(Self { url, secure })
    }
}

/// Whether a URL that was allowed is `http://`.
pub fn is_insecure(text: &str) -> bool {
    text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

/// What TLS checks certificates for and name servers are asked for. A dot at the
/// end, which keeps a name from being searched for in other domains, is permitted.
fn host_name(name: &str) -> Result<(), UrlProblem> {
    if name.len() > MAX_HOST_BYTES {
        return Err(UrlProblem::HostName);
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let fine = |label: &str| {
        (1..=MAX_HOST_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match name.strip_suffix('.').unwrap_or(name).split('.').all(fine) {
        true => Ok(()),
        false => Err(UrlProblem::HostName),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> UrlProblem {
        WebhookUrl::parse(text, true).expect_err(text)
    }

    #[test]
    fn usual_urls_are_let_in_in_their_normal_form() {
        let host_63 = format!("https://{}.example/", "a".repeat(63));
        let host_253 = format!("https://{}a.example/", "a.".repeat(122));
        let longest = format!("https://pay.example/{}", "a".repeat(MAX_URL_BYTES - 20));
        for (text, meant) in [
            ("https://pay.example", "https://pay.example/"),
            ("HTTPS://Pay.Example/Hook", "https://pay.example/Hook"),
            ("https://pay.example:8443/a/b?c=d", "https://pay.example:8443/a/b?c=d"),
            ("https://pay.example:443/", "https://pay.example/"),
            ("https://pay.example:/", "https://pay.example/"),
            ("https://pay.example?a=b", "https://pay.example/?a=b"),
            ("https://pay.example./", "https://pay.example./"),
            ("https://my_shop.example/", "https://my_shop.example/"),
            ("https://localhost/", "https://localhost/"),
            ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
            ("https://p%61y.example/", "https://pay.example/"),
            (
                "https://pay.example/ü{id}\"|^`?ü{id}|^`'",
                "https://pay.example/%C3%BC%7Bid%7D%22|^%60?%C3%BC{id}|^`%27",
            ),
            ("https://pay.example/a%20b/%zz", "https://pay.example/a%20b/%zz"),
            ("https://[2001:DB8::1]/x", "https://[2001:db8::1]/x"),
            ("https://192.0.2.1:8443/", "https://192.0.2.1:8443/"),
            // Other ways to write an address, which is what is judged.
            ("https://2130706433/", "https://127.0.0.1/"),
            ("https://0x7f.1/", "https://127.0.0.1/"),
            ("https://127.0.1.0x/", "https://127.0.1.0/"),
            ("https://0177.0.0.1/", "https://127.0.0.1/"),
            (&host_63, &host_63),
            (&host_253, &host_253),
            (&longest, &longest),
        ] {
            let parsed = WebhookUrl::parse(text, false).expect(text);
            assert_eq!(parsed.url.as_str(), meant);
            assert!(parsed.secure && !is_insecure(text), "{text}");
        }
        for text in ["http://pay.example/", "HTTP://pay.example/", "Http://pay.example/"] {
            assert!(!WebhookUrl::parse(text, true).expect(text).secure);
            assert_eq!(WebhookUrl::parse(text, false), Err(UrlProblem::Insecure), "{text}");
            assert!(is_insecure(text), "{text}");
        }
    }

    #[test]
    fn urls_that_could_mislead_are_refused() {
        let long = format!("https://pay.example/{}", "a".repeat(MAX_URL_BYTES));
        for (problem, texts) in [
            (UrlProblem::Missing, &[""][..]),
            (UrlProblem::Length, &[&long]),
            (
                UrlProblem::Characters,
                &[
                    " https://pay.example/",
                    "https://pay.example/ ",
                    "https://pay.example/a b",
                    "https://pay\n.example/",
                    "https://pay.example/\t",
                    "https://pay.example/\u{2028}",
                    "https://pay.example/\0",
                    "https:\\\\pay.example/",
                    "https://pay.example\\@other.example/",
                ],
            ),
            (
                UrlProblem::Scheme,
                &[
                    "ftp://pay.example/",
                    "file:///etc/passwd",
                    "mailto:a@pay.example",
                    "https:/pay.example/",
                    "https:pay.example/",
                    "http:/pay.example/",
                    "http:pay.example/",
                    "pay.example:443/",
                ],
            ),
            (
                UrlProblem::UserInfo,
                &[
                    "https://user@pay.example/",
                    "https://user:password@pay.example/",
                    "https://:password@pay.example/",
                    "https://@pay.example/",
                    "https://:@pay.example/",
                ],
            ),
            (UrlProblem::Fragment, &["https://pay.example/#", "https://pay.example/?a#b"]),
            (UrlProblem::Host, &["https:///pay.example/", "https:////pay.example/"]),
            (UrlProblem::Port, &["https://pay.example:0/", "https://[2001:db8::1]:0/"]),
        ] {
            for text in texts {
                assert_eq!(refused(text), problem, "{text:?}");
            }
        }
        for text in ["https://", "https://:80/", "/hook", "pay.example", "not a url", "https:"] {
            refused(text);
        }
    }

    #[test]
    fn hosts_that_no_certificate_and_no_name_server_can_be_asked_for_are_refused() {
        for host in [
            "*.example",
            "{region}.example",
            "$region.example",
            "a..b",
            "..",
            ".",
            ".pay.example",
            "pay.example..",
            "-pay.example",
            "pay-.example",
            "pay.example-",
            "pay,other.example",
            "pay;.example",
            "pay'.example",
            "pay!.example",
            "(pay).example",
            "a=b.example",
            "pay~.example",
            "%2A.example",
            "pay%2e%2eexample",
            &format!("{}.example", "a".repeat(64)),
            &format!("{}aaa.example", "a.".repeat(122)),
        ] {
            assert_eq!(refused(&format!("https://{host}/")), UrlProblem::HostName, "{host}");
        }
        for host in [
            "pay%00.example",
            "pay%.example",
            "pay%20.example",
            "pay%40other.example",
            "<pay>.example",
            "pay|.example",
            "pay^.example",
            "[pay].example",
            "[fe80::1%25eth0]",
            "[::1",
            "1.2.3.4.5",
            "256.0.0.1",
            "08.0.0.1",
            "xn--a.example",
            "pay.example:65536",
            "pay.example:port",
        ] {
            let problem = refused(&format!("https://{host}/"));
            assert!(matches!(problem, UrlProblem::Syntax(_)), "{host}: {problem}");
        }
    }
}
