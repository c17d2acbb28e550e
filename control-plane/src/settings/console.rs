//! The `[console]` settings: the web console, and how it looks to customers.
//!
//! Fed by the settings as they were read; feeds `console` and the links of portal tokens.

use std::time::Duration;

use serde::Deserialize;

use super::identities::rules;

/// Where the console is, on the callers' listener.
pub const CONSOLE_PATH: &str = "/console";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSettings {
    pub enabled: bool,
    pub public_url: String,
    #[serde(deserialize_with = "postrider_settings::list")]
    pub frame_ancestors: Vec<String>,
    pub max_session_hours: u64,
    pub max_idle_minutes: u64,
    pub max_concurrent_requests: usize,
    pub max_live_pages: usize,
    pub operator_name: String,
    pub logo_file: String,
    pub accent_color: String,
    pub accent_color_dark: String,
    #[serde(deserialize_with = "rules")]
    pub providers: Vec<ProviderSettings>,
}

/// Where people sign in with an issuer of JWTs (OpenID Connect, authorization code flow).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    #[serde(default)]
    pub client_secret_file: String,
    pub authorization_url: String,
    pub token_url: String,
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<String>,
}

fn usual_scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

impl ConsoleSettings {
    pub fn max_session(&self) -> Duration {
        Duration::from_secs(self.max_session_hours * 3600)
    }

    pub fn max_idle(&self) -> Duration {
        Duration::from_secs(self.max_idle_minutes * 60)
    }

    /// A path of the console as browsers elsewhere reach it, if that is said.
    pub fn public_address(&self, path: &str) -> Option<String> {
        let is_reachable = self.enabled && !self.public_url.is_empty();
        is_reachable.then(|| format!("{}{CONSOLE_PATH}{path}", self.public_url))
    }
}

/// The parts of a colour as style sheets write it.
pub fn rgb(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let all = u32::from_str_radix(digits, 16).ok().filter(|_| digits.is_ascii())?;
    let [_, red, green, blue] = all.to_be_bytes();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some([red, green, blue])
}
