//! Requests of command lines.

use clap::Command;

use super::*;
use crate::arguments::client_commands;
use crate::table::{CommandAction, find};

fn request(words: &[&str]) -> Result<Json, CliError> {
    let program = Command::new("postrider").subcommands(client_commands());
    let line = std::iter::once("postrider").chain(words.iter().copied());
    let matches = program.try_get_matches_from(line).unwrap();
    let (first, mut inside) = matches.subcommand().unwrap();
    let mut path = vec![first];
    if let Some((second, deeper)) = inside.subcommand() {
        path.push(second);
        inside = deeper;
    } else if find(&path).is_none() {
        path.push("list");
    }
    let command = find(&path).unwrap();
    let updated = match &command.action {
        CommandAction::Call(call) => call.updated,
        _ => None,
    };
    let now = "2026-11-02T12:00:00Z".parse().unwrap();
    RequestBuilder { tenant: "acme", now }.build(command, inside, updated)
}

#[test]
fn options_become_fields_and_filters() {
    assert_eq!(
        request(&["attempts", "--failed", "--since", "1h", "--subscription", "o\"x"]).unwrap(),
        json!({
            "parent": "tenants/acme",
            "filter": "outcome != SUCCEEDED AND outcome != UNKNOWN AND subscription = \
                       \"tenants/acme/subscriptions/o\\\"x\" AND create_time >= \
                       \"2026-11-02T11:00:00Z\"",
        })
    );
    assert_eq!(
        request(&["events", "--attribute", "currency=EUR", "--account", "SE 35"]).unwrap(),
        json!({
            "parent": "tenants/acme",
            "filter": "account = \"SE 35\" AND attributes.currency = \"EUR\"",
        })
    );
    assert_eq!(
        request(&["deliveries", "--state", "in-flight"]).unwrap()["filter"],
        "state = IN_FLIGHT"
    );
}

#[test]
fn an_event_type_needs_no_option() {
    assert_eq!(
        request(&["event-types", "create", "a.b"]).unwrap(),
        json!({"event_type_id": "a.b", "event_type": {}})
    );
    assert_eq!(
        request(&["event-types", "create", "a.b", "--group", "g"]).unwrap()["event_type"],
        json!({"group": "g"})
    );
}

#[test]
fn a_subscription_is_made_of_options_over_json() {
    let made = request(&[
        "subscriptions",
        "create",
        "orders",
        "--json",
        r#"{"url": "https://a", "retryPolicy": {"maxAge": "60s"}}"#,
        "--url",
        "https://b",
        "--types",
        "a.*,b",
        "--envelope",
        "cloudevents-binary",
        "--request-timeout",
        "1500ms",
        "--region",
        "eu",
    ]);
    assert_eq!(
        made.unwrap(),
        json!({
            "parent": "tenants/acme",
            "subscription_id": "orders",
            "subscription": {
                "url": "https://b",
                "retryPolicy": {"maxAge": "60s"},
                "event_types": ["a.*", "b"],
                "envelope": "ENVELOPE_CLOUDEVENTS_BINARY",
                "request_timeout": "1.500s",
                "region": "regions/eu",
            },
        })
    );
}

#[test]
fn an_update_has_the_mask_of_what_is_given() {
    let update = request(&[
        "tenants",
        "update",
        "globex",
        "--label",
        "a=b",
        "--clear",
        "display_name",
        "--etag",
        "e",
    ]);
    assert_eq!(
        update.unwrap(),
        json!({
            "tenant": {"name": "tenants/globex", "labels": {"a": "b"}, "etag": "e"},
            "update_mask": "displayName,labels",
        })
    );
    // It proves something, and changes nothing.
    let proof = r#"{"signingSecret": "s", "signatureSchemes": []}"#;
    let clearing = &["--signing-secret", "s", "--clear", "signature_schemes"];
    for words in [&["--json", proof][..], clearing] {
        let update = [&["subscriptions", "update", "orders"][..], words].concat();
        assert_eq!(request(&update).unwrap()["update_mask"], "signatureSchemes");
    }
    let problem = request(&["tenants", "update", "globex"]).unwrap_err().to_string();
    assert_eq!(problem, "nothing to change is given");
}

#[test]
fn what_code_reads_is_no_field() {
    assert_eq!(
        request(&["expunge", "--account", "SE35", "--yes", "--detach", "--dry-run"]).unwrap(),
        json!({"parent": "tenants/acme", "account": "SE35", "dry_run": true})
    );
    let stream = request(&["publish", "--stream", "--from-line", "7", "--key-prefix", "a"]);
    assert_eq!(stream.unwrap(), json!({"parent": "tenants/acme"}));
    let token = request(&["tokens", "create", "--role", "reader", "--tenant", "a", "--ttl", "1h"]);
    assert_eq!(token.unwrap(), json!({"ttl": "3600.000s"}));
}

#[test]
fn a_payload_keeps_its_bytes() {
    let data = r#"{"a": 1.00, "a": 2}"#;
    let event = request(&["publish", "--type", "a", "--data", data]).unwrap();
    assert_eq!(event["event"]["payload_json"], data);
}

#[test]
fn mistakes_name_their_argument() {
    for (words, problem) in [
        (&["attempts", "--since", "soon"][..], "--since: \"soon\" is no time"),
        (&["stats", "--subscription", "a/b"][..], "--subscription: \"a/b\" must be as in"),
        (&["subscriptions", "get", "a/b"], "SUBSCRIPTION: \"a/b\" must be as in"),
        (&["tenants", "create", "a", "--label", "x"], "--label: \"x\" must be KEY=VALUE"),
    ] {
        let told = request(words).unwrap_err().to_string();
        assert!(told.starts_with(problem), "{told}");
    }
}

#[test]
fn a_delivery_named_in_full_needs_no_tenant() {
    let name = "tenants/globex/deliveries/d1";
    let attempts = request(&["attempts", "--delivery", name]).unwrap();
    assert_eq!(attempts, json!({"parent": name}));
}
