//! What a certificate says that its holder is.
//!
//! Fed by the names in certificates whose chain is verified; feeds the doors of agents and
//! replicas. By the convention a SPIFFE id of the configured trust domain says it,
//!
//! ```text
//! spiffe://DOMAIN/postrider/agent/REGION        an agent of the region, under any id
//! spiffe://DOMAIN/postrider/agent/REGION/ID     this one
//! spiffe://DOMAIN/postrider/replica             a replica
//! spiffe://DOMAIN/postrider/replica/ID          this one
//! ```
//!
//! and beside it the rules of the configuration, for names that are given already.
//! Guarantees that nothing is an agent or a replica that neither names, and nobody any more
//! whose certificate has expired.
//!
//! Keeps the invariant `certificate-says-who`.

use std::sync::Arc;
use std::time::SystemTime;

use postrider_domain::ids::{AgentId, Region};
use postrider_tls::CertificateNames;
use tonic::{Code, Request, Status};

use super::connection::ConnectionPeer;
use super::denials::{DenialLog, status_with_reason};
use super::door::{Door, HolderCheck};
use super::expiry;
use crate::settings::{
    AgentCertificateRule, AgentsSettings, PREFIX_MARK, ReplicaCertificateRule, ReplicasSettings,
};

/// A whole text, or how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NamePattern {
    Exact(String),
    Prefix(String),
}

impl NamePattern {
    fn parse(text: &str) -> Self {
        match text.strip_suffix(PREFIX_MARK) {
            Some(start) => Self::Prefix(start.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }

    fn any() -> Self {
        Self::Prefix(String::new())
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => whole == text,
            Self::Prefix(start) => text.starts_with(start),
        }
    }

    /// For a message.
    fn shown(&self) -> String {
        match self {
            Self::Exact(whole) => format!("id {whole}"),
            Self::Prefix(start) if start.is_empty() => "any id".to_owned(),
            Self::Prefix(start) => format!("ids {start}{PREFIX_MARK}"),
        }
    }
}

/// A subject alternative name that a rule asks for.
#[derive(Clone, Debug)]
enum SubjectPattern {
    Uri(NamePattern),
    Dns(NamePattern),
}

impl SubjectPattern {
    fn new(uri: &str, dns: &str) -> Self {
        if uri.is_empty() {
            Self::Dns(NamePattern::parse(&dns.to_ascii_lowercase()))
        } else {
            Self::Uri(NamePattern::parse(uri))
        }
    }

    fn matches(&self, names: &CertificateNames) -> bool {
        match self {
            Self::Uri(pattern) => names.uris.iter().any(|uri| pattern.matches(uri)),
            Self::Dns(pattern) => {
                names.dns_names.iter().any(|name| pattern.matches(&name.to_ascii_lowercase()))
            }
        }
    }
}

/// The path of a certificate's SPIFFE id below `/postrider/`, if it is of the trust domain.
/// A certificate with several URIs has no SPIFFE id.
fn spiffe_path<'a>(trust_domain: &str, names: &'a CertificateNames) -> Option<&'a str> {
    let [uri] = names.uris.as_slice() else { return None };
    let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    let is_ours = !trust_domain.is_empty() && domain == trust_domain;
    is_ours.then(|| path.strip_prefix("postrider/"))?
}

/// What an agent may be by one name of its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AgentGrant {
    /// `None`: all.
    regions: Option<Vec<Region>>,
    id: NamePattern,
}

impl AgentGrant {
    fn shown(&self) -> String {
        let id = self.id.shown();
        match &self.regions {
            None => format!("any region under {id}"),
            Some(regions) => {
                let regions: Vec<String> = regions.iter().map(Region::to_string).collect();
                format!("region {} under {id}", regions.join(", "))
            }
        }
    }
}

/// What the agent at the other end of a connection may be. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AgentGrants {
    grants: Arc<[AgentGrant]>,
    /// The certificate's names, for messages.
    shown: Arc<str>,
    /// `None`: the door has no TLS.
    certificate: Option<ShownCertificate>,
}

