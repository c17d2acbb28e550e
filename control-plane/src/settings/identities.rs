//! Which certificates are agents' and replicas', where the SPIFFE convention is not used.
//!
//! Fed by the configuration: an array of tables in a file, the same as JSON in a variable.
//! Feeds `listeners`.

use std::fmt;
use std::marker::PhantomData;

use postrider_domain::ids::Region;
use postrider_settings::SettingsError;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

const AGENT_RULES: &str = "agents.identities";
const REPLICA_RULES: &str = "replicas.identities";
const MAX_NAME_BYTES: usize = 2048;
/// At the end of a name or an id: whatever begins so.
pub const PREFIX_MARK: char = '*';

/// A certificate that is an agent's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentCertificateRule {
    #[serde(default)]
    pub uri: String,
    #[serde(default)]
    pub dns: String,
    pub regions: Vec<String>,
    #[serde(default = "any_id")]
    pub id: String,
}

/// A certificate that is a replica's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaCertificateRule {
    #[serde(default)]
    pub uri: String,
    #[serde(default)]
    pub dns: String,
    #[serde(default = "any_id")]
    pub id: String,
}

fn any_id() -> String {
    PREFIX_MARK.to_string()
}

impl AgentCertificateRule {
    pub fn is_of_all_regions(&self) -> bool {
        self.regions == [PREFIX_MARK.to_string()]
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        check_name(AGENT_RULES, &self.uri, &self.dns)?;
        check_id(AGENT_RULES, &self.id)?;
        let named = |region: &String| region.parse::<Region>().is_ok();
        if self.is_of_all_regions() || (!self.regions.is_empty() && self.regions.iter().all(named))
        {
            return Ok(());
        }
        let problem = "regions must be a list of regions, or [\"*\"] for all";
        Err(SettingsError::value(AGENT_RULES, problem))
    }
}

impl ReplicaCertificateRule {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        check_name(REPLICA_RULES, &self.uri, &self.dns)?;
        check_id(REPLICA_RULES, &self.id)
    }
}

fn check_name(setting: &'static str, uri: &str, dns: &str) -> Result<(), SettingsError> {
    let name = if uri.is_empty() { dns } else { uri };
    let is_one = uri.is_empty() != dns.is_empty() && name.len() <= MAX_NAME_BYTES;
    let start = name.strip_suffix(PREFIX_MARK).unwrap_or(name);
    if is_one && !start.is_empty() && !start.contains(PREFIX_MARK) {
        return Ok(());
    }
    let problem = "each must have either uri or dns: a whole name, or its beginning and a *";
    Err(SettingsError::value(setting, problem))
}

fn check_id(setting: &'static str, id: &str) -> Result<(), SettingsError> {
    if !id.is_empty() && is_process_id(id.strip_suffix(PREFIX_MARK).unwrap_or(id)) {
        return Ok(());
    }
    let problem = "id must be an id, the beginning of one and a *, or * for any";
    Err(SettingsError::value(setting, problem))
}

/// The form of an agent's or a replica's id: it appears in names, labels and log lines.
pub(super) fn is_process_id(text: &str) -> bool {
    const MAX_PROCESS_ID_BYTES: usize = 128;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.len() <= MAX_PROCESS_ID_BYTES && text.bytes().all(plain)
}

/// An array of tables, or its JSON in a text.
pub(super) fn rules<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    from.deserialize_any(RulesVisitor(PhantomData))
}

struct RulesVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for RulesVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of tables, or a text with the same in JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_str(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(array))
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    fn said(rules: &str) -> String {
        let flags = [("agents.identities", rules.to_owned())];
        Settings::load(None, &flags).map(|_| ()).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn rules_are_read_as_json_and_checked() {
        let good = r#"[{"uri": "spiffe://a/agent-*", "regions": ["eu", "us"], "id": "agent-*"},
                       {"dns": "agent.example", "regions": ["*"]}]"#;
        assert_eq!(said(good), "");
        for wrong in [
            "{}",
            r#"[{"regions": ["eu"]}]"#,
            r#"[{"uri": "a", "dns": "b", "regions": ["eu"]}]"#,
            r#"[{"uri": "*", "regions": ["eu"]}]"#,
            r#"[{"uri": "a*b", "regions": ["eu"]}]"#,
            r#"[{"uri": "a"}]"#,
            r#"[{"uri": "a", "regions": []}]"#,
            r#"[{"uri": "a", "regions": ["EU"]}]"#,
            r#"[{"uri": "a", "regions": ["eu", "*"]}]"#,
            r#"[{"uri": "a", "regions": ["eu"], "id": ""}]"#,
            r#"[{"uri": "a", "regions": ["eu"], "id": "a b"}]"#,
            r#"[{"uri": "a", "regions": ["eu"], "role": "agent"}]"#,
        ] {
            assert!(said(wrong).starts_with("agents.identities: "), "{wrong}: {}", said(wrong));
        }
    }

    #[test]
    fn rules_are_tables_in_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postrider.toml");
        let text = "[[agents.identities]]\nuri = \"spiffe://a/b\"\nregions = [\"eu\"]\n\
                    [[replicas.identities]]\ndns = \"replica-*\"\nid = \"replica-*\"\n";
        std::fs::write(&path, text).unwrap();
        let settings = Settings::load(Some(&path), &[]).unwrap();
        assert_eq!(settings.agents.identities[0].id, "*");
        assert_eq!(settings.replicas.identities[0].id, "replica-*");
    }
}
