//! The configuration of both programs, the keys that it brings, and filters of the log.

use std::ffi::OsString;
use std::fmt::Display;

use postrider::settings::Settings;
use postrider_secret_encryption::LocalKeys;
use postrider_telemetry::LogFilter;

use crate::target::texts;

/// A TOML file, and after a NUL variables, `NAME=value` in each line.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (file, variables) = text.split_once('\0').unwrap_or((&text, ""));
    let variables: Vec<(OsString, OsString)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    check(Settings::parse(file, variables.iter().cloned()));
    check(postrider_agent::Settings::parse(file, variables.into_iter()));
}

/// What is wrong is told.
fn check<T, E: Display>(read: Result<T, E>) {
    if let Err(error) = read {
        assert!(!error.to_string().is_empty());
    }
}

/// A list of key-encryption keys. What is wrong with it is told without a key.
pub fn key_lists(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (list, current) = text.split_once('\0').unwrap_or((&text, ""));
    match LocalKeys::parse(&[list], current) {
        Ok(keys) => {
            let printed = format!("{keys:?}");
            let encoded = list.split([',', ' ', '\n']).filter_map(|entry| entry.split_once(':'));
            for (_, key) in encoded.filter(|(_, key)| key.len() >= 40) {
                assert!(!printed.contains(key), "a key is printed");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A filter of the log, as operators send one and as a file has it. What is accepted is read
/// back.
pub fn log_filters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check(LogFilter::parse(&text));
    let sent = LogFilter::parse_sent(&text);
    if let Ok(filter) = &sent {
        assert_eq!(LogFilter::parse_sent(&filter.to_string()).as_ref(), Ok(filter));
    }
    check(sent);
}

pub fn setting_texts() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "[server]\nlisten = \"127.0.0.1:7070\"\nmax_request_bytes = 1000000\n\0\
         POSTRIDER_SERVER__REPLICA_ID=one\nPOSTRIDER_AGENT_WORK__MAX_IN_FLIGHT=7",
        "[[agents.identities]]\nuri = \"spiffe://a/*\"\nregions = [\"eu\"]\nid = \"agent-*\"\n\
         [[auth.issuers]]\nissuer = \"https://a\"\naudiences = [\"b\"]\njwks_url = \"https://a/k\"\n\
         rules = [{ claim = \"sub\", role = \"reader\", tenants_claim = \"t\" }]\n",
        "\0POSTRIDER_AGENTS__IDENTITIES=[{\"dns\":\"a.example\",\"regions\":[\"*\"]}]\n\
         POSTRIDER_AUTH__CERTIFICATES=[{\"name\":\"CN=a\",\"roles\":[\"reader\"]}]",
        "server.listen = 1\n\"agents.listen\" = \"[::]:0\"\n[telemetry]\n",
    ]);
    all.push(include_bytes!("../../../control-plane/config.default.toml").to_vec());
    all.push(include_bytes!("../../../agent/config.default.toml").to_vec());
    all
}

pub fn log_filter_texts() -> Vec<Vec<u8>> {
    texts(&[
        "info,sqlx=warn,h2=error",
        "warn, postrider::flow::leases=debug,[rpc{method=GetTenant}]=trace",
        "off,postrider[attempt]=debug,a[{b=1}]=5",
    ])
}

pub fn key_list_texts() -> Vec<Vec<u8>> {
    texts(&[
        "# keys\n2025:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
         2026-a:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\x002026-a",
        "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,a:AAAA",
    ])
}
