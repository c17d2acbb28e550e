//! A browser's request, read.
//!
//! Fed by the door; feeds pages with a path's parts, the query and the fields of a form.
//! Guarantees that a form has so many bytes at most, that it is not waited for without end, and
//! that a form of another site's page is told apart.

use std::net::IpAddr;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use tonic::body::Body;
use url::form_urlencoded;

use crate::listeners::ConnectionPeer;
use crate::settings::CONSOLE_PATH;

/// Most bytes of a form: a subscription with all of its headers and conditions. A stream's window
/// is larger, so that forms which come slowly take no more than any other request may.
pub const MAX_FORM_BYTES: usize = 128 * 1024;
/// The same of somebody who is not signed in: a JWT with many groups.
pub const MAX_VISITOR_FORM_BYTES: usize = 20 * 1024;
/// Most fields of a form or a query: the types of an event catalogue that are ticked.
const MAX_FIELDS: usize = 4096;
const FORM: &str = "application/x-www-form-urlencoded";
/// How a browser says whose page sends a request (Fetch Metadata).
const FETCH_SITE: &str = "sec-fetch-site";

/// Why a request is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadRequest {
    /// Its path or its body cannot be read.
    Malformed,
    TooLarge,
    TooSlow,
}

/// See the module.
#[derive(Debug)]
pub struct BrowserRequest {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    /// The other end of the connection: a browser, or the proxy before it.
    pub peer: Option<IpAddr>,
    /// The path below the console's, decoded, without empty parts.
    pub segments: Vec<String>,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl BrowserRequest {
    /// Reads a request; returns its other parts, too.
    pub async fn read(
        request: Request<Body>,
        max_form_bytes: usize,
        timeout: Duration,
    ) -> Result<(Self, Parts), UnreadRequest> {
        let (parts, body) = request.into_parts();
        let form = match parts.method == Method::POST {
            true => read_form(&parts.headers, body, max_form_bytes, timeout).await?,
            false => Vec::new(),
        };
        let path = parts.uri.path().strip_prefix(CONSOLE_PATH).unwrap_or_default();
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let segments = segments.map(|segment| percent_decode_str(segment).decode_utf8());
        let segments = segments.map(|segment| segment.map(|text| text.into_owned()));
        let segments = segments.collect::<Result<_, _>>().map_err(|_| UnreadRequest::Malformed)?;
        let request = Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            peer: parts.extensions.get::<ConnectionPeer>().map(|peer| peer.address.ip()),
            segments,
            query: fields(parts.uri.query().unwrap_or_default().as_bytes())?,
            form,
        };
        Ok((request, parts))
    }

    /// A parameter of the query; empty if it is not there.
    pub fn query(&self, name: &str) -> &str {
        value(&self.query, name)
    }

    /// A field of the form; empty if it is not there.
    pub fn form(&self, name: &str) -> &str {
        value(&self.form, name)
    }

    /// All fields of a name, as of boxes that are ticked.
    pub fn forms<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.form.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The query with one parameter set otherwise, or left out where it is empty.
    pub fn query_with(&self, name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (key, value) in self.query.iter().filter(|(key, _)| key != name) {
            query.append_pair(key, value);
        }
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        query.finish()
    }

    /// Whether a page of another site sends it. `own` is how browsers reach the console, where
    /// that is said. An origin is not told with "no-referrer", and "null" then.
    pub fn is_foreign(&self, own: &str) -> bool {
        if let Some(site) = self.headers.get(FETCH_SITE) {
            return site != "same-origin" && site != "none";
        }
        let Some(origin) = self.headers.get(ORIGIN) else { return false };
        let Ok(origin) = origin.to_str() else { return true };
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| self.uri.authority().map(|own| own.as_str()));
        let given = origin.split_once("://").map(|(_, host)| host);
        origin != "null" && origin != own && (given.is_none() || given != host)
    }
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

fn fields(text: &[u8]) -> Result<Vec<(String, String)>, UnreadRequest> {
    let all: Vec<_> = form_urlencoded::parse(text).into_owned().take(MAX_FIELDS + 1).collect();
    if all.len() > MAX_FIELDS { Err(UnreadRequest::TooLarge) } else { Ok(all) }
}

