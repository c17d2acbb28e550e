//! Flags, the environment and contexts, made one.

use std::path::{Path, PathBuf};

use super::context_file::{ContextEntry, ContextFile, default_path};
use crate::exits::CliError;

/// Where a replica listens that was told nothing else.
const DEFAULT_ADDRESS: &str = "http://127.0.0.1:7443";

/// What flags say; `None` where one is not given.
#[derive(Clone, Debug, Default)]
pub struct TargetOptions {
    pub file: Option<String>,
    pub context: Option<String>,
    pub address: Option<String>,
    pub ca: Option<String>,
    pub client_cert: Option<String>,
    pub client_key: Option<String>,
    pub token_file: Option<String>,
    pub tenant: Option<String>,
}

/// What is called, as whom and for which tenant. What is empty is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetChoice {
    pub address: String,
    pub ca: String,
    pub client_cert: String,
    pub client_key: String,
    pub token: String,
    pub token_file: String,
    pub tenant: String,
}

impl TargetOptions {
    /// The file of contexts: the flag's, the environment's, or the default one.
    pub fn file_path(&self, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let named = self.file.clone().or_else(|| variable("POSTRIDER_CLIENT_CONFIG"));
        named.map(PathBuf::from).or_else(default_path)
    }

    /// Makes one choice of all.
    pub fn choose(
        &self,
        file: &ContextFile,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<TargetChoice, CliError> {
        let is_named = self.context.is_some();
        let named = self.context.clone().or_else(|| variable("POSTRIDER_CONTEXT"));
        let entry = context(file, named.as_deref())?;
        let chosen = |flag: &Option<String>, name: &str, entry: &str| {
            let entry = Some(entry.to_owned()).filter(|value| !value.is_empty());
            let variable = variable(name);
            let (second, third) = if is_named { (entry, variable) } else { (variable, entry) };
            flag.clone().or(second).or(third).unwrap_or_default()
        };
        let mut choice = TargetChoice {
            address: chosen(&self.address, "POSTRIDER_ADDRESS", &entry.address),
            ca: chosen(&self.ca, "POSTRIDER_CA", &entry.ca),
            client_cert: chosen(&self.client_cert, "POSTRIDER_CLIENT_CERT", &entry.client_cert),
            client_key: chosen(&self.client_key, "POSTRIDER_CLIENT_KEY", &entry.client_key),
            tenant: chosen(&self.tenant, "POSTRIDER_TENANT", &entry.tenant),
            ..TargetChoice::default()
        };
        choice.address = with_scheme(choice.address);
        (choice.token, choice.token_file) = self.token(&entry, is_named, variable);
        Ok(choice)
    }

    /// The token, or else the file that has it: both are of one source.
    fn token(
        &self,
        entry: &ContextEntry,
        is_named: bool,
        variable: impl Fn(&str) -> Option<String>,
    ) -> (String, String) {
        if let Some(file) = &self.token_file {
            return (String::new(), file.clone());
        }
        let of_entry = (entry.token.clone(), entry.token_file.clone());
        let of_variables = (
            variable("POSTRIDER_TOKEN").unwrap_or_default(),
            variable("POSTRIDER_TOKEN_FILE").unwrap_or_default(),
        );
        let is_given = |pair: &(String, String)| !pair.0.is_empty() || !pair.1.is_empty();
        let (first, second) =
            if is_named { (of_entry, of_variables) } else { (of_variables, of_entry) };
        let (token, file) = if is_given(&first) { first } else { second };
        if token.is_empty() { (token, file) } else { (token, String::new()) }
    }
}

fn context(file: &ContextFile, named: Option<&str>) -> Result<ContextEntry, CliError> {
    let name = named.unwrap_or(&file.current);
    if name.is_empty() {
        return Ok(ContextEntry::default());
    }
    file.contexts.get(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = file.contexts.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        CliError::Usage(format!("there is no context \"{name}\"; there are: {known}"))
    })
}

/// An address without a scheme is without TLS on loopback, and with it elsewhere.
fn with_scheme(address: String) -> String {
    if address.is_empty() {
        return DEFAULT_ADDRESS.to_owned();
    }
    if address.contains("://") {
        return address;
    }
    let scheme = if is_loopback(&address) { "http" } else { "https" };
    format!("{scheme}://{address}")
}

/// Whether a host, with or without its port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    ["127.", "[::1]", "localhost:"].iter().any(|begin| host.starts_with(begin))
        || host == "localhost"
}

impl TargetChoice {
    /// The token, read from its file where it is in one.
    pub fn read_token(&self) -> Result<Option<String>, CliError> {
        if !self.token.is_empty() {
            return Ok(Some(self.token.trim().to_owned()));
        }
        if self.token_file.is_empty() {
            return Ok(None);
        }
        let path = Path::new(&self.token_file);
        super::context_file::warn_if_open(path);
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::Usage(format!("the token cannot be read: {}: {error}", path.display()))
        })?;
        Ok(Some(text.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> ContextFile {
        let entry = |address: &str, token: &str| ContextEntry {
            address: address.to_owned(),
            token: token.to_owned(),
            tenant: "acme".to_owned(),
            ..ContextEntry::default()
        };
        ContextFile {
            current: "dev".to_owned(),
            contexts: [
                ("dev".to_owned(), entry("http://127.0.0.1:1", "prt_dev")),
                ("prod".to_owned(), entry("postrider.internal:7443", "prt_prod")),
            ]
            .into(),
        }
    }

    fn variables(name: &str) -> Option<String> {
        match name {
            "POSTRIDER_ADDRESS" => Some("http://127.0.0.1:2".to_owned()),
            "POSTRIDER_TOKEN" => Some("prt_variable".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn the_environment_beats_the_current_context() {
        let choice = TargetOptions::default().choose(&file(), variables).unwrap();
        assert_eq!(choice.address, "http://127.0.0.1:2");
        assert_eq!((choice.token.as_str(), choice.tenant.as_str()), ("prt_variable", "acme"));
        let without = TargetOptions::default().choose(&file(), |_| None).unwrap();
        assert_eq!(
            (without.address.as_str(), without.token.as_str()),
            ("http://127.0.0.1:1", "prt_dev")
        );
    }

    #[test]
    fn a_context_that_a_flag_names_beats_the_environment_and_a_flag_beats_both() {
        let context = Some("prod".to_owned());
        let options = TargetOptions { context, ..TargetOptions::default() };
        let choice = options.choose(&file(), variables).unwrap();
        assert_eq!(choice.address, "https://postrider.internal:7443");
        assert_eq!(choice.token, "prt_prod");
        let options = TargetOptions {
            address: Some("127.0.0.1:3".to_owned()),
            token_file: Some("/token".to_owned()),
            tenant: Some("globex".to_owned()),
            ..options
        };
        let choice = options.choose(&file(), variables).unwrap();
        assert_eq!(choice.address, "http://127.0.0.1:3");
        assert_eq!((choice.token.as_str(), choice.token_file.as_str()), ("", "/token"));
        assert_eq!(choice.tenant, "globex");
    }

    #[test]
    fn a_context_that_is_not_there_is_told() {
        let context = Some("test".to_owned());
        let options = TargetOptions { context, ..TargetOptions::default() };
        let problem = options.choose(&file(), |_| None).unwrap_err().to_string();
        assert_eq!(problem, "there is no context \"test\"; there are: dev, prod");
    }
}
