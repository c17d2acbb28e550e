//! Events, published one by one and as a stream.

use std::fmt::Write as _;

use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Answer, Body};

use super::terminal::{Terminal, succeeded};
use crate::stage::SOON_LIMIT;

pub async fn events_are_published(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    terminal.text(&["tenants", "create", "publishing"]).await;
    let terminal = terminal.of_tenant("publishing");
    let url = receiver.url("/all");
    let words = ["subscriptions", "create", "all", "--url", &url, "--types", "*", "--region", "eu"];
    terminal.text(&words).await;

    let payload = r#"{"amount": 1.00, "amount": 1e400}"#;
    let file = terminal.file("payload.json", payload);
    let from_file = format!("@{file}");
    let words = ["publish", "--type", "payment.completed", "--key", "k1", "--account", "SE35"];
    let words = [&words[..], &["--data", &from_file, "--attribute", "currency=SEK"]].concat();
    let published = terminal.json(&words).await;
    assert_eq!(published["matchedSubscriptions"], 1);
    let again = terminal.json(&words).await;
    assert_eq!(again["duplicate"], true);
    assert_eq!(again["event"], published["event"]);
    let words =
        ["publish", "--type", "payment.note", "--data", "-", "--content-type", "text/plain"];
    succeeded(&words, &terminal.output_with_input(&words, "not json, so bytes").await);
    receiver.wait_for(2, SOON_LIMIT).await.unwrap();

    let event = published["event"].as_str().unwrap();
    let shown = terminal.text(&["events", "get", event]).await;
    assert!(
        shown.contains("payload json:\n  {\n    \"amount\": 1.00,\n    \"amount\": 1e400\n  }"),
        "{shown}"
    );
    let listed = terminal.json(&["events", "--attribute", "currency=SEK", "--since", "1h"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    let resent = terminal.text(&["resend", event]).await;
    assert!(resent.starts_with("DELIVERY"), "{resent}");
    receiver.wait_for(3, SOON_LIMIT).await.unwrap();
    terminal.refused(2, &["publish", "--type", "payment.completed"]).await;
}

/// Lines of so many events with keys, from the first number on.
fn lines(first: usize, last: usize) -> String {
    let mut text = String::new();
    for number in first..=last {
        let _ = writeln!(
            text,
            r#"{{"type": "a.b", "key": "line-{number}", "data": {{"n": {number}}}}}"#
        );
    }
    text
}

pub async fn a_stream_goes_on_where_it_ended(terminal: &Terminal) {
    terminal.text(&["tenants", "create", "streaming"]).await;
    let terminal = terminal.of_tenant("streaming");
    let file = terminal.file("events.ndjson", &lines(1, 300));
    let position = terminal.folder().join("position").display().to_string();
    let words = ["publish", "--stream", "--file", &file, "--position-file", &position];
    let tally = terminal.json(&words).await;
    assert_eq!(tally["published"], 300, "{tally}");
    assert_eq!(std::fs::read_to_string(&position).unwrap().trim(), "300");

    // The file has grown.
    terminal.file("events.ndjson", &lines(1, 320));
    let tally = terminal.json(&words).await;
    assert_eq!(tally["published"], 20, "{tally}");
    assert_eq!(tally["duplicates"], 0, "{tally}");

    // Without the position the keys make nothing new.
    let words = ["publish", "--stream", "--from-line", "300", "--output", "json"];
    let output = terminal.output_with_input(&words, &lines(1, 321)).await;
    let tally: serde_json::Value = serde_json::from_str(&succeeded(&words, &output)).unwrap();
    assert_eq!(tally["published"], 1, "{tally}");
    assert_eq!(tally["duplicates"], 21, "{tally}");

    // One that is refused is told, and holds up no other.
    let wrong = "{\"type\": \"\", \"data\": 1}\n{\"type\": \"a.b\", \"data\": 1}\n";
    let output = terminal.output_with_input(&["publish", "--stream"], wrong).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("line 1: refused: ") && told.contains("INVALID_REQUEST"), "{told}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("published: 1"));
    let output = terminal.output_with_input(&["publish", "--stream"], "{").await;
    assert_eq!(output.status.code(), Some(2));

    // One that cannot be read ends it, after the answers to those before.
    let line = "{\"type\": \"without.key\", \"data\": 1}\n";
    let wrong = format!("{}{{\n{line}", line.repeat(300));
    let words = ["publish", "--stream", "--output", "json"];
    let output = terminal.output_with_input(&words, &wrong).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("lines are done up to 300") && told.contains("line 301: "), "{told}");
    let tally: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&tally["published"], &tally["unknown"]), (&300.into(), &0.into()), "{tally}");
    let stored = terminal.json(&["events", "--type", "without.key", "--limit", "0"]).await;
    assert_eq!(stored.as_array().unwrap().len(), 300);
}

pub async fn hostile_text_is_escaped(cluster: &Cluster, terminal: &Terminal) {
    let receiver = cluster.receiver().await.unwrap();
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}x";
    let body = Body::Whole(hostile.as_bytes().to_vec().into());
    receiver.script("/bad", [Answer::ok().body(body).into()]);
    terminal.text(&["tenants", "create", "hostile"]).await;
    let terminal = terminal.of_tenant("hostile");
    let url = receiver.url("/bad");
    let words = ["subscriptions", "create", "bad", "--url", &url, "--types", "*", "--region", "eu"];
    terminal.text(&words).await;
    let payload = serde_json::json!({"note": hostile}).to_string();
    let words = ["publish", "--type", "a.b", "--data", &payload];
    let published = terminal.json(&words).await;
    receiver.wait_for(1, SOON_LIMIT).await.unwrap();
    let event = published["event"].as_str().unwrap();
    let delivery = postrider_tests::wait::until("an attempt", SOON_LIMIT, || async {
        let listed = terminal.json(&["attempts"]).await;
        listed[0]["name"].as_str().map(str::to_owned).ok_or_else(|| listed.to_string())
    })
    .await
    .unwrap();
    for words in [
        &["events"][..],
        &["events", "--output", "json"],
        &["events", "--output", "yaml"],
        &["events", "get", event],
        &["events", "get", event, "--output", "json"],
        &["events", "get", event, "--output", "yaml"],
        &["attempts"],
        &["attempts", "get", &delivery],
        &["attempts", "get", &delivery, "--output", "yaml"],
        &["deliveries"],
    ] {
        let text = terminal.text(words).await;
        let is_raw = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(is_raw), "{words:?}: {text:?}");
    }
}