/// What is kept of the certificate that an agent showed.
#[derive(Clone, Debug)]
struct ShownCertificate {
    /// All of its names: the same for one that replaces it.
    holder: Arc<str>,
    not_after: SystemTime,
}

impl AgentGrants {
    /// For agents of this machine, where the door has no TLS.
    pub fn unrestricted() -> Self {
        let anything = AgentGrant { regions: None, id: NamePattern::any() };
        Self { grants: Arc::new([anything]), shown: "none".into(), certificate: None }
    }

    /// Whose certificate was shown, if one was; the same when it is renewed.
    pub fn holder(&self) -> Option<Arc<str>> {
        self.certificate.as_ref().map(|certificate| Arc::clone(&certificate.holder))
    }

    /// Completes when the certificate has expired; never without one.
    pub async fn expired(&self) {
        match &self.certificate {
            Some(certificate) => expiry::wait_until(certificate.not_after).await,
            None => std::future::pending().await,
        }
    }

    /// Whether an agent may serve a region under an id; an error says what is allowed.
    pub fn check(&self, region: &Region, agent: &AgentId) -> Result<(), String> {
        let mut grants = self.grants.iter();
        let is_granted = grants.any(|grant| {
            grant.regions.as_ref().is_none_or(|regions| regions.contains(region))
                && grant.id.matches(agent.name())
        });
        if is_granted {
            return Ok(());
        }
        let allowed: Vec<String> = self.grants.iter().map(AgentGrant::shown).collect();
        Err(format!(
            "agent {} may not serve region {region}: its certificate ({}) allows {}",
            agent.name(),
            self.shown,
            allowed.join(", and ")
        ))
    }
}

/// Which certificates are agents'.
pub struct AgentIdentities {
    trust_domain: String,
    rules: Vec<(SubjectPattern, AgentGrant)>,
    denials: DenialLog,
}

impl AgentIdentities {
    pub fn new(settings: &AgentsSettings) -> Self {
        let rule = |rule: &AgentCertificateRule| {
            let subject = SubjectPattern::new(&rule.uri, &rule.dns);
            let named = || rule.regions.iter().filter_map(|region| region.parse().ok()).collect();
            let regions = (!rule.is_of_all_regions()).then(named);
            (subject, AgentGrant { regions, id: NamePattern::parse(&rule.id) })
        };
        let rules = settings.identities.iter().map(rule).collect();
        let trust_domain = settings.spiffe_trust_domain.clone();
        Self { trust_domain, rules, denials: DenialLog::default() }
    }

    /// What the holder of a certificate may be; an error if that is no agent.
    pub fn find(&self, names: &CertificateNames) -> Result<AgentGrants, String> {
        let by_rule = self.rules.iter().filter(|(subject, _)| subject.matches(names));
        let mut grants: Vec<AgentGrant> = by_rule.map(|(_, grant)| grant.clone()).collect();
        grants.extend(self.by_spiffe_id(names));
        let shown = names.description();
        if grants.is_empty() {
            return Err(format!(
                "the certificate ({shown}) is no agent's: agents.spiffe_trust_domain and \
                 agents.identities say which are"
            ));
        }
        let (holder, not_after) = (names.holder().into(), names.not_after);
        let certificate = Some(ShownCertificate { holder, not_after });
        Ok(AgentGrants { grants: grants.into(), shown: shown.into(), certificate })
    }

    /// Whether the holder of a certificate is an agent.
    pub fn holders(self: &Arc<Self>) -> HolderCheck {
        let identities = Arc::clone(self);
        Arc::new(move |names: &CertificateNames| identities.find(names).is_ok())
    }

    fn by_spiffe_id(&self, names: &CertificateNames) -> Option<AgentGrant> {
        let path = spiffe_path(&self.trust_domain, names)?.strip_prefix("agent/")?;
        let (region, id) = match path.split_once('/') {
            None => (path, NamePattern::any()),
            Some((region, id)) => (region, exact_id(id)?),
        };
        Some(AgentGrant { regions: Some(vec![region.parse().ok()?]), id })
    }

