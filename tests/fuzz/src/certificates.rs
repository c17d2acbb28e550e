//! Certificates, and what the names in them make of their holder.

use std::sync::LazyLock;
use std::time::SystemTime;

use postrider::listeners::{AgentIdentities, ReplicaIdentities};
use postrider::settings::Settings;
use postrider_domain::ids::{AgentId, Region};
use postrider_tls::CertificateNames;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls_pki_types::CertificateDer;

use crate::target::texts;

const AGENT_PREFIX: &str = "spiffe://bank.example/postrider/agent/";
const REPLICA_PREFIX: &str = "spiffe://bank.example/postrider/replica";
/// Longest description of a certificate, in bytes: in a log line, and told to its holder.
const MAX_DESCRIPTION_BYTES: usize = 320;

struct KnownIdentities {
    agents: AgentIdentities,
    replicas: ReplicaIdentities,
}

static IDENTITIES: LazyLock<KnownIdentities> = LazyLock::new(|| {
    let text = "[agents]\nspiffe_trust_domain = \"bank.example\"\n\
                [replicas]\nspiffe_trust_domain = \"bank.example\"\n";
    let settings = Settings::parse(text, std::iter::empty()).expect("the example");
    KnownIdentities {
        agents: AgentIdentities::new(&settings.agents),
        replicas: ReplicaIdentities::new(&settings.replicas),
    }
});

/// A certificate in DER, whose chain would have been verified.
pub fn certificates(data: &[u8]) {
    if let Ok(names) = CertificateNames::parse(&CertificateDer::from(data)) {
        check_names(&names);
    }
}

/// The names of a certificate, a URI or a DNS name in each line.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (uris, dns_names) = text.lines().map(str::to_owned).partition(|line| line.contains(':'));
    check_names(&CertificateNames {
        uris,
        dns_names,
        common_name: text.lines().next().map(str::to_owned),
        subject: text.to_string(),
        not_after: SystemTime::UNIX_EPOCH,
    });
}

/// Nothing is an agent or a replica but what says so, alone, in the trust domain; and
/// nothing is both.
fn check_names(names: &CertificateNames) {
    let shown = names.description();
    assert!(shown.len() <= MAX_DESCRIPTION_BYTES && !shown.contains(char::is_control), "{shown}");
    let (agent, replica) = (IDENTITIES.agents.find(names), IDENTITIES.replicas.find(names));
    assert!(!(agent.is_ok() && replica.is_ok()), "an agent and a replica: {names:?}");
    if let Ok(grants) = agent {
        let path = only_uri(names).strip_prefix(AGENT_PREFIX).expect("an agent's URI");
        let (region, id) = path.split_once('/').unwrap_or((path, "anything"));
        let here = Region::from_stored(region);
        let check =
            |region: &Region, id: &str| grants.check(region, &AgentId::in_region(region, id));
        assert_eq!(check(&here, id), Ok(()));
        let elsewhere = Region::from_stored("another");
        assert!(region == "another" || check(&elsewhere, id).is_err());
        let is_bound = path.contains('/') && id != "another";
        assert!(!is_bound || check(&here, "another").is_err());
    }
    if replica.is_ok() {
        assert!(only_uri(names).starts_with(REPLICA_PREFIX), "{names:?}");
    }
}

fn only_uri(names: &CertificateNames) -> &str {
    let [uri] = names.uris.as_slice() else { panic!("by several URIs, or none: {names:?}") };
    uri
}

pub fn ders() -> Vec<Vec<u8>> {
    let made = |uris: &[&str]| {
        let mut params = CertificateParams::new(["pay.example".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, "agent-1");
        for uri in uris {
            let uri = (*uri).try_into().expect("a URI");
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    };
    vec![
        made(&["spiffe://bank.example/postrider/agent/eu/agent-1"]),
        made(&["spiffe://bank.example/postrider/replica"]),
        made(&["spiffe://bank.example/postrider/agent/eu", "https://pay.example/"]),
        made(&[]),
    ]
}

pub fn name_texts() -> Vec<Vec<u8>> {
    texts(&[
        "spiffe://bank.example/postrider/agent/eu",
        "spiffe://bank.example/postrider/agent/eu/agent-1\nagents.bank.example",
        "spiffe://bank.example/postrider/replica/one",
        "spiffe://bank.example/postrider/replica\nspiffe://bank.example/postrider/agent/eu",
        "spiffe://bank.example.org/postrider/agent/eu\nhttps://bank.example/postrider/agent/eu",
    ])
}
