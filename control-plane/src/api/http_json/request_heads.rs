//! Heads of requests over HTTP/1.1 that mean nothing, or not the same to everybody.
//!
//! Fed by the callers' door with every request; feeds all that the door serves with the others as
//! they are. Guarantees that a request over HTTP/1.1 names one host (RFC 9112, section 3.2), one
//! of its own where nothing else says who calls, and that its body is read in no other way than
//! its sender and a proxy read it (section 6.1). A connection ends with such a request: where the
//! next one begins is not sure.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use tonic::body::Body;
use tower::{Layer, Service};

use super::error_answer::ErrorAnswer;
use super::hosts::AllowedHosts;
use super::layer::HttpApi;

/// Wraps all that the callers' door serves, the console too.
#[derive(Clone)]
pub struct RequestHeadLayer {
    pub api: Arc<HttpApi>,
    pub hosts: Arc<AllowedHosts>,
}

impl<S> Layer<S> for RequestHeadLayer {
    type Service = RequestHeadService<S>;

    fn layer(&self, inner: S) -> RequestHeadService<S> {
        RequestHeadService { inner, layer: self.clone() }
    }
}

/// See [`RequestHeadLayer`].
#[derive(Clone)]
pub struct RequestHeadService<S> {
    inner: S,
    layer: RequestHeadLayer,
}

impl<S> Service<Request<Body>> for RequestHeadService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let RequestHeadLayer { api, hosts } = &self.layer;
        match problem(hosts, &request) {
            None => Either::Left(self.inner.call(request)),
            Some(error) => {
                let mut answer = api.refuse(&request, error);
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                Either::Right(ready(Ok(answer)))
            }
        }
    }
}

/// What is wrong with a head. HTTP/2 has neither lines nor transfer codings, and browsers do not
/// speak it without TLS.
fn problem(hosts: &AllowedHosts, request: &Request<Body>) -> Option<ErrorAnswer> {
    if request.version() > Version::HTTP_11 {
        return None;
    }
    if !is_plain_or_chunked(request.headers()) {
        return Some(ErrorAnswer::other_transfer_coding());
    }
    let Ok(host) = host(request) else { return Some(ErrorAnswer::no_host()) };
    let target = request.uri().authority();
    let is_allowed = match (target, &host) {
        (None, None) => hosts.allow_none(),
        (target, host) => target.into_iter().chain(host).all(|name| hosts.allow(name)),
    };
    (!is_allowed).then(ErrorAnswer::refused_host)
}

/// What `Host` says; an error where it is missing, or says nothing or several things.
fn host(request: &Request<Body>) -> Result<Option<Authority>, ()> {
    let mut given = request.headers().get_all(HOST).iter();
    match (given.next(), given.next()) {
        (None, _) if request.version() == Version::HTTP_11 => Err(()),
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(()),
        (Some(host), None) => {
            let host = Authority::try_from(host.as_bytes()).map_err(|_| ())?;
            if host.as_str().contains('@') { Err(()) } else { Ok(Some(host)) }
        }
    }
}

fn is_plain_or_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn told(no_auth: bool, version: Version, uri: &str, headers: &[(&str, &str)]) -> Option<u16> {
        let flags = [("server.insecure_no_auth", no_auth.to_string())];
        let hosts = AllowedHosts::new(&Settings::load(None, &flags).unwrap());
        let mut request = Request::get(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let error = problem(&hosts, &request.body(Body::empty()).unwrap());
        error.map(|error| error.http_status().as_u16())
    }

    #[test]
    fn a_request_names_one_host() {
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        let (own, evil) = (("host", "localhost:7443"), ("host", "evil.example"));
        assert_eq!(told(false, new, "/", &[own]), None);
        assert_eq!(told(false, new, "/", &[evil]), None, "a credential says who calls");
        for no_auth in [false, true] {
            assert_eq!(told(no_auth, new, "/", &[]), Some(400));
            assert_eq!(told(no_auth, new, "/", &[own, own]), Some(400));
            assert_eq!(told(no_auth, old, "/", &[own, evil]), Some(400));
            for bad in ["", "a b", "a@localhost", "a/b"] {
                assert_eq!(told(no_auth, new, "/", &[("host", bad)]), Some(400), "{bad}");
            }
            assert_eq!(told(no_auth, Version::HTTP_2, "http://evil.example/", &[]), None);
        }
        assert_eq!(told(true, new, "/", &[own]), None);
        assert_eq!(told(true, new, "/", &[evil]), Some(403));
        assert_eq!(told(true, new, "http://evil.example/", &[own]), Some(403));
        assert_eq!(told(true, new, "http://localhost/", &[evil]), Some(403));
        assert_eq!(told(false, old, "/", &[]), None);
        assert_eq!(told(true, old, "/", &[]), Some(403));
    }

    #[test]
    fn a_body_is_plain_or_chunked() {
        let coded = |codings: &[&'static str]| {
            let mut headers = vec![("host", "localhost")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            told(true, Version::HTTP_11, "/", &headers)
        };
        let (plain, chunked, spaced): (&[_], &[_], &[_]) = (&[], &["chunked"], &["Chunked "]);
        for good in [plain, chunked, spaced] {
            assert_eq!(coded(good), None, "{good:?}");
        }
        for bad in ["gzip, chunked", "chunked, chunked", "xchunked", ""] {
            assert_eq!(coded(&[bad]), Some(501), "{bad}");
        }
        assert_eq!(coded(&["identity", "chunked"]), Some(501));
    }
}
