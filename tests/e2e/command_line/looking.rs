//! What operators look at: history, the tail, the fleet, records, and errors.

use http::StatusCode;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::wait;
use rustix::process::{Pid, Signal, kill_process};

use super::terminal::Terminal;
use crate::stage::SOON_LIMIT;

pub async fn history_is_shown(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    receiver.script("/once", [status(StatusCode::SERVICE_UNAVAILABLE), ok()]);
    terminal.text(&["tenants", "create", "history"]).await;
    let terminal = terminal.of_tenant("history");
    let url = receiver.url("/once");
    let policy = r#"{"retryPolicy": {"fixedDelays": {"delays": ["3600s"]}, "jitterPercent": 0}}"#;
    let words = ["subscriptions", "create", "s", "--url", &url, "--types", "*", "--region", "eu"];
    terminal.text(&[&words[..], &["--json", policy]].concat()).await;
    terminal.text(&["publish", "--type", "a.b", "--data", "{\"a\": 1}"]).await;
    let failed = wait::until("the attempt to fail", SOON_LIMIT, || async {
        let words = ["attempts", "--failed", "--since", "1h", "--subscription", "s"];
        let listed = terminal.json(&words).await;
        listed.get(0).cloned().ok_or_else(|| "none yet".to_owned())
    })
    .await
    .unwrap();
    assert_eq!(failed["httpStatus"], 503);
    assert!(
        terminal
            .text(&["attempts", "--outcome", "timeout", "--output", "json"])
            .await
            .contains("[]")
    );

    let name = failed["name"].as_str().unwrap().to_owned();
    let shown = terminal.text(&["attempts", "get", &name]).await;
    assert!(shown.contains("request:") && shown.contains("body:\n"), "{shown}");
    assert!(shown.contains("\"a\": 1") && shown.contains("webhook-id: evt_"), "{shown}");
    let delivery = failed["delivery"].as_str().unwrap().to_owned();
    let waiting = terminal.text(&["deliveries", "--state", "waiting"]).await;
    assert!(waiting.contains("WAITING") && waiting.contains("in "), "{waiting}");
    let shown = terminal.text(&["deliveries", "get", &delivery]).await;
    assert!(shown.contains("last http status: 503"), "{shown}");
    terminal.text(&["deliveries", "retry", &delivery]).await;
    receiver.wait_for(2, SOON_LIMIT).await.unwrap();
    assert!(terminal.text(&["attempts", "--delivery", &delivery]).await.contains("503"));
    // It has ended by then, or is about to.
    wait::until("the delivery to end", SOON_LIMIT, || async {
        let shown = terminal.json(&["deliveries", "get", &delivery]).await;
        wait::when(shown, |shown| shown["state"] == "DELIVERY_STATE_SUCCEEDED").map(drop)
    })
    .await
    .unwrap();
    let told = terminal.refused(4, &["deliveries", "cancel", &delivery]).await;
    assert!(told.contains("DELIVERY_ENDED"), "{told}");
}

pub async fn attempts_are_tailed(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    receiver.script("/tail", [ok(), status(StatusCode::BAD_GATEWAY), ok()]);
    terminal.text(&["tenants", "create", "tailed"]).await;
    let terminal = terminal.of_tenant("tailed");
    let url = receiver.url("/tail");
    let policy = r#"{"retryPolicy": {"fixedDelays": {"delays": ["3600s"]}}}"#;
    let words = ["subscriptions", "create", "s", "--url", &url, "--types", "*", "--region", "eu"];
    terminal.text(&[&words[..], &["--json", policy]].concat()).await;
    let mut tail = terminal.start(&["tail", "--color", "never"], "tail.log");
    let seen = |what: &'static str| {
        let log = tail.log();
        async move { wait::when(log, |log| log.contains(what)).map(drop) }
    };
    // What is published before the watch begins is not shown.
    wait::until("the tail to show an attempt", SOON_LIMIT, || {
        let terminal = terminal.clone();
        let seen = seen("a.b");
        async move {
            terminal.text(&["publish", "--type", "a.b", "--data", "{}"]).await;
            seen.await
        }
    })
    .await
    .unwrap();
    let id = Pid::from_raw(i32::try_from(tail.id()).unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    tail.wait_for_exit(130, SOON_LIMIT).await.unwrap();
    let log = tail.log();
    let (_, token) = log.rsplit_once("--resume ").expect(&log);
    let token = token.trim().to_owned();
    terminal.text(&["publish", "--type", "later.on", "--data", "{}"]).await;
    let words =
        ["tail", "--resume", &token, "--type", "later.on", "--count", "1", "--output", "json"];
    let resumed = terminal.text(&words).await;
    assert!(resumed.contains("\"eventType\":\"later.on\""), "{resumed}");
}

