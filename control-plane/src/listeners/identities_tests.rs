//! Tests of what certificates say.

use std::time::{Duration, SystemTime};

use futures::FutureExt as _;

use super::*;
use crate::settings::Settings;

fn settings(flags: &[(&str, &str)]) -> Settings {
    let flags: Vec<_> = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Settings::load(None, &flags).unwrap()
}

fn named(uris: &[&str], dns_names: &[&str]) -> CertificateNames {
    CertificateNames {
        uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
        dns_names: dns_names.iter().map(|&name| name.to_owned()).collect(),
        common_name: Some("agent-1".to_owned()),
        subject: "CN=agent-1".to_owned(),
        not_after: SystemTime::UNIX_EPOCH,
    }
}

fn may_be(identities: &AgentIdentities, names: &CertificateNames, region: &str, id: &str) -> bool {
    let grants = identities.find(names);
    grants.is_ok_and(|grants| grants.check(&region.parse().unwrap(), &AgentId(id.into())).is_ok())
}

#[test]
fn a_spiffe_id_binds_the_region_and_the_id() {
    let settings = settings(&[("agents.spiffe_trust_domain", "bank.example")]);
    let identities = AgentIdentities::new(&settings.agents);
    let of = |uri: &str| named(&[uri], &["eu.agents.example"]);
    let shared = of("spiffe://bank.example/postrider/agent/eu");
    assert!(may_be(&identities, &shared, "eu", "a") && may_be(&identities, &shared, "eu", "b"));
    assert!(!may_be(&identities, &shared, "us", "a"));
    let bound = of("spiffe://bank.example/postrider/agent/eu/pod-1");
    assert!(may_be(&identities, &bound, "eu", "pod-1"));
    assert!(!may_be(&identities, &bound, "eu", "pod-2"));
    assert!(!may_be(&identities, &bound, "us", "pod-1"));
    for no_agent in [
        "spiffe://other.example/postrider/agent/eu",
        "spiffe://bank.example/postrider/replica",
        "spiffe://bank.example/postrider/agent",
        "spiffe://bank.example/postrider/agent/",
        "spiffe://bank.example/postrider/agent/EU",
        "spiffe://bank.example/postrider/agent/eu/",
        "spiffe://bank.example/postrider/agent/eu/a/b",
        "spiffe://bank.example/postrider/agents/eu",
        "spiffe://bank.example//postrider/agent/eu",
        "https://bank.example/postrider/agent/eu",
        "spiffe://bank.example",
    ] {
        let error = identities.find(&of(no_agent)).err().unwrap();
        assert!(error.contains(no_agent) && error.contains("is no agent's"), "{error}");
    }
    let two = ["spiffe://bank.example/postrider/agent/eu", "spiffe://bank.example/x"];
    assert!(identities.find(&named(&two, &[])).is_err(), "two URIs are no SPIFFE id");
    assert!(identities.find(&named(&[], &["eu.agents.example"])).is_err());
}

#[test]
fn rules_bind_names_that_are_given() {
    let rules = r#"[
        {"uri": "spiffe://corp/ns/pay/sa/agent-*", "regions": ["eu", "us"], "id": "agent-*"},
        {"dns": "hub.agents.example", "regions": ["*"], "id": "hub"}
    ]"#;
    let identities = AgentIdentities::new(&settings(&[("agents.identities", rules)]).agents);
    let by_uri = named(&["spiffe://corp/ns/pay/sa/agent-x"], &[]);
    assert!(may_be(&identities, &by_uri, "eu", "agent-1"));
    assert!(may_be(&identities, &by_uri, "us", "agent-2"));
    assert!(!may_be(&identities, &by_uri, "apac", "agent-1"));
    assert!(!may_be(&identities, &by_uri, "eu", "hub"));
    let by_name = named(&[], &["x.example", "Hub.Agents.example"]);
    assert!(may_be(&identities, &by_name, "apac", "hub"));
    assert!(!may_be(&identities, &by_name, "apac", "agent-1"));
    // A certificate with both names may be either.
    let both = named(&["spiffe://corp/ns/pay/sa/agent-x"], &["hub.agents.example"]);
    assert!(may_be(&identities, &both, "apac", "hub"));
    assert!(may_be(&identities, &both, "eu", "agent-1"));
    // Without a trust domain there is no convention; a common name is no name.
    let spiffe = named(&["spiffe://bank.example/postrider/agent/eu"], &[]);
    assert!(identities.find(&spiffe).is_err());
    assert!(identities.find(&named(&[], &["ahub.agents.example"])).is_err());
    let grants = identities.find(&by_uri).unwrap();
    let error = grants.check(&"apac".parse().unwrap(), &AgentId("hub".into())).unwrap_err();
    assert!(error.contains("region eu, us under ids agent-*"), "{error}");
}

