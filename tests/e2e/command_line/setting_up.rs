//! Tenants, subscriptions, catalogues, tokens and contexts, set up by commands.

use postrider_tests::cluster::Cluster;
use postrider_tests::token::TEST_TOKEN;

use super::terminal::{Terminal, succeeded};

pub async fn tenants_are_made_and_changed(terminal: &Terminal) {
    let words = ["tenants", "create", "made", "--display-name", "Made", "--label", "tier=gold"];
    let made = terminal.json(&words).await;
    assert_eq!(made["name"], "tenants/made");
    assert_eq!(made["labels"]["tier"], "gold");

    let changed = terminal.json(&["tenants", "update", "made", "--display-name", "Other"]).await;
    assert_eq!(changed["displayName"], "Other");
    assert_eq!(changed["labels"]["tier"], "gold", "what is not given stays");
    let cleared = terminal.json(&["tenants", "update", "made", "--clear", "labels"]).await;
    assert!(cleared.get("labels").is_none(), "{cleared}");
    let words = ["tenants", "update", "made", "--display-name", "x", "--etag", "stale"];
    assert!(terminal.refused(4, &words).await.contains("ETAG_MISMATCH"));

    let table = terminal.text(&["tenants"]).await;
    assert!(table.starts_with("TENANT"), "{table}");
    assert!(table.lines().any(|line| line.starts_with("made ") && line.contains("Other")));
    let shown = terminal.text(&["tenants", "get", "tenants/made", "--absolute-times"]).await;
    assert!(shown.contains("display name: Other") && shown.contains("create time: 20"), "{shown}");
    let yaml = terminal.text(&["tenants", "get", "made", "--output", "yaml"]).await;
    assert!(yaml.contains("displayName: Other"), "{yaml}");

    let portal = terminal.of_tenant("made");
    let token = portal.json(&["tenants", "create-portal-token", "--role", "reader"]).await;
    assert!(token["secret"].as_str().unwrap().starts_with("prt_"), "{token}");

    terminal.text(&["tenants", "delete", "made"]).await;
    assert!(terminal.refused(3, &["tenants", "get", "never"]).await.contains("RESOURCE_NOT_FOUND"));
}

