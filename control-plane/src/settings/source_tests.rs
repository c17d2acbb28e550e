//! Tests of the settings' sources: variables and files.

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    SettingSources::read(&FORMAT, None, variables, &[])?.settings()
}

fn read_file(text: &str) -> Result<Settings, SettingsError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postrider.toml");
    std::fs::write(&path, text).unwrap();
    SettingSources::read(&FORMAT, Some(&path), std::iter::empty(), &[])?.settings()
}

#[test]
fn what_kubernetes_says_of_a_service_is_no_setting() {
    let settings = read(&[
        ("POSTRIDER_SERVICE_HOST", "10.0.0.7"),
        ("POSTRIDER_SERVICE_PORT", "7443"),
        ("POSTRIDER_SERVICE_PORT_GRPC", "7443"),
        ("POSTRIDER_PORT", "tcp://10.0.0.7:7443"),
        ("POSTRIDER_PORT_7443_TCP", "tcp://10.0.0.7:7443"),
        ("POSTRIDER_PORT_7443_TCP_PROTO", "tcp"),
        ("POSTRIDER_AGENT_REGION", "eu"),
        ("POSTRIDER_TEST_SEED", "1"),
        ("POSTRIDER__", "x"),
        ("POSTRIDER_API__MAX_PAGE_SIZE", "77"),
    ]);
    assert_eq!(settings.unwrap().api.max_page_size, 77);
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    for (name, value, words) in [
        ("POSTRIDER_SERVER__LISTENS", "x", "is not a setting; [server] has "),
        ("POSTRIDER_SERVICE__LISTEN", "x", "there is no such section"),
        ("POSTRIDER_AGENT__HEARTBEAT_INTERVAL_MILLISECONDS", "1", "there is no such section"),
        ("POSTRIDER_API__MAX_PAGE_SIZE", "many", "api.max_page_size: "),
        ("POSTRIDER_DATABASE__MIGRATE_AT_START", "perhaps", "database.migrate_at_start: "),
    ] {
        let message = read(&[(name, value)]).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.ends_with(&format!("(the variable {name})")), "{message}");
    }
}

#[test]
fn a_file_that_is_wrong_is_named_with_the_line() {
    for (text, words, line) in [
        ("[server]\n\nlisten = 7", "server.listen: ", ":3)"),
        ("[api]\n# few\nmax_page_size = \"many\"", "api.max_page_size: ", ":3)"),
        ("[api]\nmax_page = 1", "api.max_page: is not a setting; [api] has ", ":2)"),
        ("api.max_page = 1", "api.max_page: is not a setting", ":1)"),
        ("[api]\nmax_page_size = ", "line 2, column", ""),
    ] {
        let message = read_file(text).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains("postrider.toml"), "{message}");
        assert!(message.ends_with(line), "{message}");
    }
    let missing =
        SettingSources::read(&FORMAT, Some(Path::new("/nowhere/a.toml")), std::iter::empty(), &[]);
    let message = missing.err().unwrap().to_string();
    assert!(message.starts_with("/nowhere/a.toml: "), "{message}");
    assert_eq!(read_file("[api]\nmax_page_size = 78").unwrap().api.max_page_size, 78);
}
