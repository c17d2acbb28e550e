//! Tests of the control plane's settings.

use super::*;

fn load(flags: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let flags: Vec<_> = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Settings::load(None, &flags)
}

#[test]
fn defaults_are_complete_and_valid() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.database_url(), "sqlite:.postrider/postrider.db");
    assert!(settings.single_process());
}

#[test]
fn doors_are_open_to_this_machine_or_have_certificates() {
    let message = |flags: &[(&str, &str)]| load(flags).unwrap_err().to_string();
    for door in ["server", "agents", "replicas"] {
        let listen = format!("{door}.listen");
        assert!(message(&[(listen.as_str(), "0.0.0.0:1")]).starts_with(&listen));
        assert!(load(&[(listen.as_str(), "localhost:1")]).is_ok());
    }
    let anybody = [("server.listen", "0.0.0.0:1"), ("server.insecure_no_tls", "true")];
    assert_eq!(load(&anybody).unwrap().insecure_settings(), ["server.insecure_no_tls"]);
    let agents = [("agents.listen", "0.0.0.0:1"), ("server.insecure_no_tls", "true")];
    assert!(message(&agents).starts_with("agents.listen:"), "it is about callers only");
    let certificate = [("server.tls_cert", "a"), ("server.tls_key", "b")];
    let with = |more: &[(&'static str, &'static str)]| [&certificate[..], more].concat();
    let agents = with(&[("agents.listen", "0.0.0.0:1"), ("agents.tls_client_ca", "c")]);
    assert!(message(&agents).contains("no certificate is an agent's"));
    let agents = [&agents[..], &[("agents.spiffe_trust_domain", "bank.example")][..]].concat();
    let files = load(&agents).unwrap().agents_tls().unwrap();
    assert_eq!(files.described(), "server.tls_cert: a, server.tls_key: b, agents.tls_client_ca: c");
    let own = [&agents[..], &[("agents.tls_cert", "d"), ("agents.tls_key", "e")][..]].concat();
    let files = load(&own).unwrap().agents_tls().unwrap();
    assert_eq!(files.described(), "agents.tls_cert: d, agents.tls_key: e, agents.tls_client_ca: c");
    assert!(load(&with(&[])).unwrap().agents_tls().is_none(), "on loopback");
    let replicas = with(&[("replicas.tls_ca", "c")]);
    assert!(message(&replicas).contains("no certificate is a replica's"));
    assert!(message(&[("replicas.tls_ca", "c")]).contains("needs replicas.tls_cert"));
    assert!(message(&[("agents.spiffe_trust_domain", "A/b")]).contains("trust domain"));
}

#[test]
fn wrong_settings_are_named() {
    let message = |flags: &[(&str, &str)]| load(flags).unwrap_err().to_string();
    assert!(message(&[("server.listen", "0.0.0.0:1")]).starts_with("server.listen:"));
    assert!(message(&[("server.listen", "localhost")]).contains("a host and a port"));
    assert!(load(&[("server.listen", "localhost:1")]).is_ok());
    assert!(message(&[("server.metrics_listen", "1")]).starts_with("server.metrics_listen:"));
    for wrong in ["replica-1:7443", "ftp://one", "https://one:1", "http://one/path"] {
        assert!(message(&[("replicas.advertise", wrong)]).starts_with("replicas.advertise:"));
    }
    assert!(message(&[("server.replica_id", "a b")]).starts_with("server.replica_id:"));
    assert!(message(&[("server.tls_cert", "a")]).starts_with("server.tls_cert:"));
    assert!(
        message(&[("ownership.lease_duration_seconds", "4")]).contains("lease_duration_seconds")
    );
    assert!(message(&[("dispatch.max_deliverys", "4")]).contains("max_deliverys"));
    assert!(message(&[("operational_events.operators_tenant", "No")]).contains("operators_tenant"));
    assert!(message(&[("api.max_page_size", "many")]).contains("max_page_size"));
    let format = message(&[("telemetry.log_format", "xml")]);
    assert_eq!(format, "telemetry.log_format: must be \"text\" or \"json\" (the program)");
    let listen = message(&[("server.listen", "localhost")]);
    assert!(listen.ends_with(" (the flag --listen)"), "{listen}");
}