async fn read_form(
    headers: &HeaderMap,
    body: Body,
    max_form_bytes: usize,
    timeout: Duration,
) -> Result<Vec<(String, String)>, UnreadRequest> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some(FORM) {
        return Err(UnreadRequest::Malformed);
    }
    let read = tokio::time::timeout(timeout, read_text(body, max_form_bytes)).await;
    fields(&read.map_err(|_| UnreadRequest::TooSlow)??)
}

/// Put together as it comes: each of many small pieces would keep all that it was read with.
async fn read_text(mut body: Body, max_bytes: usize) -> Result<Vec<u8>, UnreadRequest> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| UnreadRequest::Malformed)?;
        let Ok(piece) = frame.into_data() else { continue };
        if text.len() + piece.len() > max_bytes {
            return Err(UnreadRequest::TooLarge);
        }
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;
    use http_body_util::Full;

    use super::*;

    async fn read(request: Request<Body>) -> Result<BrowserRequest, UnreadRequest> {
        let read = BrowserRequest::read(request, MAX_FORM_BYTES, Duration::from_secs(5)).await;
        read.map(|(request, _)| request)
    }

    fn post(body: String) -> Request<Body> {
        let request = Request::post("/console/sign-in").header(CONTENT_TYPE, FORM);
        request.body(Body::new(Full::new(Bytes::from(body)))).unwrap()
    }

    #[tokio::test]
    async fn a_path_a_query_and_a_form_are_read() {
        let request = Request::get("/console/tenants/a%20b//c?q=1%202&x=&q=3").body(Body::empty());
        let request = read(request.unwrap()).await.unwrap();
        assert_eq!(request.segments, ["tenants", "a b", "c"]);
        assert_eq!((request.query("q"), request.query("no")), ("1 2", ""));
        assert_eq!(request.query_with("q", "n&m"), "x=&q=n%26m");
        let request = read(post("a=1&b=%3Cscript%3E&a=2".to_owned())).await.unwrap();
        assert_eq!(request.form("b"), "<script>");
        assert_eq!(request.forms("a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[tokio::test]
    async fn what_is_too_large_or_no_form_is_refused() {
        let large = read(post(format!("a={}", "x".repeat(MAX_FORM_BYTES)))).await;
        assert_eq!(large.unwrap_err(), UnreadRequest::TooLarge);
        let many = read(post("a=1&".repeat(MAX_FIELDS + 1))).await;
        assert_eq!(many.unwrap_err(), UnreadRequest::TooLarge);
        let json = Request::post("/console").header(CONTENT_TYPE, "application/json");
        let json = read(json.body(Body::empty()).unwrap()).await;
        assert_eq!(json.unwrap_err(), UnreadRequest::Malformed);
    }

    #[tokio::test]
    async fn a_form_of_another_sites_page_is_told_apart() {
        let foreign = async |headers: &[(&'static str, &'static str)]| {
            let mut request = post(String::new());
            for (name, value) in headers {
                request.headers_mut().insert(*name, HeaderValue::from_static(value));
            }
            read(request).await.unwrap().is_foreign("https://hooks.example")
        };
        let own = ("host", "hooks.example");
        assert!(!foreign(&[own]).await);
        assert!(!foreign(&[own, ("sec-fetch-site", "same-origin"), ("origin", "null")]).await);
        assert!(!foreign(&[own, ("origin", "https://hooks.example")]).await);
        assert!(!foreign(&[("host", "inner:7443"), ("origin", "https://hooks.example")]).await);
        assert!(!foreign(&[("host", "localhost:1"), ("origin", "http://localhost:1")]).await);
        for site in ["cross-site", "same-site"] {
            assert!(foreign(&[own, ("sec-fetch-site", site)]).await, "{site}");
        }
        assert!(foreign(&[own, ("origin", "https://evil.example")]).await);
        assert!(foreign(&[own, ("origin", "https://hooks.example.evil")]).await);
    }
}
