//! Tests of the agent's settings.

use super::*;

const CONTROL_PLANE: (&str, &str) = ("control_plane.urls", "https://one.example");

fn load(flags: &[(&str, &str)]) -> Result<AgentConfig, SettingsError> {
    let all = [("agent.region", "eu-1")].iter().chain(flags);
    let flags: Vec<_> = all.map(|(name, value)| (*name, (*value).to_owned())).collect();
    Settings::load(None, &flags).map(|(_, config)| config)
}

#[test]
fn several_control_planes_and_subnets_may_be_given() {
    let config = load(&[
        ("control_plane.urls", "https://one.example,http://localhost:7000"),
        ("receivers.allow_subnets", "127.0.0.0/8,10.1.0.0/16"),
        ("work.max_in_flight", "9"),
    ])
    .unwrap();
    assert_eq!(config.control_planes.len(), 2);
    assert_eq!(config.allow_subnets.len(), 2);
    assert_eq!(config.max_in_flight, 9);
    assert!(!config.agent_id.is_empty());
}

#[test]
fn mistakes_are_told_before_anything_opens() {
    assert_refused(&[
        (
            &[("control_plane.urls", "http://one.example")],
            "control_plane.urls: \"http://one.example\": http is permitted only for a loopback",
        ),
        (
            &[("control_plane.urls", "foo")],
            "control_plane.urls: \"foo\": must be a URL, https://host:port: ",
        ),
        (&[("control_plane.tls_ca", "/no/such/file")], "/no/such/file"),
        (
            &[("receivers.extra_ca", "/no/such/file")],
            "receivers.extra_ca: cannot read /no/such/file",
        ),
        (&[("control_plane.tls_cert", "/no/such/file")], "control_plane.tls_key"),
        (&[("control_plane.tls_key", "/no/such/file")], "control_plane.tls_cert"),
        (
            &[("work.max_in_flight", "0")],
            "work.max_in_flight: must be a whole number of attempts from 1 to 100000, not 0 (",
        ),
        (&[("work.max_in_flight", "-1")], " from 1 to 100000, not -1 ("),
        (&[("work.max_in_flight", "1.5")], " from 1 to 100000, not 1.5 ("),
        (
            &[("response.max_body_bytes", "70")],
            "response.max_body_bytes: response.max_excerpt_bytes (1024) must not exceed \
             response.max_body_bytes (70) (",
        ),
        (&[("dns.max_lookups", "0")], "dns.max_lookups: "),
        (&[("dns.lookup_timeout_milliseconds", "0")], "dns.lookup_timeout_milliseconds: "),
        (
            &[("dns.servers", "dns.example")],
            "dns.servers: \"dns.example\": must be an IP address, with or without a port (",
        ),
        (&[("dns.backend", "system"), ("dns.servers", "::1")], "dns.servers: dns.servers cannot"),
        (&[("dns.backend", "none")], "dns.backend: must be "),
        (&[("telemetry.otlp_endpoint", "zzz")], "telemetry.otlp_endpoint: must be a URL"),
        (&[("telemetry.otlp_protocol", "http")], "telemetry.otlp_protocol: must be \"grpc\" or"),
        (&[("telemetry.max_queued_spans", "1")], "must be a whole number of spans from 512 to"),
        (&[("agent.metrics_listen", "9464")], "agent.metrics_listen: "),
        (&[("receivers.connections", "1")], "[receivers] has allow_subnets, "),
    ]);
    assert!(load(&[]).is_err());
}

#[test]
fn mistakes_about_receivers_are_told() {
    assert_refused(&[
        (
            &[("receivers.allow_subnets", "10.0.0.0/8,127.0.0.0/99")],
            "receivers.allow_subnets: \"127.0.0.0/99\": the prefix length, after the slash, must \
             be from 0 to 32 (",
        ),
        (
            &[("receivers.deny_subnets", "10.0.0.1")],
            "receivers.deny_subnets: \"10.0.0.1\": must be",
        ),
        (&[("receivers.allow_subnets", "::1/129")], "must be from 0 to 128 ("),
        (&[("receivers.allow_subnets", "::1/x")], "must be from 0 to 128 ("),
        (&[("receivers.allow_subnets", "1.2.3/8")], "before the slash must be an IP address ("),
        (&[("receivers.allow_subnets", "1.2.3.4")], "and a prefix length, such as 10.0.0.0/8 ("),
        (
            &[("receivers.denied_ports", "25,8080-8000")],
            "receivers.denied_ports: \"8080-8000\": must be a port from 1 to 65535, or two with",
        ),
        (&[("receivers.allowed_ports", "0")], "receivers.allowed_ports: \"0\": must be a port"),
        (&[("receivers.allowed_ports", "65536")], "\"65536\": must be a port from 1 to 65535"),
        (&[("receivers.user_agent", "Bank/")], "receivers.user_agent: must be a product and its"),
        (&[("receivers.user_agent", "Bank\r\nx: 1")], "receivers.user_agent: must be a product"),
    ]);
}

