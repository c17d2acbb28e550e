//! What every answer of the console tells browsers.
//!
//! Fed by the settings; feeds `serve` with headers. Guarantees that a page runs no script and
//! has no style but the console's own files, whatever stands in it, that it is shown in no frame
//! but of the origins that the settings name, that nobody learns its address from a link, and
//! that no cache keeps it.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::settings::ConsoleSettings;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The headers of all answers.
#[derive(Clone, Debug)]
pub struct SecurityHeaders(HeaderMap);

impl SecurityHeaders {
    pub fn new(settings: &ConsoleSettings) -> Self {
        let mut headers = HeaderMap::new();
        // Each origin was checked to be one.
        if let Ok(policy) = HeaderValue::from_str(&content_policy(settings)) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        let mut tell = |name: HeaderName, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value))
        };
        tell(CACHE_CONTROL, "no-store");
        tell(REFERRER_POLICY, "no-referrer");
        tell(X_CONTENT_TYPE_OPTIONS, "nosniff");
        tell(OPENER_POLICY, "same-origin");
        tell(RESOURCE_POLICY, "same-origin");
        tell(PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=(), payment=()");
        if settings.frame_ancestors.is_empty() {
            tell(X_FRAME_OPTIONS, "DENY");
        }
        Self(headers)
    }

    /// Tells them, but for what an answer tells otherwise: files may be kept.
    pub fn tell(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn content_policy(settings: &ConsoleSettings) -> String {
    let ancestors = match settings.frame_ancestors.as_slice() {
        [] => "'none'".to_owned(),
        origins => origins.join(" "),
    };
    // A form that begins signing in is sent on to its provider.
    let mut providers: Vec<String> = settings
        .providers
        .iter()
        .filter_map(|provider| url::Url::parse(&provider.authorization_url).ok())
        .map(|url| format!(" {}", url.origin().ascii_serialization()))
        .collect();
    providers.sort();
    providers.dedup();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
         'self'; form-action 'self'{}; base-uri 'none'; frame-ancestors {ancestors}",
        providers.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn policy(flags: &[(&str, &str)]) -> (String, bool) {
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let settings = Settings::load(None, &flags).unwrap();
        let mut headers = HeaderMap::new();
        SecurityHeaders::new(&settings.console).tell(&mut headers);
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        (policy, headers.contains_key(X_FRAME_OPTIONS))
    }

    #[test]
    fn nothing_but_its_own_files_runs_or_frames_it() {
        let (policy, denies_frames) = policy(&[]);
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'") && denies_frames, "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    }

    #[test]
    fn pages_of_origins_that_are_named_may_frame_it() {
        let (policy, denies_frames) =
            policy(&[("console.frame_ancestors", "https://a.example, https://b.example")]);
        assert!(policy.ends_with("frame-ancestors https://a.example https://b.example"));
        assert!(!denies_frames);
    }

    #[test]
    fn what_an_answer_tells_itself_stays() {
        let settings = Settings::load(None, &[]).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("immutable"));
        SecurityHeaders::new(&settings.console).tell(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "immutable");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[OPENER_POLICY], "same-origin");
    }
}