#[test]
fn replicas_are_known_by_their_role() {
    let flags = [
        ("replicas.spiffe_trust_domain", "bank.example"),
        ("replicas.identities", r#"[{"dns": "replica-*", "id": "replica-*"}]"#),
    ];
    let identities = ReplicaIdentities::new(&settings(&flags).replicas);
    let of = |uri: &str| identities.find(&named(&[uri], &["10.0.0.1"]));
    assert!(of("spiffe://bank.example/postrider/replica").unwrap().permit("any"));
    let bound = of("spiffe://bank.example/postrider/replica/replica-1").unwrap();
    assert!(bound.permit("replica-1") && !bound.permit("replica-2"));
    for no_replica in [
        "spiffe://bank.example/postrider/agent/eu",
        "spiffe://bank.example/postrider/replicas",
        "spiffe://bank.example/postrider/replica/",
        "spiffe://bank.example/postrider/replica/a/b",
        "spiffe://other.example/postrider/replica",
    ] {
        assert!(of(no_replica).is_err(), "{no_replica}");
    }
    let by_rule = identities.find(&named(&[], &["replica-7.pods"])).unwrap();
    assert!(by_rule.permit("replica-7") && !by_rule.permit("other"));
}

#[tokio::test]
async fn who_has_expired_is_let_in_no_more() {
    let flags = [
        ("agents.spiffe_trust_domain", "bank.example"),
        ("replicas.spiffe_trust_domain", "bank.example"),
    ];
    let settings = settings(&flags);
    let agents = AgentIdentities::new(&settings.agents);
    let replicas = ReplicaIdentities::new(&settings.replicas);
    let hour = Duration::from_secs(3600);
    let request = |role: &str, not_after| {
        let uri = format!("spiffe://bank.example/postrider/{role}");
        let shown = CertificateNames { not_after, ..named(&[&uri], &[]) };
        let mut request = Request::new(());
        let (address, certificate) = (([127, 0, 0, 1], 1).into(), Some(Arc::new(shown)));
        request.extensions_mut().insert(ConnectionPeer::new(address, certificate));
        request
    };
    let (past, future) = (SystemTime::now() - hour, SystemTime::now() + hour);
    assert!(replicas.admit(request("replica", future)).is_ok());
    let admitted = agents.admit(request("agent/eu", future)).unwrap();
    let grants = admitted.extensions().get::<AgentGrants>().unwrap();
    assert!(grants.expired().now_or_never().is_none());
    let renewed = agents.admit(request("agent/eu", future + hour)).unwrap();
    let renewed = renewed.extensions().get::<AgentGrants>().unwrap();
    assert!(grants.holder().is_some() && grants.holder() == renewed.holder());
    for refused in
        [agents.admit(request("agent/eu", past)), replicas.admit(request("replica", past))]
    {
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused}");
        assert!(refused.message().contains("has expired"), "{refused}");
    }
    let unlimited = AgentGrants::unrestricted();
    assert!(unlimited.holder().is_none() && unlimited.expired().now_or_never().is_none());
}
