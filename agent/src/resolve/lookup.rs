//! Two ways to look up a name: asking name servers directly, or the C library.
//!
//! An answer is for one name: the first in the order of the system's search list that
//! has an address of either family. No guard check and no caching happens here.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::time::timeout;

use crate::limits::LookupBackend;

use super::lookup_result::{LookupAnswer, LookupFailure};
use super::system_files::{FileStamps, SystemFiles};

/// No name server has longer for one try. So that within `dns.lookup_timeout_milliseconds`
/// (5 s) a second server is asked.
const MAX_QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Over one TCP connection; more than there are look-ups.
const MAX_ACTIVE_REQUESTS: usize = 1_024;
/// Once a name has addresses of one family, the other family's answer has this long.
/// Longer than the Resolution Delay of RFC 8305, section 8: the answer is kept.
const OTHER_FAMILY_DELAY: Duration = Duration::from_millis(250);
/// What the C library does not tell: how long its answer holds. Short, since a name that
/// moves should be followed; long enough that a busy receiver costs a thread seldom.
const LIBC_ANSWER_TTL: Duration = Duration::from_secs(5);
/// Of the hosts file, which is looked at again that often.
const HOSTS_FILE_TTL: Duration = Duration::from_secs(5);

/// Looks names up in one of the ways.
pub enum LookupClient {
    NameServers(Box<NameServerClient>),
    System,
}

impl LookupClient {
    /// Opens nothing.
    pub fn new(way: LookupBackend) -> Self {
        match way {
            LookupBackend::NameServers { servers, resolv_conf, hosts } => {
                let files = SystemFiles::new(resolv_conf, hosts);
                let loaded = tokio::sync::Mutex::new(None);
                Self::NameServers(Box::new(NameServerClient { servers, files, loaded }))
            }
            LookupBackend::System => Self::System,
        }
    }

    /// Whether a look-up goes on, and holds a thread, after it was given up.
    pub fn continues_after_timeout(&self) -> bool {
        matches!(self, Self::System)
    }

    /// Every address of `name`, those with a route first and the families in turn.
    pub async fn look_up(&self, name: &str) -> Result<LookupAnswer, LookupFailure> {
        match self {
            Self::NameServers(servers) => servers.look_up(name).await,
            Self::System => look_up_with_libc(name).await,
        }
    }
}

async fn look_up_with_libc(name: &str) -> Result<LookupAnswer, LookupFailure> {
    let found = tokio::net::lookup_host((name, 0)).await;
    // EAI_NONAME and EAI_AGAIN arrive as one kind of error: an old answer is better.
    let found = found.map_err(|error| LookupFailure::temporary(error.to_string()))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    match addresses.is_empty() {
        true => Err(no_address()),
        // Sorted by RFC 6724 already.
        false => Ok(found_addresses(interleave_families(addresses), LIBC_ANSWER_TTL)),
    }
}

fn no_address() -> LookupFailure {
    LookupFailure { is_definitive: true, cause: "the name has no address".to_owned() }
}

fn found_addresses(addresses: Vec<IpAddr>, time_to_live: Duration) -> LookupAnswer {
    LookupAnswer { addresses: addresses.into(), time_to_live }
}

/// Asks name servers.
pub struct NameServerClient {
    servers: Vec<SocketAddr>,
    files: SystemFiles,
    loaded: tokio::sync::Mutex<Option<(FileStamps, LoadedConfig)>>,
}

/// What the system's files say, ready to use.
#[derive(Clone)]
struct LoadedConfig {
    resolver: TokioResolver,
    hosts: std::sync::Arc<Hosts>,
    search: std::sync::Arc<[Name]>,
    ndots: usize,
}

impl NameServerClient {
    async fn look_up(&self, name: &str) -> Result<LookupAnswer, LookupFailure> {
        let host = Name::from_ascii(name)
            .map_err(|error| LookupFailure { is_definitive: true, cause: error.to_string() })?;
        let loaded = self.loaded().await.map_err(LookupFailure::temporary)?;
        if let Some(found) = loaded.in_hosts_file(&host) {
            return Ok(found);
        }
        let mut failure = None;
        for candidate in loaded.candidates(&host) {
            match loaded.ask(&candidate).await {
                Ok(found) => return Ok(found),
                // That a server failed says more than that another name does not exist.
                Err(error) => failure = Some(prefer_server_failure(failure, error)),
            }
        }
        Err(failure.unwrap_or_else(no_address))
    }