#[test]
fn limits_agree_with_each_other() {
    let message = |flags: &[(&str, &str)]| load(flags).unwrap_err().to_string();
    for (name, value, words) in [
        ("publish.max_payload_bytes", "1048576", "64 KiB below server.max_request_bytes (1048576)"),
        ("server.max_batch_request_bytes", "5000", "server.max_request_bytes (1048576)"),
        ("requests.max_receiving_bytes_per_connection", "5000", "server.max_batch_request_bytes"),
        (
            "requests.max_receiving_bytes",
            "67108864",
            "requests.max_receiving_bytes_per_connection (67108864) must not exceed three quarters",
        ),
        ("requests.max_unsent_bytes_per_caller", "300000", "publish.max_payload_bytes"),
        ("requests.max_unsent_bytes", "67108864", "must not exceed three quarters"),
        ("connections.reserved_for_agents", "8192", "connections.max_agents_connections (5120)"),
        ("connections.max_agents_connections", "8000", "below connections.max_connections (8192)"),
        ("connections.reserved_for_replicas", "8000", "below connections.max_connections (8192)"),
        ("database.max_read_connections", "10", "database.max_connections (10)"),
    ] {
        let told = message(&[(name, value)]);
        assert!(told.starts_with(&format!("{name}:")) && told.contains(words), "{told}");
    }
    let settings = load(&[("connections.max_age_seconds", "0")]).unwrap();
    assert_eq!(settings.connections.max_age(), None);
}

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Settings::from_sources(&SettingSources::read(&FORMAT, None, variables, &[])?)
}

fn read_file(text: &str) -> Result<Settings, SettingsError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postrider.toml");
    std::fs::write(&path, text).unwrap();
    Settings::from_sources(&SettingSources::read(&FORMAT, Some(&path), std::iter::empty(), &[])?)
}

#[test]
fn origins_are_what_browsers_send() {
    const NAME: &str = "POSTRIDER_SERVER__HTTP_ALLOWED_ORIGINS";
    let settings = read(&[(NAME, "https://ops.example, http://localhost:3000")]).unwrap();
    let allowed = settings.server.http_allowed_origins;
    assert_eq!(allowed, ["https://ops.example", "http://localhost:3000"]);
    for bad in ["*", "null", "ops.example", "https://ops.example/", "https://Ops.example"] {
        let told = read(&[(NAME, bad)]).unwrap_err().to_string();
        assert!(told.contains("must be origins as browsers send them"), "{bad}: {told}");
    }
}

#[test]
fn hosts_are_names_without_a_port() {
    const NAME: &str = "POSTRIDER_SERVER__HTTP_ALLOWED_HOSTS";
    let settings = read(&[(NAME, "postrider, hooks.internal")]).unwrap();
    assert_eq!(settings.server.http_allowed_hosts, ["postrider", "hooks.internal"]);
    for bad in ["*", "hooks.internal:7443", "https://hooks.internal", "Hooks.internal"] {
        let told = read(&[(NAME, bad)]).unwrap_err().to_string();
        assert!(told.contains("must be names in lower case"), "{bad}: {told}");
    }
}