pub async fn the_fleet_is_shown(cluster: &Cluster, terminal: &Terminal) {
    let regions = terminal.text(&["regions"]).await;
    assert!(regions.lines().any(|line| line.starts_with("eu ")), "{regions}");
    let agents = terminal.text(&["agents", "--region", "eu"]).await;
    assert!(agents.contains("agent-eu-1") && agents.contains("CONNECTED"), "{agents}");
    let activity = terminal.json(&["activity"]).await;
    assert!(activity.is_object(), "{activity}");
    let replicas = terminal.text(&["replicas"]).await;
    assert!(replicas.contains("replica-1"), "{replicas}");
    let loops = terminal.text(&["replicas", "loops", "-"]).await;
    assert!(loops.contains("replicas/replica-1/backgroundLoops/leases"), "{loops}");
    let words = ["replicas", "set-log-levels", "replica-1", "--levels", "info", "--ttl", "1m"];
    assert!(terminal.text(&words).await.contains("replica-1"));

    let well = terminal.text(&["doctor", "--max-lag", "1h"]).await;
    for about in ["readiness", "certificates", "replicas", "clocks", "agents", "lag"] {
        assert!(well.contains(about), "{about}: {well}");
    }
    assert!(well.contains("the server's is valid for"), "{well}");
    // One who shows an authority that the server's certificate is not signed by.
    let stranger = cluster.folder().join("stranger.pem");
    let other = postrider_tests::pki::Pki::create(&cluster.folder().join("other")).unwrap();
    std::fs::copy(other.ca_file(), &stranger).unwrap();
    let stranger = terminal.with("POSTRIDER_CA", stranger.to_str().unwrap());
    let output = stranger.output(&["doctor"]).await;
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{found}");
    assert!(found.contains("WRONG"), "{found}");
}

pub async fn records_are_listed_and_verified(terminal: &Terminal) {
    terminal.text(&["tenants", "create", "audited", "--display-name", "A"]).await;
    let terminal = terminal.of_tenant("audited");
    let records = terminal.text(&["audit", "--method", "CreateTenant"]).await;
    assert!(records.contains("tenants/audited/auditRecords/1"), "{records}");
    let verified = terminal.text(&["audit", "verify"]).await;
    assert!(verified.contains("records checked: 1"), "{verified}");
    terminal.text(&["audit", "verify", "--installation"]).await;
    let words = ["audit", "verify", "--known-number", "1", "--known-hash", &"0".repeat(64)];
    let told = terminal.refused(7, &words).await;
    assert!(told.contains("not what was written"), "{told}");
}

pub async fn errors_say_what_to_do(terminal: &Terminal) {
    let told = terminal.refused(4, &["tenants", "create", "Not An Id"]).await;
    assert!(told.contains("INVALID_REQUEST") && told.contains("field tenant_id: "), "{told}");
    assert!(told.contains("what to do: ") && told.contains("request: "), "{told}");
    let told = terminal.refused_as_json(4, &["tenants", "create", "Not An Id"]).await;
    assert_eq!(told["code"], "INVALID_ARGUMENT", "{told}");
    assert_eq!(told["reason"], "INVALID_REQUEST", "{told}");
    assert_eq!(told["fieldViolations"][0]["field"], "tenant_id", "{told}");
    assert!(told["advice"].is_string() && told["requestId"].is_string(), "{told}");
    let told = terminal.refused(2, &["events"]).await;
    assert!(told.contains("--tenant"), "{told}");
    let told = terminal.refused_as_json(2, &["events"]).await;
    assert!(told["message"].as_str().unwrap().contains("--tenant"), "{told}");
    let told = terminal.refused(2, &["events", "--output", "yaml"]).await;
    assert!(told.starts_with("---\nexitCode: 2\nmessage: "), "{told}");
    terminal.refused(2, &["events", "--tenant", "a", "--since", "soon"]).await;
    terminal.refused(2, &["tenants", "list", "--output", "xml"]).await;
    let told = terminal.refused(2, &["--output", "json", "events"]).await;
    assert!(told.contains("\"exitCode\":2,"), "{told}");
    let told = terminal.refused(2, &["--output", "json", "migrate"]).await;
    assert!(told.contains("--output is for commands that call a replica"), "{told}");
    let told = terminal.refused(2, &["subscription", "list"]).await;
    assert!(told.contains("'subscriptions'"), "{told}");
    let nobody = terminal.with("POSTRIDER_TOKEN", "prt_wrong");
    assert!(nobody.refused(5, &["tenants"]).await.contains("UNAUTHENTICATED"));
    let nowhere = terminal.with("POSTRIDER_ADDRESS", "http://127.0.0.1:1");
    let told = nowhere.refused(6, &["tenants"]).await;
    assert!(told.contains("address: http://127.0.0.1:1"), "{told}");
}