    /// What the files say now.
    async fn loaded(&self) -> Result<LoadedConfig, String> {
        let mut loaded = self.loaded.lock().await;
        let stamps = self.files.stamps().await;
        if let Some((read, ready)) = &*loaded
            && *read == stamps
        {
            return Ok(ready.clone());
        }
        match self.load().await {
            Ok(ready) => {
                *loaded = Some((stamps, ready.clone()));
                Ok(ready)
            }
            Err(error) => match &*loaded {
                Some((_, before)) => {
                    tracing::warn!(%error, "the system's resolver settings are not usable; keeping the previous ones");
                    let before = before.clone();
                    *loaded = Some((stamps, before.clone()));
                    Ok(before)
                }
                None => Err(error),
            },
        }
    }

    async fn load(&self) -> Result<LoadedConfig, String> {
        let (system, mut options) = self.files.resolver_settings().await?;
        let servers = match self.servers.is_empty() {
            true => system.name_servers().to_vec(),
            false => self.servers.iter().map(|address| name_server(*address)).collect(),
        };
        options.timeout = options.timeout.min(MAX_QUERY_TIMEOUT);
        options.use_hosts_file = ResolveHosts::Never;
        // How many there are at once, what is kept and for how long: decided in `names`.
        options.max_active_requests = MAX_ACTIVE_REQUESTS;
        options.cache_size = 0;
        let search: Vec<Name> =
            system.domain().into_iter().chain(system.search()).cloned().collect();
        let ndots = options.ndots;
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let provider = TokioRuntimeProvider::default();
        let resolver = TokioResolver::builder_with_config(config, provider)
            .with_options(options)
            .build()
            .map_err(|error| error.to_string())?;
        let hosts = self.files.hosts().await.into();
        Ok(LoadedConfig { resolver, hosts, search: search.into(), ndots })
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        let connection: &mut ConnectionConfig = connection;
        connection.port = address.port();
    }
    server
}

impl LoadedConfig {
    fn in_hosts_file(&self, host: &Name) -> Option<LookupAnswer> {
        let of = |family| {
            let found = self.hosts.lookup_static_host(&Query::query(host.clone(), family));
            let found = found.into_iter();
            found.flat_map(|record| {
                record
                    .answers()
                    .iter()
                    .filter_map(|answer| answer.data.ip_addr())
                    .collect::<Vec<_>>()
            })
        };
        let addresses: Vec<IpAddr> = of(RecordType::AAAA).chain(of(RecordType::A)).collect();
        let found = || found_addresses(order_by_route(addresses.clone()), HOSTS_FILE_TTL);
        (!addresses.is_empty()).then(found)
    }

    /// The names that a host may mean, as resolv.conf(5) says: `ndots`, `search`.
    fn candidates(&self, host: &Name) -> Vec<Name> {
        let mut itself = host.clone();
        itself.set_fqdn(true);
        if host.is_fqdn() {
            return vec![itself];
        }
        let searched =
            self.search.iter().filter_map(|domain| host.clone().append_domain(domain).ok());
        let dots = usize::from(host.num_labels()).saturating_sub(1);
        match dots >= self.ndots {
            true => std::iter::once(itself).chain(searched).collect(),
            false => searched.chain([itself]).collect(),
        }
    }

    /// Both families of one name.
    async fn ask(&self, name: &Name) -> Result<LookupAnswer, LookupFailure> {
        let v6 = self.ask_for(name, RecordType::AAAA);
        let v4 = self.ask_for(name, RecordType::A);
        tokio::pin!(v6, v4);
        let (v6, v4) = tokio::select! {
            first = &mut v6 => {
                let other = await_other_family(&first, v4).await;
                (first, other)
            }
            first = &mut v4 => {
                let other = await_other_family(&first, v6).await;
                (other, first)
            }
        };
        match (v6, v4) {
            (Ok(v6), Ok(v4)) => {
                let time_to_live = v6.1.min(v4.1);
                Ok(found_addresses(order_by_route([v6.0, v4.0].concat()), time_to_live))
            }
            (Ok((addresses, time_to_live)), Err(_)) | (Err(_), Ok((addresses, time_to_live))) => {
                Ok(found_addresses(order_by_route(addresses), time_to_live))
            }
            (Err(v6), Err(v4)) => Err(prefer_server_failure(Some(v4), v6)),
        }
    }