pub async fn subscriptions_are_made(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    terminal.text(&["tenants", "create", "subscribed"]).await;
    let terminal = terminal.of_tenant("subscribed");
    let url = receiver.url("/hook");
    let words =
        ["subscriptions", "create", "orders", "--url", &url, "--types", "payment.*,payout.*"];
    let words =
        [&words[..], &["--region", "eu", "--json", r#"{"displayName": "Orders"}"#]].concat();
    let made = terminal.json(&words).await;
    assert_eq!(made["eventTypes"], serde_json::json!(["payment.*", "payout.*"]));
    assert_eq!(made["displayName"], "Orders");
    assert!(made["signingSecret"].as_str().unwrap().starts_with("whsec_"), "{made}");

    let words =
        ["subscriptions", "update", "orders", "--max-in-flight", "3", "--condition", "true"];
    assert_eq!(terminal.json(&words).await["maxInFlight"], 3);
    let listed = terminal.text(&["subscriptions", "--type", "payment.completed"]).await;
    assert!(listed.contains("orders") && listed.contains("ENABLED"), "{listed}");
    for (command, status) in [("pause", "PAUSED"), ("disable", "DISABLED"), ("enable", "ENABLED")] {
        let words = ["subscriptions", command, "orders", "--reason", "a test"];
        let changed = terminal.json(&words).await;
        assert_eq!(changed["status"], format!("SUBSCRIPTION_STATUS_{status}"));
    }
    let shown = terminal.text(&["subscriptions", "get", "orders"]).await;
    assert!(shown.contains("status reason: a test") && !shown.contains("whsec_"), "{shown}");

    let words = ["test", "--subscription", "orders", "--type", "payment.completed"];
    let words = [&words[..], &["--data", "{\"a\": 1}"]].concat();
    assert!(terminal.text(&words).await.contains("outcome: SUCCEEDED"));
    assert_eq!(receiver.received_at("/hook"), 1);

    let rotated = terminal.json(&["subscriptions", "rotate-secret", "orders"]).await;
    let keys = rotated["signingKeys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{rotated}");
    let expiring = keys.iter().find(|key| key.get("expireTime").is_some()).unwrap();
    let key = expiring["id"].as_str().unwrap().to_owned();
    let revoked =
        terminal.json(&["subscriptions", "revoke-signing-key", "orders", "--key", &key]).await;
    assert_eq!(revoked["signingKeys"].as_array().unwrap().len(), 1, "{revoked}");
    let words = ["subscriptions", "release-ordering-key", "orders", "--key", "nobody's"];
    terminal.text(&words).await;

    let figures = terminal.text(&["stats", "--subscription", "orders"]).await;
    assert!(figures.contains("subscriptions/orders"), "{figures}");
    terminal.text(&["subscriptions", "delete", "orders"]).await;
    let nowhere = terminal.text(&["subscriptions", "list", "--deleted"]).await;
    assert!(nowhere.contains("orders"), "{nowhere}");
}

pub async fn a_catalogue_is_imported_after_a_look(terminal: &Terminal) {
    let catalogue = terminal.file(
        "catalogue.json",
        r#"{"event_types": [
            {"name": "cli.made", "group": "cli", "schema": {"type": "object"}},
            {"name": "cli.kept", "group": "cli"}
        ]}"#,
    );
    terminal.text(&["event-types", "create", "cli.kept", "--group", "cli"]).await;
    let looked = terminal.text(&["event-types", "import", &catalogue, "--dry-run"]).await;
    assert!(looked.contains("new") && looked.contains("cli.made"), "{looked}");
    assert!(!looked.contains("cli.kept"), "{looked}");
    assert!(looked.contains("created count: 1"), "{looked}");
    terminal.refused(3, &["event-types", "get", "cli.made"]).await;
    // Nobody is there to be asked.
    terminal.refused(2, &["event-types", "import", &catalogue]).await;
    terminal.text(&["event-types", "import", &catalogue, "--yes"]).await;
    let made = terminal.json(&["event-types", "get", "cli.made"]).await;
    assert_eq!(made["schemaValidation"], "SCHEMA_VALIDATION_ENFORCE");
    let changed = terminal.file(
        "changed.json",
        r#"{"event_types": [{"name": "cli.made", "group": "cli", "description": "x",
            "schema": {"type": "object"}}]}"#,
    );
    let looked = terminal.text(&["event-types", "import", &changed, "--dry-run"]).await;
    assert!(looked.contains("changed  cli.made    description"), "{looked}");

    let words = ["event-types", "update", "cli.made", "--sample", "{\"a\": 1}"];
    assert_eq!(terminal.json(&words).await["samplePayloadJson"], "{\"a\": 1}");
    terminal.text(&["event-types", "archive", "cli.made"]).await;
    terminal.text(&["event-types", "unarchive", "cli.made"]).await;
    let listed = terminal.text(&["event-types", "--group", "cli"]).await;
    assert!(listed.contains("cli.made") && listed.contains("cli.kept"), "{listed}");
    terminal.text(&["event-types", "delete", "cli.kept"]).await;
    terminal.refused(3, &["event-types", "get", "cli.kept"]).await;
}

pub async fn tokens_are_made_and_revoked(terminal: &Terminal) {
    terminal.text(&["tenants", "create", "tokened"]).await;
    let words =
        ["tokens", "create", "--role", "publisher,reader", "--tenant", "tokened", "--ttl", "1h"];
    let output = terminal.output(&words).await;
    let text = succeeded(&words, &output).trim().to_owned();
    assert!(text.starts_with("prt_"), "its text alone: {text}");
    let publisher = terminal.of_tenant("tokened").with("POSTRIDER_TOKEN", &text);
    publisher.text(&["publish", "--type", "a.b", "--data", "{}"]).await;
    let told = publisher.refused(5, &["agents"]).await;
    assert!(
        told.contains("PERMISSION_DENIED") && told.contains("permission: fleet.read"),
        "{told}"
    );
    assert!(told.contains("what to do: "), "{told}");
    let output = publisher.output(&["doctor"]).await;
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(5), "{found}");
    assert!(found.contains("skipped  agents") && !found.contains("WRONG"), "{found}");

    let id = text.split('_').nth(1).unwrap().to_owned();
    let shown = terminal.text(&["tokens", "get", &id]).await;
    assert!(shown.contains("- role: PUBLISHER") && !shown.contains(&text), "{shown}");
    assert!(terminal.text(&["tokens"]).await.contains(&id));
    terminal.text(&["tokens", "revoke", &id]).await;
    let told = publisher.refused(5, &["events"]).await;
    assert!(told.contains("UNAUTHENTICATED"), "{told}");
    terminal.refused(2, &["tokens", "create", "--role", "reader"]).await;
}

