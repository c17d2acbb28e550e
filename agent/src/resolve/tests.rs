//! Lookups against a scripted name server: shared, bounded, cached, stale while name
//! servers fail, and always checked by the guard.
#[path = "../../tests/support/name_server.rs"]
mod name_server;

use futures::future::join_all;
use tempfile::TempDir;

use super::*;
use name_server::{DnsReply, NameServer};

/// Of a look-up; shorter than it is by default.
const LIMIT: Duration = Duration::from_secs(2);
const FAR: &str = "93.184.216.34";
const ELSEWHERE: &str = "93.184.216.35";

fn address(written: &str) -> IpAddr {
    written.parse().unwrap()
}

fn limits() -> LookupLimits {
    LookupLimits { timeout: LIMIT, ..LookupLimits::default() }
}

/// A resolver with files of its own, which may not exist.
struct Asker {
    resolver: Resolver,
    files: TempDir,
}

impl Asker {
    fn with(server: &NameServer, limits: LookupLimits) -> Self {
        let files = tempfile::tempdir().unwrap();
        let way = LookupBackend::NameServers {
            servers: vec![server.address],
            resolv_conf: files.path().join("resolv.conf"),
            hosts: files.path().join("hosts"),
        };
        Self { resolver: Resolver::new(SubnetRules::default(), way, limits), files }
    }