    async fn ask_for(&self, name: &Name, family: RecordType) -> FamilyResult {
        let lookup = self.resolver.lookup(name.clone(), family).await.map_err(lookup_failure)?;
        let seconds = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
        let addresses: Vec<IpAddr> =
            lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
        match addresses.is_empty() {
            true => Err(no_address()),
            false => Ok((addresses, Duration::from_secs(seconds.into()))),
        }
    }
}

/// Addresses of one family and how long they hold.
type FamilyResult = Result<(Vec<IpAddr>, Duration), LookupFailure>;

/// The second answer: not waited for without end beside a first that will do.
async fn await_other_family(
    first: &FamilyResult,
    second: impl Future<Output = FamilyResult>,
) -> FamilyResult {
    match first {
        Ok(_) => timeout(OTHER_FAMILY_DELAY, second).await.unwrap_or_else(|_| Err(no_answer())),
        Err(_) => second.await,
    }
}

fn no_answer() -> LookupFailure {
    LookupFailure::temporary("no name server answered in time")
}

fn prefer_server_failure(before: Option<LookupFailure>, now: LookupFailure) -> LookupFailure {
    match before {
        Some(before) if now.is_definitive || !before.is_definitive => before,
        _ => now,
    }
}

fn lookup_failure(error: NetError) -> LookupFailure {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => {
            match response_code {
                ResponseCode::NXDomain => {
                    let cause = "the name does not exist".to_owned();
                    LookupFailure { is_definitive: true, cause }
                }
                ResponseCode::NoError => no_address(),
                code => LookupFailure::temporary(format!("the name servers answered: {code}")),
            }
        }
        NetError::Timeout => no_answer(),
        other => LookupFailure::temporary(other.to_string()),
    }
}

/// Those with a route first, as RFC 6724, rule 1, has it; the families in turn.
fn order_by_route(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let (reachable, unreachable): (Vec<_>, Vec<_>) = addresses.into_iter().partition(has_route);
    let mut ordered = interleave_families(reachable);
    ordered.extend(interleave_families(unreachable));
    ordered
}

/// Whether the system would send to an address; nothing is sent.
fn has_route(address: &IpAddr) -> bool {
    let any: SocketAddr = match address {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => ([0; 8], 0).into(),
    };
    // Any port: a datagram socket that is connected asks for a route and no more.
    UdpSocket::bind(any).and_then(|socket| socket.connect((*address, 9))).is_ok()
}

/// The families in turn, beginning with the first one's (RFC 8305, section 4).
fn interleave_families(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (mut first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut interleaved = Vec::with_capacity(first.len() + second.len());
    for address in first.drain(..) {
        interleaved.push(address);
        interleaved.extend(second.next());
    }
    interleaved.extend(second);
    interleaved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(written: &[&str]) -> Vec<IpAddr> {
        written.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        for (found, interleaved) in [
            (
                &["2600::1", "2600::2", "9.0.0.1", "9.0.0.2"][..],
                ["2600::1", "9.0.0.1", "2600::2", "9.0.0.2"],
            ),
            (
                &["9.0.0.1", "9.0.0.2", "9.0.0.3", "2600::1"],
                ["9.0.0.1", "2600::1", "9.0.0.2", "9.0.0.3"],
            ),
            (
                &["2600::1", "9.0.0.1", "9.0.0.2", "9.0.0.3"],
                ["2600::1", "9.0.0.1", "9.0.0.2", "9.0.0.3"],
            ),
        ] {
            assert_eq!(interleave_families(addresses(found)), addresses(&interleaved));
        }
        assert!(interleave_families(Vec::new()).is_empty());
    }

    #[test]
    fn what_a_server_failed_at_is_told_rather_than_what_does_not_exist() {
        let told = prefer_server_failure(Some(no_address()), no_answer());
        assert_eq!(told, no_answer());
        assert_eq!(prefer_server_failure(Some(no_answer()), no_address()), no_answer());
    }
}
