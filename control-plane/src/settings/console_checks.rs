//! Checks of the `[console]` settings.
//!
//! Fed by the settings as they were read; feeds their check. Guarantees that what stands in
//! pages, in headers and in a style sheet has a form that can mean nothing else there.

use postrider_domain::limits::is_unprintable;
use postrider_settings::SettingsError;

use super::Settings;
use super::auth::is_https_or_loopback;
use super::console::{ConsoleSettings, ProviderSettings, rgb};
use super::doors::is_origin;

const PROVIDERS: &str = "console.providers";
/// Longest name of an operator, and of a provider.
const MAX_NAME_CHARACTERS: usize = 64;

impl ConsoleSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        let is_base = is_origin(&self.public_url) && is_https_or_loopback(&self.public_url);
        if !(self.public_url.is_empty() || is_base) {
            let problem = "must be https:// and a host, without a path, as in \
                           https://postrider.example; http:// on this machine only; or empty";
            return bad("console.public_url", problem);
        }
        if !self.frame_ancestors.iter().all(|origin| is_origin(origin)) {
            let problem = "must be origins as browsers send them, as in https://bank.example";
            return bad("console.frame_ancestors", problem);
        }
        if !is_name(&self.operator_name) {
            return bad("console.operator_name", "must be 1 to 64 printable characters");
        }
        for (name, color) in [
            ("console.accent_color", &self.accent_color),
            ("console.accent_color_dark", &self.accent_color_dark),
        ] {
            if rgb(color).is_none() {
                return bad(name, "must be # and six hexadecimal digits");
            }
        }
        Ok(())
    }
}

impl Settings {
    pub(super) fn check_console(&self) -> Result<(), SettingsError> {
        self.console.check()?;
        for provider in &self.console.providers {
            let issuer = self.auth.issuers.iter().find(|known| known.issuer == provider.issuer);
            let problem = match issuer {
                None => Some("issuer must be that of one of auth.issuers"),
                Some(issuer) if !issuer.audiences.contains(&provider.client_id) => {
                    Some("client_id must be one of the audiences of its issuer in auth.issuers")
                }
                Some(_) if self.console.public_url.is_empty() => {
                    Some("need console.public_url, where browsers come back to")
                }
                Some(_) => provider.problem(),
            };
            if let Some(problem) = problem {
                return Err(SettingsError::value(PROVIDERS, problem));
            }
        }
        Ok(())
    }

    /// Whether browsers keep the console's cookies for HTTPS: it has TLS here or before here.
    pub fn console_is_secure(&self) -> bool {
        match self.console.public_url.as_str() {
            "" => self.server.tls().is_some(),
            url => url.starts_with("https://"),
        }
    }
}

impl ProviderSettings {
    fn problem(&self) -> Option<&'static str> {
        if !is_name(&self.name) {
            return Some("name must be 1 to 64 printable characters");
        }
        if ![&self.authorization_url, &self.token_url]
            .into_iter()
            .all(|url| is_https_or_loopback(url))
        {
            return Some(
                "authorization_url and token_url must begin with https://, or name this machine",
            );
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Some("scopes must hold openid");
        }
        None
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(is_unprintable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(flags: &[(&str, &str)]) -> String {
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Settings::load(None, &flags).map(|_| ()).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_stands_in_pages_is_checked() {
        for good in ["", "https://hooks.bank.example", "http://localhost:7443"] {
            assert_eq!(said(&[("console.public_url", good)]), "", "{good}");
        }
        for (name, bad) in [
            ("console.public_url", "http://hooks.bank.example"),
            ("console.public_url", "https://hooks.bank.example/a"),
            ("console.frame_ancestors", "https://a.example; script-src *"),
            ("console.frame_ancestors", "*"),
            ("console.operator_name", ""),
            ("console.accent_color", "red"),
            ("console.accent_color", "#12345"),
            ("console.accent_color_dark", "#+12345"),
            ("console.accent_color_dark", "#12345}"),
        ] {
            assert!(
                said(&[(name, bad)]).starts_with(name),
                "{name} {bad}: {}",
                said(&[(name, bad)])
            );
        }
    }

    #[test]
    fn a_provider_is_of_an_issuer_and_comes_back() {
        let issuer = r#"[{"issuer": "https://id.example", "audiences": ["console"],
            "jwks_url": "https://id.example/keys",
            "rules": [{"claim": "sub", "role": "reader", "installation": true}]}]"#;
        let provider = |client: &str, url: &str| {
            format!(
                r#"[{{"name": "Staff", "issuer": "https://id.example", "client_id": "{client}",
                "authorization_url": "{url}", "token_url": "https://id.example/token"}}]"#
            )
        };
        let told = |provider: &str, public_url: &str| {
            said(&[
                ("auth.issuers", issuer),
                ("console.public_url", public_url),
                ("console.providers", provider),
            ])
        };
        let (here, login) = ("https://hooks.example", "https://id.example/login");
        assert_eq!(told(&provider("console", login), here), "");
        for (wrong, problem) in [
            (told(&provider("other", login), here), "client_id"),
            (told(&provider("console", "http://id.example/login"), here), "authorization_url"),
            (told(&provider("console", login), ""), "console.public_url"),
        ] {
            assert!(wrong.contains(problem), "{problem}: {wrong}");
        }
        assert!(said(&[("console.providers", &provider("console", login))]).contains("issuer"));
    }

    #[test]
    fn cookies_are_for_https_where_browsers_come_by_it() {
        let settings = |flags: &[(&str, &str)]| {
            let flags: Vec<_> =
                flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            Settings::load(None, &flags).unwrap()
        };
        assert!(!settings(&[]).console_is_secure());
        assert!(settings(&[("console.public_url", "https://a.example")]).console_is_secure());
        assert!(settings(&[("server.tls_cert", "a"), ("server.tls_key", "b")]).console_is_secure());
    }
}
