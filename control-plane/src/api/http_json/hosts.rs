//! The hosts that requests over HTTP/1.1 may name, where nothing else says who calls.
//!
//! Fed by the settings; feeds `request_heads`. Guarantees that a page of a name which its owner
//! has made an address of this machine (DNS rebinding) does not call: its requests are of no
//! other origin, and nobody is asked for a credential or shown a certificate. Browsers say in
//! `Host` where they believe to be. Addresses are no names that anybody could move.

use std::net::IpAddr;

use http::uri::Authority;

use crate::settings::Settings;

const LOCALHOST: &str = "localhost";

/// See the module.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    /// Besides addresses. `None`: any.
    names: Option<Vec<String>>,
}

impl AllowedHosts {
    pub fn new(settings: &Settings) -> Self {
        let server = &settings.server;
        if !server.insecure_no_auth || server.tls().is_some() {
            return Self { names: None };
        }
        let listen = server.listen.to_string();
        let public_url = url::Url::parse(&settings.console.public_url).ok();
        let own = [
            Some(LOCALHOST.to_owned()),
            listen.parse().ok().map(|listen: Authority| listen.host().to_owned()),
            public_url.and_then(|url| url.host_str().map(str::to_owned)),
        ];
        let named = server.http_allowed_hosts.iter().cloned();
        Self { names: Some(own.into_iter().flatten().chain(named).collect()) }
    }

    pub fn allow(&self, authority: &Authority) -> bool {
        let Some(names) = &self.names else { return true };
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = bare.unwrap_or(host).parse::<IpAddr>().is_ok();
        let name = host.strip_suffix('.').unwrap_or(host);
        is_address || names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }

    /// Whether a request may name none.
    pub fn allow_none(&self) -> bool {
        self.names.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(flags: &[(&str, &str)], host: &str) -> bool {
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let settings = Settings::load(None, &flags).unwrap();
        AllowedHosts::new(&settings).allow(&host.parse().unwrap())
    }

    #[test]
    fn without_credentials_and_tls_only_own_names_are_allowed() {
        let open = [
            ("server.insecure_no_auth", "true"),
            ("server.listen", "postrider.localhost:7443"),
            ("server.http_allowed_hosts", "postrider, hooks.internal"),
            ("console.public_url", "https://hooks.bank.example"),
        ];
        for own in [
            "localhost:7443",
            "LOCALHOST",
            "localhost.:7443",
            "127.0.0.1:7443",
            "10.0.0.7",
            "[::1]:7443",
            "postrider.localhost",
            "postrider:7443",
            "hooks.internal",
            "hooks.bank.example",
        ] {
            assert!(allowed(&open, own), "{own}");
        }
        for other in ["evil.example:7443", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(!allowed(&open, other), "{other}");
        }
        assert!(!allowed(&[("server.insecure_no_auth", "true")], "hooks.bank.example"));
    }

    #[test]
    fn where_a_credential_or_a_certificate_is_shown_any_host_is_allowed() {
        assert!(allowed(&[], "evil.example"));
        let files = [("server.tls_cert", "a"), ("server.tls_key", "b")];
        let with_tls = [("server.insecure_no_auth", "true"), files[0], files[1]];
        assert!(allowed(&with_tls, "evil.example"));
    }
}