/// Each of these settings is refused with its words, and with the place where it stands.
fn assert_refused(cases: &[(&[(&'static str, &str)], &str)]) {
    for (wrong, words) in cases {
        let flags: Vec<_> = [CONTROL_PLANE].iter().chain(*wrong).copied().collect();
        let error = load(&flags).unwrap_err().to_string();
        let place = wrong.iter().find_map(|(name, _)| Settings::flag_of(name));
        let place = place.map_or("the program".to_owned(), |flag| format!("the flag {flag}"));
        assert!(error.contains(words) && error.ends_with(&format!(" ({place})")), "{error}");
    }
}

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    SettingSources::read(&FORMAT, None, variables, &[])?.settings()
}

#[test]
fn what_kubernetes_says_of_a_service_is_not_a_setting() {
    let settings = read(&[
        ("POSTRIDER_AGENT_SERVICE_HOST", "10.0.0.7"),
        ("POSTRIDER_AGENT_SERVICE_PORT_METRICS", "9464"),
        ("POSTRIDER_AGENT_PORT", "tcp://10.0.0.7:9464"),
        ("POSTRIDER_AGENT_PORT_9464_TCP_PROTO", "tcp"),
        ("POSTRIDER_SERVER__LISTEN", "127.0.0.1:7443"),
        ("POSTRIDER_AGENT_AGENT__REGION", "eu"),
        ("POSTRIDER_AGENT_DNS__SERVERS", "::1,10.0.0.2:5353"),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.agent.region, "eu");
    let servers = ["[::1]:53", "10.0.0.2:5353"];
    let servers = servers.map(|server| NameServerAddress(server.parse().unwrap()));
    assert_eq!(settings.dns.servers, servers);
    let message = read(&[("POSTRIDER_AGENT_DNS__SERVER", "::1")]).unwrap_err().to_string();
    assert!(message.ends_with("(the variable POSTRIDER_AGENT_DNS__SERVER)"), "{message}");
}

#[test]
fn a_file_may_have_lists() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.toml");
    let text = "[agent]\nregion = \"eu-1\"\n[control_plane]\nurls = [\"https://one.example\"]\n\
                [receivers]\nallow_subnets = [\"10.1.0.0/16\", \"10.2.0.0/16\"]\n\
                deny_subnets = [\"10.1.2.0/24\"]\n";
    std::fs::write(&path, text).unwrap();
    let (settings, config) = Settings::load(Some(&path), &[]).unwrap();
    assert_eq!(config.allow_subnets.len(), 2);
    assert_eq!(config.deny_subnets[0].to_string(), "10.1.2.0/24");
    assert_eq!(config.control_planes[0].host, "one.example");
    assert!(settings.worker_threads() > 0);
}

#[test]
fn every_number_has_a_range_that_is_kept() {
    assert_eq!(FORMAT.wrong_ranges().unwrap(), [""; 0]);
    for range in FORMAT.ranges {
        for number in [range.least, range.most] {
            let flags = [(range.path, number.to_string())];
            let sources = SettingSources::read(&FORMAT, None, std::iter::empty(), &flags).unwrap();
            sources.settings::<Settings>().unwrap();
        }
        for number in range.least.checked_sub(1).into_iter().chain([range.most + 1, u64::MAX]) {
            let flags = [CONTROL_PLANE, (range.path, &number.to_string())];
            let message = load(&flags).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{}: must be {range}, not ", range.path)));
        }
    }
}

#[test]
fn draining_ends_before_kubernetes_kills() {
    const KILL_SECONDS: u64 = 30;
    const ATTEMPT_SECONDS: u64 = 15;
    let settings = read(&[]).unwrap();
    assert!((ATTEMPT_SECONDS + 1..KILL_SECONDS).contains(&settings.agent.drain_timeout_seconds));
}

#[test]
fn ports_and_a_user_agent_may_be_given() {
    let config = load(&[
        CONTROL_PLANE,
        ("receivers.allowed_ports", "443, 8000-8080"),
        ("receivers.denied_ports", ""),
        ("receivers.user_agent", "Bank-Webhooks/2 (ops@bank.example)"),
    ]);
    let config = config.unwrap();
    let allowed: Vec<String> = config.allowed_ports.iter().map(ToString::to_string).collect();
    assert_eq!(allowed, ["443", "8000-8080"]);
    assert!(config.denied_ports.is_empty());
    assert_eq!(config.user_agent, "Bank-Webhooks/2 (ops@bank.example)".parse().unwrap());
    let default = load(&[CONTROL_PLANE]).unwrap();
    assert_eq!(default.user_agent, Default::default());
}

#[test]
fn a_section_alone_is_refused() {
    let message = read(&[("POSTRIDER_AGENT_AGENT", "x")]).unwrap_err().to_string();
    let words = "agent: is a section; a setting of it is spelt as POSTRIDER_AGENT_AGENT__";
    assert!(message.starts_with(words), "{message}");
}
