//! Replays, backfills, expunges and accounts.

use http::StatusCode;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::wait;

use super::terminal::Terminal;
use crate::stage::SOON_LIMIT;

/// One attempt and no more.
const ONE_ATTEMPT_JSON: &str =
    r#"{"retryPolicy": {"linear": {"initialDelay": "0s", "increment": "0s", "maxAttempts": 1}}}"#;

pub async fn work_in_bulk_is_followed(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    receiver.script("/down", [status(StatusCode::BAD_GATEWAY), ok()]);
    terminal.text(&["tenants", "create", "bulk"]).await;
    let terminal = terminal.of_tenant("bulk");
    let url = receiver.url("/down");
    let words =
        ["subscriptions", "create", "down", "--url", &url, "--types", "*", "--region", "eu"];
    terminal.text(&[&words[..], &["--json", ONE_ATTEMPT_JSON]].concat()).await;
    terminal.text(&["publish", "--type", "a.b", "--data", "{}"]).await;
    wait::until("the delivery to be exhausted", SOON_LIMIT, || async {
        let listed = terminal.json(&["deliveries", "--state", "exhausted"]).await;
        listed.get(0).map(drop).ok_or_else(|| "none yet".to_owned())
    })
    .await
    .unwrap();

    let replayed = terminal.text(&["replay", "--since", "1h", "--subscription", "down"]).await;
    assert!(replayed.contains("delivery count: 1"), "{replayed}");
    receiver.wait_for(2, SOON_LIMIT).await.unwrap();
    terminal.refused(2, &["replay"]).await;

    let url = receiver.url("/new");
    let words = ["subscriptions", "create", "new", "--url", &url, "--types", "*", "--region", "eu"];
    terminal.text(&words).await;
    let name =
        terminal.text(&["backfill", "--subscription", "new", "--since", "1h", "--detach"]).await;
    let name = name.trim().to_owned();
    assert!(name.starts_with("tenants/bulk/operations/"), "{name}");
    let followed = terminal.text(&["operations", "follow", &name]).await;
    assert!(followed.contains("delivery count: 1"), "{followed}");
    receiver.wait_for(3, SOON_LIMIT).await.unwrap();
    let shown = terminal.text(&["operations", "get", &name]).await;
    assert!(shown.contains("done: yes") && shown.contains("examined count: 1"), "{shown}");
    let listed = terminal.json(&["operations"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    terminal.text(&["backfill", "--follow", &name]).await;
    terminal.text(&["replay", "--cancel", &name]).await;
    terminal.text(&["operations", "cancel", &name]).await;
    terminal.text(&["operations", "delete", &name]).await;
    terminal.refused(3, &["operations", "get", &name]).await;
}

pub async fn an_account_is_read(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    receiver.script("/refuses", [status(StatusCode::BAD_GATEWAY)]);
    terminal.text(&["tenants", "create", "account-cli"]).await;
    let terminal = terminal.of_tenant("account-cli");
    for (id, path) in [("good", "/good"), ("refuses", "/refuses")] {
        let url = receiver.url(path);
        let words =
            ["subscriptions", "create", id, "--url", &url, "--types", "a.*", "--region", "eu"];
        terminal.text(&[&words[..], &["--json", ONE_ATTEMPT_JSON]].concat()).await;
    }
    for event_type in ["a.b", "other"] {
        terminal.text(&["publish", "--type", event_type, "--data", "{}"]).await;
    }
    wait::until("both deliveries to end", SOON_LIMIT, || async {
        let listed = terminal.json(&["deliveries"]).await;
        let ended = |delivery: &serde_json::Value| delivery.get("endTime").is_some();
        let deliveries = listed.as_array().cloned().unwrap_or_default();
        wait::when(deliveries, |all| all.len() == 2 && all.iter().all(ended)).map(drop)
    })
    .await
    .unwrap();
    let shown = terminal.text(&["reconcile", "--since", "1h"]).await;
    assert!(
        shown.contains("event count: 2") && shown.contains("unmatched event count: 1"),
        "{shown}"
    );
    let words = ["reconcile", "--since", "1h", "--csv", "-"];
    let csv = terminal.text(&words).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("EVENT,TYPE,ACCOUNT,SUBSCRIPTION,STATE"), "{csv}");
    assert_eq!(lines.len(), 4, "{csv}");
    let told = terminal.refused(7, &["reconcile", "--since", "1h", "--require-success"]).await;
    assert!(told.contains("1 of 2 pairs have succeeded"), "{told}");
    let words = ["reconcile", "--since", "1h", "--subscription", "good", "--require-success"];
    terminal.text(&words).await;
    let rows = terminal.text(&["reconcile", "--since", "1h", "--output", "json"]).await;
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let summary = terminal.json(&["reconcile", "--since", "1h", "--summary"]).await;
    assert_eq!(summary["eventCount"], "2", "{summary}");
}

pub async fn payloads_are_expunged(terminal: &Terminal) {
    terminal.text(&["tenants", "create", "expunged-cli"]).await;
    let terminal = terminal.of_tenant("expunged-cli");
    let words = ["publish", "--type", "a.b", "--account", "SE35", "--data", "{}"];
    let published = terminal.json(&words).await;
    let event = published["event"].as_str().unwrap();
    let counted = terminal.text(&["expunge", "--account", "SE35", "--dry-run"]).await;
    assert!(counted.contains("event count: 1"), "{counted}");
    terminal.refused(2, &["expunge", "--account", "SE35"]).await;
    terminal.text(&["expunge", "--events", event, "--yes"]).await;
    let shown = terminal.text(&["events", "get", event]).await;
    assert!(shown.contains("reason: EXPUNGED") && !shown.contains("payload json"), "{shown}");
}