#[test]
fn what_kubernetes_says_of_a_service_is_not_a_setting() {
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
        ("POSTRIDER_PUBLISH__ALLOW_UNKNOWN_EVENT_TYPES", "yes", "must be true or false, not"),
        ("POSTRIDER_SERVER__WORKER_THREADS", "-1", "must be a whole number of threads from 0 to"),
        ("POSTRIDER_SERVER__WORKER_THREADS", "1.5", "must be a whole number of threads from 0 to"),
        ("POSTRIDER_SERVER__DRAIN_TIMEOUT_SECONDS", "true", "must be a whole number of seconds"),
        ("POSTRIDER_SERVER__MAX_REQUEST_BYTES", "100000", "server.max_request_bytes: publish."),
        ("POSTRIDER_SERVER", "x", "server: is a section; a setting of it is spelt as POSTRIDER_"),
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
        (
            "[dispatch]\nmax_retry_after_seconds = 18446744073709551615",
            "dispatch.max_retry_after_seconds: must be a whole number of seconds from 0 to 86400",
            ":2)",
        ),
        ("[server]\nworker_threads = 1.5", "server.worker_threads: must be a whole number", ":2)"),
        ("[server]\nworker_threads = -1", "from 0 to 1024, not -1", ":2)"),
        ("[ownership]\n\nrenew_interval_seconds = 9", "ownership.renew_interval_seconds: ", ":3)"),
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

#[test]
fn every_number_has_a_range_that_its_type_can_hold() {
    assert_eq!(FORMAT.wrong_ranges().unwrap(), [""; 0]);
    for range in FORMAT.ranges {
        for number in [range.least, range.most] {
            let flags = [(range.path, number.to_string())];
            let sources = SettingSources::read(&FORMAT, None, std::iter::empty(), &flags).unwrap();
            // Alone, without its relations to others.
            sources.settings::<Settings>().unwrap();
        }
    }
}

#[test]
fn numbers_outside_their_range_are_refused() {
    for range in FORMAT.ranges {
        let below = range.least.checked_sub(1);
        for number in below.into_iter().chain([range.most + 1, u64::MAX]) {
            let message = load(&[(range.path, &number.to_string())]).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("{}: must be {range}, not {number} (the program)", range.path)
            );
        }
    }
    // With these a replica used to start, and did nothing or spun.
    for (path, number) in [
        ("server.worker_threads", "20000"),
        ("database.max_connections", "0"),
        ("database.max_read_connections", "1"),
        ("database.retention_days", "0"),
        ("dispatch.max_deliveries_in_memory", "0"),
        ("ownership.heartbeat_interval_milliseconds", "0"),
        ("ownership.renew_interval_seconds", "0"),
        ("ownership.sweep_interval_milliseconds", "0"),
        ("ownership.lost_after_seconds", "0"),
        ("agents.heartbeat_interval_milliseconds", "0"),
        ("agents.silence_timeout_milliseconds", "0"),
        ("api.max_watchers", "0"),
        ("api.watch_poll_interval_milliseconds", "0"),
    ] {
        assert!(load(&[(path, number)]).is_err(), "{path}");
    }
}

#[test]
fn a_relation_is_told_with_the_setting_that_was_given() {
    for (given, value, other) in [
        ("server.max_request_bytes", "100000", "publish.max_payload_bytes (262144)"),
        ("ownership.renew_interval_seconds", "9", "ownership.lease_duration_seconds (10)"),
        ("ownership.lease_margin_seconds", "6", "ownership.lease_duration_seconds (10)"),
        ("ownership.lease_duration_seconds", "6", "ownership.renew_interval_seconds (3)"),
        ("ownership.lost_after_seconds", "1", "ownership.heartbeat_interval_milliseconds (1000)"),
        (
            "agents.silence_timeout_milliseconds",
            "1000",
            "agents.heartbeat_interval_milliseconds (1000)",
        ),
        (
            "agents.heartbeat_interval_milliseconds",
            "5000",
            "agents.silence_timeout_milliseconds (5000)",
        ),
        ("api.max_scaler_streams_per_caller", "256", "server.max_concurrent_streams (256)"),
        ("server.max_concurrent_streams", "128", "api.max_scaler_streams_per_caller (128)"),
        ("database.min_history_retention_days", "31", "database.retention_days (30)"),
        ("api.max_page_size", "49", "api.default_page_size (50)"),
        ("api.default_page_size", "1001", "api.max_page_size (1000)"),
        (
            "dispatch.breaker_first_probe_pause_seconds",
            "301",
            "dispatch.breaker_max_probe_pause_seconds (300)",
        ),
        (
            "dispatch.max_deliveries_in_memory_per_subscription",
            "50001",
            "dispatch.max_deliveries_in_memory (50000)",
        ),
    ] {
        let message = load(&[(given, value)]).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{given}: ")), "{message}");
        assert!(message.contains(&format!("{given} ({value})")), "{message}");
        assert!(message.contains(other) && message.ends_with(" (the program)"), "{message}");
    }
    let message = load(&[("server.tls_key", "key.pem")]).unwrap_err().to_string();
    let both = "server.tls_cert and server.tls_key must be set together";
    assert_eq!(message, format!("server.tls_key: {both} (the flag --tls-key)"));
}