pub async fn contexts_name_servers(cluster: &Cluster, terminal: &Terminal) {
    terminal.text(&["tenants", "create", "named"]).await;
    let config = terminal.folder().join("contexts/client.toml").display().to_string();
    let terminal = terminal.with("POSTRIDER_CLIENT_CONFIG", &config);
    let (address, ca) = (cluster.replicas[0].url(), cluster.pki().ca_file());
    let caller = cluster.caller();
    let (certificate, key) = (&caller.certificate_file, &caller.key_file);
    let set =
        ["contexts", "set", "here", "--address", &address, "--tenant", "named", "--read-token"];
    let files = [
        ["--ca", ca.to_str().unwrap()],
        ["--client-cert", certificate.to_str().unwrap()],
        ["--client-key", key.to_str().unwrap()],
    ];
    let words = [&set[..], &files.concat()].concat();
    let output = terminal.output_with_input(&words, TEST_TOKEN).await;
    succeeded(&words, &output);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&config).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // Without any other variable than the file's.
    let bare = |words: &[&str]| {
        let mut command = postrider_tests::process::command("postrider").unwrap();
        command.args(words).env("POSTRIDER_CLIENT_CONFIG", &config);
        command.output().unwrap()
    };
    let words = ["events", "list", "--output", "json"];
    assert_eq!(succeeded(&words, &bare(&words)).trim(), "[]");
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let warned = bare(&["tenants", "get", "named"]);
    assert!(String::from_utf8_lossy(&warned.stderr).contains("chmod 600"), "{warned:?}");

    // It is read from any folder.
    terminal.text(&["contexts", "set", "elsewhere", "--token-file", "token-of-a-context"]).await;
    let kept = std::fs::read_to_string(&config).unwrap();
    let is_whole = kept.contains("token_file = \"/") && kept.contains("/token-of-a-context\"");
    assert!(is_whole, "{kept}");

    let listed = terminal.text(&["contexts"]).await;
    assert!(listed.contains("here") && !listed.contains(TEST_TOKEN), "{listed}");
    let words = ["contexts", "set", "there", "--address", "127.0.0.1:1"];
    let output = terminal.output(&words).await;
    succeeded(&words, &output);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("contexts use there"), "{told}");
    terminal.text(&["contexts", "use", "there"]).await;
    let told = terminal.refused(6, &["events", "--context", "there", "--tenant", "named"]).await;
    assert!(told.contains("http://127.0.0.1:1") && told.contains("what to do"), "{told}");
    terminal.text(&["contexts", "remove", "there"]).await;
    terminal.refused(2, &["events", "--context", "there"]).await;
}

pub async fn completions_and_man_pages_are_written(terminal: &Terminal) {
    for shell in ["bash", "zsh", "fish"] {
        let script = terminal.text(&["completions", shell]).await;
        assert!(script.contains("event-types"), "{shell}");
    }
    terminal.refused(2, &["completions", "none"]).await;
    let folder = terminal.folder().join("man");
    terminal.text(&["man", folder.to_str().unwrap()]).await;
    let page = std::fs::read_to_string(folder.join("postrider-tenants-list.1")).unwrap();
    assert!(page.contains(".SH OPTIONS"), "{page}");
    assert!(folder.join("postrider-serve.1").is_file());
}

pub async fn an_agent_is_drained(terminal: &Terminal) {
    let drained = terminal.json(&["agents", "drain", "agent-eu-1"]).await;
    assert_eq!(drained["name"], "agents/agent-eu-1");
}