    fn of(server: &NameServer) -> Self {
        Self::with(server, limits())
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.files.path().join(file), text).unwrap();
    }

    async fn ask_for(&self, name: &str, tenant: &str) -> ResolveResult {
        self.resolver.resolve(&Host::Domain(name.to_owned()), tenant).await.0
    }

    async fn ask(&self, name: &str) -> ResolveResult {
        self.ask_for(name, "acme").await
    }

    async fn first(&self, name: &str) -> String {
        self.ask(name).await.unwrap()[0].to_string()
    }

    /// Until the answer is as wanted; whatever has to end first ends by itself.
    async fn until(&self, name: &str, wanted: impl Fn(&ResolveResult) -> bool) {
        let began = Instant::now();
        while !wanted(&self.ask(name).await) {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", self.ask(name).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "waited for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn refused(answer: &ResolveResult) -> bool {
    matches!(answer, Err(ResolveError::Refused(_)))
}

fn not_found(answer: &ResolveResult) -> bool {
    matches!(answer, Err(ResolveError::NotFound { .. }))
}

#[tokio::test]
async fn a_mixed_answer_is_refused_as_a_whole() {
    let server = NameServer::start().await;
    let asker = Asker::of(&server);
    let mixed = [[FAR, "10.0.0.7"], ["10.0.0.7", FAR], [FAR, "::1"]];
    for (number, mixed) in mixed.into_iter().enumerate() {
        let name = format!("mixed-{number}.example");
        server.reply(&name, DnsReply::Addresses(mixed.map(address).to_vec(), 60));
        assert!(refused(&asker.ask(&name).await), "{mixed:?}");
        assert!(refused(&asker.ask(&name).await), "{mixed:?}, remembered");
    }
    // However many there are, and wherever the refused one stands.
    let mut many: Vec<IpAddr> = (0..200).map(|n| IpAddr::from([93, 184, 216, n])).collect();
    many.push(address("169.254.169.254"));
    server.reply("many.example", DnsReply::Addresses(many, 60));
    assert!(refused(&asker.ask("many.example").await));
}

#[tokio::test]
async fn literals_are_judged_too() {
    let resolver =
        Resolver::new(SubnetRules::default(), LookupBackend::System, LookupLimits::default());
    for host in [
        Host::Ipv4("127.0.0.1".parse().unwrap()),
        Host::Ipv6("::1".parse().unwrap()),
        Host::Ipv6("::ffff:10.0.0.1".parse().unwrap()),
    ] {
        let (answer, _) = resolver.resolve(&host, "acme").await;
        assert!(refused(&answer), "{host}");
    }
}

#[tokio::test]
async fn the_c_library_can_be_asked_instead() {
    let host = |name: &str| Host::Domain(name.to_owned());
    let refusing = Resolver::new(SubnetRules::default(), LookupBackend::System, limits());
    assert!(refused(&refusing.resolve(&host("localhost"), "acme").await.0));
    let missing = refusing.resolve(&host("no-such-host.invalid"), "acme").await.0;
    assert!(not_found(&missing), "{missing:?}");

    let subnets = ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    let accepting = Resolver::new(SubnetRules::allowing(subnets), LookupBackend::System, limits());
    let (first, looked_up) = accepting.resolve(&host("localhost"), "acme").await;
    assert!(looked_up);
    let (second, looked_up_again) = accepting.resolve(&host("localhost"), "acme").await;
    assert!(!looked_up_again);
    assert_eq!(first, second);
    assert!(first.unwrap().iter().all(IpAddr::is_loopback));
}

#[tokio::test]
async fn all_who_wait_share_one_look_up() {
    let server = NameServer::start().await;
    let late = Duration::from_millis(100);
    server.reply("pay.example", DnsReply::Late(late, vec![address(FAR)], 60));
    let asker = Asker::of(&server);
    let tenants: Vec<String> = (0..100).map(|number| format!("tenant-{number}")).collect();
    let answers = join_all(tenants.iter().map(|tenant| asker.ask_for("pay.example", tenant))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap()[..] == [address(FAR)]));
    assert_eq!(server.questions("pay.example"), 1);
}

#[tokio::test]
async fn a_look_up_outlives_the_attempt_that_asked() {
    let server = NameServer::start().await;
    // Not so late that a look-up repeats its question.
    let late = Duration::from_millis(100);
    server.reply("slow.example", DnsReply::Late(late, vec![address(FAR)], 60));
    let asker = Asker::of(&server);
    // Given up once the name server has been asked.
    let asked = until("the question", || server.questions("slow.example") > 0);
    tokio::select! {
        biased;
        () = asked => {}
        early = asker.ask("slow.example") => panic!("{early:?}"),
    }
    assert_eq!(asker.first("slow.example").await, FAR);
    assert_eq!(server.questions("slow.example"), 1);
}

#[tokio::test]
async fn an_old_answer_is_used_while_name_servers_fail_but_not_for_a_name_that_is_gone() {
    let server = NameServer::start().await;
    let asker = Asker::of(&server);
    for failing in [DnsReply::Failure, DnsReply::Silence] {
        server.reply("pay.example", DnsReply::Addresses(vec![address(FAR)], 1));
        asker.until("pay.example", Result::is_ok).await;
        server.reply("pay.example", failing);
        let asked = server.questions("pay.example");
        let began = Instant::now();
        while server.questions("pay.example") == asked {
            assert_eq!(asker.first("pay.example").await, FAR);
            assert!(began.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Name servers are asked again; nobody waits for them.
        for _ in 0..20 {
            assert_eq!(asker.first("pay.example").await, FAR);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    server.reply("pay.example", DnsReply::NoSuchName);
    asker.until("pay.example", not_found).await;
    server.point("pay.example", ELSEWHERE);
    asker.until("pay.example", Result::is_ok).await;
    assert_eq!(asker.first("pay.example").await, ELSEWHERE);
}

/// What one customer's names cost another: nothing.
#[tokio::test]
async fn names_that_never_answer_cost_a_neighbour_nothing() {
    let server = NameServer::start().await;
    server.reply("slow.example", DnsReply::Silence);
    server.reply("well.example", DnsReply::Addresses(vec![address(FAR)], 60));
    let per_tenant = limits().per_tenant;
    let asker = Asker::with(&server, LookupLimits { timeout: LIMIT * 30, ..limits() });
    let slow: Vec<String> = (0..1_000).map(|number| format!("n{number}.slow.example")).collect();
    let asked = || slow.iter().filter(|name| server.questions(name) > 0).count();
    let share = until("the share of one tenant", || asked() >= per_tenant);
    tokio::select! {
        biased;
        () = share => {}
        answers = join_all(slow.iter().map(|name| asker.ask_for(name, "slow"))) => {
            panic!("{} answers", answers.len())
        }
    }

    let neighbours: Vec<(String, String)> = (0..200)
        .map(|number| (format!("n{number}.well.example"), format!("tenant-{number}")))
        .collect();
    let answers = join_all(neighbours.iter().map(|(name, tenant)| asker.ask_for(name, tenant)));
    assert!(answers.await.iter().all(Result::is_ok));
    // Nor does it matter that the slow one has asked for the same name.
    let slow_too = timeout(Duration::from_millis(20), asker.ask_for("x.well.example", "slow"));
    assert!(slow_too.await.is_err());
    assert!(asker.ask_for("x.well.example", "tenant-1").await.is_ok());
    assert_eq!(asked(), per_tenant, "its share, of which no look-up has ended");
}

#[tokio::test]
async fn an_address_is_not_kept_waiting_by_the_other_family() {
    let server = NameServer::start().await;
    server.reply("half.example", DnsReply::OnlyV4(vec![address(FAR)], 60));
    let asker = Asker::of(&server);
    // The other family is asked for longer than a look-up may take.
    assert_eq!(asker.first("half.example").await, FAR);
}

#[tokio::test]
async fn the_search_list_and_the_hosts_file_are_those_of_the_system() {
    let server = NameServer::start().await;
    server.point("pay.shop.example", FAR);
    server.point("api.pay", ELSEWHERE);
    server.point("api.pay.shop.example", FAR);
    let asker = Asker::of(&server);
    asker.write("resolv.conf", "search other.example shop.example\n");
    asker.write("hosts", "# of the system\n93.184.216.40 fixed.example Fixed\n");
    assert_eq!(asker.first("pay").await, FAR);
    // With as many dots as `ndots` a name is first taken as it is.
    assert_eq!(asker.first("api.pay").await, ELSEWHERE);
    assert_eq!(asker.first("fixed").await, "93.184.216.40");
    assert_eq!(asker.first("fixed.example").await, "93.184.216.40");
    assert_eq!(server.questions("fixed.example"), 0);
    let absolute = asker.ask("pay.").await;
    assert!(not_found(&absolute), "{absolute:?}");
}

#[tokio::test]
async fn a_change_of_the_system_s_files_is_seen() {
    let server = NameServer::start().await;
    let asker = Asker::of(&server);
    asker.write("hosts", "93.184.216.40 pay.example\n");
    assert_eq!(asker.first("pay.example").await, "93.184.216.40");
    asker.write("hosts", "93.184.216.41 pay.example two.example\n");
    let moved = address("93.184.216.41");
    asker.until("pay.example", |answer| answer.as_ref().is_ok_and(|all| all[0] == moved)).await;
}

#[tokio::test]
async fn an_unknown_name_is_not_found() {
    let server = NameServer::start().await;
    let asker = Asker::of(&server);
    let answer = asker.ask("no-such-host.example").await;
    assert!(answer.unwrap_err().to_string().contains("the name does not exist"));
}