#[test]
fn a_url_of_no_engine_is_refused_with_its_place() {
    for url in ["mysql://x", "sqlite", "POSTGRES://x", "memory:"] {
        let message = load(&[("database.url", url)]).unwrap_err().to_string();
        let words = "database.url: must begin with postgres:// or sqlite:";
        assert_eq!(message, format!("{words} (the flag --database-url)"));
    }
    let settings = load(&[("database.url", "postgresql://x")]).unwrap();
    let name = settings.name_with_place("database.url");
    assert_eq!(name, "database.url (the flag --database-url)");
}

#[test]
fn a_url_may_stand_in_a_file_and_is_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("url");
    let given = |text: &str| {
        std::fs::write(&file, text).unwrap();
        load(&[("database.url_file", file.to_str().unwrap())])
    };
    let settings = given(" postgres://me:hunter2@db/postrider\n").unwrap();
    assert_eq!(settings.database_url(), "postgres://me:hunter2@db/postrider");
    assert!(!settings.single_process());
    let place = "(the flag --database-url-file)";
    assert_eq!(settings.database_setting_with_place(), format!("database.url_file {place}"));
    for wrong in ["", "\n", "mysql://me:hunter2@db", "me:hunter2@db"] {
        let message = given(wrong).unwrap_err().to_string();
        assert!(
            message.starts_with("database.url_file: ") && message.ends_with(place),
            "{message}"
        );
        assert!(message.contains("must hold a URL") && !message.contains("hunter2"), "{message}");
    }
    let message = load(&[("database.url_file", "/no/such/file")]).unwrap_err().to_string();
    assert!(message.starts_with("database.url_file: cannot read /no/such/file: "), "{message}");
    let both = [("database.url", "postgres://x"), ("database.url_file", "/no/such/file")];
    let message = load(&both).unwrap_err().to_string();
    assert!(message.contains("database.url and database.url_file must not both"), "{message}");
}

#[test]
fn files_with_secrets_are_known() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("postrider.toml");
    let issuer = "[[auth.issuers]]\nissuer = \"https://id.example\"\naudiences = [\"postrider\"]
        jwks_url = \"https://id.example/keys\"\nbearer_token_file = \"token\"
        rules = [{claim = \"groups\", role = \"operator\", installation = true}]\n";
    std::fs::write(&file, issuer).unwrap();
    let mut flags = Vec::new();
    for (certificate, key) in [
        ("server.tls_cert", "server.tls_key"),
        ("agents.tls_cert", "agents.tls_key"),
        ("replicas.tls_cert", "replicas.tls_key"),
    ] {
        flags.extend([(certificate, "certificate".to_owned()), (key, key.to_owned())]);
    }
    flags.extend([("agents.tls_client_ca", "ca".to_owned()), ("replicas.tls_ca", "ca".to_owned())]);
    flags.push(("agents.spiffe_trust_domain", "bank.example".to_owned()));
    flags.push(("replicas.spiffe_trust_domain", "bank.example".to_owned()));
    let url = directory.path().join("url").display().to_string();
    std::fs::write(&url, "postgres://x").unwrap();
    flags.push(("database.url_file", url.clone()));
    let settings = Settings::load(Some(&file), &flags).unwrap();
    let named: Vec<_> = settings.secret_files().iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(
        named,
        ["server.tls_key", "agents.tls_key", "replicas.tls_key", "token", url.as_str()]
    );
    assert!(load(&[]).unwrap().secret_files().is_empty());
}