    /// Lets in a request whose connection showed an agent's certificate, with what its
    /// holder may be among its extensions.
    pub fn admit(&self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let found = self.find(shown_certificate(&request)?);
        let grants = found.map_err(|reason| self.denials.refuse(Door::Agents, reason))?;
        request.extensions_mut().insert(grants);
        Ok(request)
    }
}

/// What the replica at the other end of a connection may be called. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaGrants(Arc<[NamePattern]>);

impl ReplicaGrants {
    /// For replicas of this machine, where the door has no TLS.
    pub fn unrestricted() -> Self {
        Self(Arc::new([NamePattern::any()]))
    }

    /// Whether it may have this id.
    pub fn permit(&self, replica_id: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(replica_id))
    }
}

/// Which certificates are replicas'.
pub struct ReplicaIdentities {
    trust_domain: String,
    rules: Vec<(SubjectPattern, NamePattern)>,
    denials: DenialLog,
}

impl ReplicaIdentities {
    pub fn new(settings: &ReplicasSettings) -> Self {
        let rule = |rule: &ReplicaCertificateRule| {
            (SubjectPattern::new(&rule.uri, &rule.dns), NamePattern::parse(&rule.id))
        };
        let rules = settings.identities.iter().map(rule).collect();
        let trust_domain = settings.spiffe_trust_domain.clone();
        Self { trust_domain, rules, denials: DenialLog::default() }
    }

    /// What the holder of a certificate may be called; an error if that is no replica.
    pub fn find(&self, names: &CertificateNames) -> Result<ReplicaGrants, String> {
        let by_rule = self.rules.iter().filter(|(subject, _)| subject.matches(names));
        let mut ids: Vec<NamePattern> = by_rule.map(|(_, id)| id.clone()).collect();
        ids.extend(self.by_spiffe_id(names));
        if ids.is_empty() {
            return Err(format!(
                "the certificate ({}) is no replica's: replicas.spiffe_trust_domain and \
                 replicas.identities say which are",
                names.description()
            ));
        }
        Ok(ReplicaGrants(ids.into()))
    }

    /// As [`AgentIdentities::holders`], for replicas.
    pub fn holders(self: &Arc<Self>) -> HolderCheck {
        let identities = Arc::clone(self);
        Arc::new(move |names: &CertificateNames| identities.find(names).is_ok())
    }

    fn by_spiffe_id(&self, names: &CertificateNames) -> Option<NamePattern> {
        match spiffe_path(&self.trust_domain, names)?.strip_prefix("replica")? {
            "" => Some(NamePattern::any()),
            rest => exact_id(rest.strip_prefix('/')?),
        }
    }

    /// As [`AgentIdentities::admit`], for replicas.
    pub fn admit(&self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let found = self.find(shown_certificate(&request)?);
        let grants = found.map_err(|reason| self.denials.refuse(Door::Replicas, reason))?;
        request.extensions_mut().insert(grants);
        Ok(request)
    }
}

fn exact_id(id: &str) -> Option<NamePattern> {
    let is_segment = !id.is_empty() && !id.contains('/');
    is_segment.then(|| NamePattern::Exact(id.to_owned()))
}

fn shown_certificate(request: &Request<()>) -> Result<&CertificateNames, Status> {
    let peer = request.extensions().get::<ConnectionPeer>();
    let shown = peer.and_then(|peer| peer.certificate.as_deref());
    // The handshake fails without one; this is for a door that was put together wrongly.
    let refused =
        |message: String| status_with_reason(Code::Unauthenticated, "UNAUTHENTICATED", message);
    let shown = shown.ok_or_else(|| refused("a client certificate is required".to_owned()))?;
    // It was valid at the handshake, and the connection may be old.
    match expiry::has_expired(shown.not_after) {
        true => Err(refused(format!(
            "the certificate ({}) has expired; connect again with one that is valid",
            shown.description()
        ))),
        false => Ok(shown),
    }
}

#[cfg(test)]
#[path = "identities_tests.rs"]
mod tests;
