//! The `config` commands: which settings a replica would have, and whether they are right.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;
use postrider_settings::EffectiveSetting;
use serde_json::{Map, Value as Json, json};

use crate::settings::Settings;

/// Settings that hold a secret themselves, and not the name of a file with it.
const SECRET_SETTINGS: [&str; 1] = ["keys.encryption_keys"];
/// Settings that hold an address, which may have a password.
const ADDRESS_SETTINGS: [&str; 1] = ["database.url"];

/// How settings are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PrintedFormat {
    Toml,
    Json,
}

/// Prints every setting, with the place of those that were given. Secrets are masked, so
/// what is printed can be shown to others.
pub fn print(
    file: Option<&Path>,
    flags: &[(&'static str, String)],
    format: PrintedFormat,
) -> anyhow::Result<()> {
    let settings = Settings::effective(file, flags)?;
    let lines = match format {
        PrintedFormat::Toml => lines(&settings),
        PrintedFormat::Json => vec![serde_json::to_string_pretty(&document(&settings)?)?],
    };
    let mut output = std::io::stdout().lock();
    for line in lines {
        match writeln!(output, "{line}") {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

/// Tells that the settings are right, once the files that they name could be read too.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    settings.keys.load().context("keys")?;
    println!("the settings are right; what is in the database is not looked at");
    Ok(())
}

fn lines(settings: &[EffectiveSetting]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut section = "";
    for setting in settings {
        let (of, name) = setting.path.rsplit_once('.').unwrap_or(("", &setting.path));
        if of != section {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(format!("[{of}]"));
            section = of;
        }
        let value = shown(setting);
        lines.push(match &setting.place {
            Some(place) => format!("{name} = {value} # {place}"),
            None => format!("{name} = {value}"),
        });
    }
    lines
}

/// The settings by their names, for programs.
fn document(settings: &[EffectiveSetting]) -> anyhow::Result<Json> {
    let mut members = Map::new();
    for setting in settings {
        let mut value: toml::Table = toml::from_str(&format!("value = {}", shown(setting)))
            .with_context(|| setting.path.clone())?;
        let mut member = json!({"value": value.remove("value")});
        if let Some(place) = &setting.place {
            member["place"] = json!(place.to_string());
        }
        members.insert(setting.path.clone(), member);
    }
    Ok(Json::Object(members))
}

/// A value that can be shown to anybody.
fn shown(setting: &EffectiveSetting) -> String {
    let path = setting.path.as_str();
    if SECRET_SETTINGS.contains(&path) && setting.value != "\"\"" {
        return "\"***\"".to_owned();
    }
    if ADDRESS_SETTINGS.contains(&path) {
        return without_password(&setting.value);
    }
    setting.value.clone()
}

/// An address with "***" for its password, which may also stand in its query.
fn without_password(value: &str) -> String {
    let mut shown = value.to_owned();
    if let Some((scheme, rest)) = value.split_once("://")
        && let Some((user, host)) = rest.rsplit_once('@')
        && let Some((user, _)) = user.split_once(':')
    {
        shown = format!("{scheme}://{user}:***@{host}");
    }
    match shown.split_once("password=") {
        Some((before, rest)) => {
            let end = rest.find(['&', '"']).unwrap_or(rest.len());
            format!("{before}password=***{}", rest.get(end..).unwrap_or_default())
        }
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(path: &str, value: &str) -> EffectiveSetting {
        EffectiveSetting { path: path.to_owned(), value: value.to_owned(), place: None }
    }

    #[test]
    fn settings_stand_in_their_sections_without_secrets() {
        let settings = [
            setting("server.listen", "\"127.0.0.1:7443\""),
            setting("database.url", "\"postgres://u:p@ss@db/postrider?password=x&a=b\""),
            setting("keys.encryption_keys", "\"a:b\""),
        ];
        assert_eq!(
            lines(&settings),
            [
                "[server]",
                "listen = \"127.0.0.1:7443\"",
                "",
                "[database]",
                "url = \"postgres://u:***@db/postrider?password=***&a=b\"",
                "",
                "[keys]",
                "encryption_keys = \"***\"",
            ]
        );
    }

    #[test]
    fn settings_are_json_too() {
        let settings = [
            setting("database.url", "\"postgres://u:p@db/postrider\""),
            setting("auth.issuers", "[{ audiences = [\"a\"], url = \"x\\\"\" }]"),
            setting("server.max_request_bytes", "1048576"),
        ];
        assert_eq!(
            document(&settings).unwrap(),
            json!({
                "database.url": {"value": "postgres://u:***@db/postrider"},
                "auth.issuers": {"value": [{"audiences": ["a"], "url": "x\""}]},
                "server.max_request_bytes": {"value": 1_048_576},
            })
        );
        let all = Settings::effective(None, &[("server.listen", "[::1]:1".to_owned())]).unwrap();
        let all = document(&all).unwrap();
        assert_eq!(all["server.listen"]["value"], "[::1]:1");
        assert!(all["server.listen"]["place"].is_string(), "{all}");
    }

    #[test]
    fn an_address_without_a_password_is_shown() {
        for address in ["\"\"", "\"sqlite:/var/lib/postrider.db\"", "\"postgres://u@db/x\""] {
            assert_eq!(without_password(address), address);
        }
    }

    #[test]
    fn all_settings_are_shown() {
        let settings = Settings::effective(None, &[]).unwrap();
        assert!(settings.len() > 100, "{}", settings.len());
        assert!(lines(&settings).iter().any(|line| line.starts_with("retention_days = ")));
    }
}
