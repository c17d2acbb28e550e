//! The page on backups, followed to the end: what it restores, and what it says of the rest.
//!
//! Fed by the marked blocks of `docs/backup.md`; feeds shells, PostgreSQL's own programs and
//! sqlite3. Guarantees that each block of an engine is run, that what had ended stays so,
//! that what was in flight is sent once more, and that what came after the moment is not
//! there: as the page tells it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use postrider_proto::v1::{
    AttemptOutcome, DeliveryState, GetEventRequest, PublishEventResponse, Subscription,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::postgres::{Server, Stop};
use postrider_tests::process;
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Gate, held, ok};
use sqlx::{Connection, PgConnection};
use tonic::Code;

const BACKUP_PAGE: &str = include_str!("../../docs/backup.md");
const CODE_FENCE: &str = "```";
const MARK: &str = "```sh ";
const HOOK_PATH: &str = "/hooks";
/// A lease, an agent's silence and a retry, on a busy machine.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// The marked blocks by their marks, without their indentation.
pub fn marked_blocks(page: &str) -> BTreeMap<&str, String> {
    let mut blocks = BTreeMap::new();
    let mut lines = page.lines();
    while let Some(opening) = lines.next() {
        let Some(mark) = opening.trim_start().strip_prefix(MARK) else { continue };
        let indent = opening.len() - opening.trim_start().len();
        let block = lines.by_ref().take_while(|line| line.trim_start() != CODE_FENCE);
        let block: Vec<_> =
            block.map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect();
        assert!(blocks.insert(mark, block.join("\n")).is_none(), "{mark} stands twice");
    }
    blocks
}

/// The blocks of the page, each to be run once.
struct BackupPage(BTreeMap<&'static str, String>);

impl BackupPage {
    /// Those that a test of an engine runs.
    fn of(engine: &str) -> Self {
        let mut blocks = marked_blocks(BACKUP_PAGE);
        blocks.retain(|mark, _| [engine, "postrider"].iter().any(|first| mark.starts_with(first)));
        Self(blocks)
    }

    fn take(&mut self, mark: &str) -> String {
        self.0.remove(mark).unwrap_or_else(|| panic!("no block {mark:?} on the page"))
    }

    fn assert_all_run(&self) {
        assert!(self.0.is_empty(), "not run: {:?}", self.0.keys());
    }
}

/// Runs a block in a shell that ends with the first command that fails.
async fn run(block: String, mut command: Command) {
    command.args(["sh", "-euc", &block]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, told) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{block}\n{said}{told}");
    assert!(output.status.success(), "{block}\nended with {}: {said}{told}", output.status);
}

/// `postrider` as an operator has it on the PATH.
async fn list_keys(page: &mut BackupPage, database_url: &str, keys: &Path) {
    let folder = process::binary("postrider").unwrap().parent().unwrap().to_owned();
    let mut command = process::without_settings(Command::new("env"));
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", folder.display()));
    command.env("DATABASE_URL", database_url).env("KEYS", keys);
    run(page.take("postrider keys"), command).await;
}

/// What happens around the moment of the backup.
struct BackupStory {
    api: Api,
    receiver: Receiver,
    gate: Gate,
    tenant: String,
    ended: PublishEventResponse,
    in_flight: PublishEventResponse,
}

impl BackupStory {
    /// One delivery ends before the moment, and one is in flight.
    async fn begin(cluster: &Cluster) -> Self {
        let mut api = cluster.api().unwrap();
        let receiver = cluster.receiver().await.unwrap();
        let tenant = api.create_tenant("acme").await.unwrap();
        let wanted = Subscription {
            region: "regions/eu".to_owned(),
            retry_policy: Some(fixed_delays(&[RETRY_DELAY; 40]).unwrap()),
            ..subscription(&receiver.url(HOOK_PATH), &["*"])
        };
        api.subscribe(&tenant, wanted).await.unwrap();
        let ended = publish(&mut api, &tenant, "ended").await;
        wait_until_delivered(&api, &ended).await;
        let gate = Gate::closed();
        receiver.script(HOOK_PATH, [held(&gate)]);
        let in_flight = publish(&mut api, &tenant, "in-flight").await;
        receiver.wait_for_at(HOOK_PATH, 2, SETTLE_LIMIT).await.unwrap();
        Self { api, receiver, gate, tenant, ended, in_flight }
    }

    /// What was in flight ends, and another event comes and is delivered.
    async fn go_on(&mut self) -> PublishEventResponse {
        self.gate.open();
        wait_until_delivered(&self.api, &self.in_flight).await;
        self.receiver.script(HOOK_PATH, [ok()]);
        let later = publish(&mut self.api, &self.tenant, "later").await;
        wait_until_delivered(&self.api, &later).await;
        later
    }

    /// As the page tells it.
    async fn assert_restored(mut self, later: PublishEventResponse) {
        wait_until_delivered(&self.api, &self.in_flight).await;
        let tried = outcomes(&self.api, &self.in_flight).await;
        assert_eq!(tried, [AttemptOutcome::Unknown, AttemptOutcome::Succeeded]);
        let untouched = outcomes(&self.api, &self.ended).await;
        assert_eq!(untouched, [AttemptOutcome::Succeeded]);

        let request = GetEventRequest { name: later.event.clone(), ..Default::default() };
        let unknown = self.api.events.get_event(request).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound, "{unknown:?}");
        let known = publish(&mut self.api, &self.tenant, "ended").await;
        assert!(known.duplicate && known.event == self.ended.event, "{known:?}");
        let again = publish(&mut self.api, &self.tenant, "later").await;
        assert!(!again.duplicate && again.event != later.event, "{again:?}");
        wait_until_delivered(&self.api, &again).await;

        let requests = self.receiver.requests_to(HOOK_PATH);
        let seen: Vec<_> = requests
            .iter()
            .map(|request| (request.webhook_id().to_owned(), request.header("webhook-sequence")))
            .collect();
        let sequences: Vec<_> = seen.iter().map(|(_, sequence)| *sequence).collect();
        assert_eq!(sequences, ["1", "2", "3", "2", "3"], "{seen:?}");
        assert_eq!(seen[1].0, seen[3].0, "what was in flight has its id: {seen:?}");
        assert_ne!(seen[2].0, seen[4].0, "what came later has another: {seen:?}");
    }
}

async fn publish(api: &mut Api, tenant: &str, key: &str) -> PublishEventResponse {
    api.publish(tenant, event("payment.completed", "{}"), key).await.unwrap()
}

async fn wait_until_delivered(api: &Api, published: &PublishEventResponse) {
    let delivery = api.clone().deliveries_of(&published.event).await.unwrap().remove(0).name;
    api.wait_for_state(&delivery, DeliveryState::Succeeded, SETTLE_LIMIT).await.unwrap();
}

async fn outcomes(api: &Api, published: &PublishEventResponse) -> Vec<AttemptOutcome> {
    let mut api = api.clone();
    let delivery = api.deliveries_of(&published.event).await.unwrap().remove(0);
    let attempts = api.attempts(&delivery.name).await.unwrap();
    attempts.iter().map(|attempt| attempt.outcome()).collect()
}

async fn stop(cluster: &mut Cluster) {
    cluster.agents[0].stop().await.unwrap();
    cluster.replicas[0].stop().await.unwrap();
}

async fn start(cluster: &mut Cluster) {
    cluster.replicas[0].start_again().await.unwrap();
    cluster.agents[0].start_again().unwrap();
    cluster.wait_for_agents().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_restored_on_sqlite() {
    let mut page = BackupPage::of("sqlite");
    let mut cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let folder = cluster.folder().to_owned();
    let shell = || {
        let mut command = Command::new("env");
        command.env("DATA_DIR", &folder).env("COPY", folder.join("copy.db"));
        command
    };
    let mut story = BackupStory::begin(&cluster).await;
    run(page.take("sqlite copy"), shell()).await;
    let later = story.go_on().await;

    stop(&mut cluster).await;
    run(page.take("sqlite restore"), shell()).await;
    let url = format!("sqlite:{}", folder.join("postrider.db").display());
    list_keys(&mut page, &url, &cluster.keys_file()).await;
    page.assert_all_run();
    start(&mut cluster).await;
    story.assert_restored(later).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_restored_to_a_moment_on_postgres() {
    let mut page = BackupPage::of("postgres");
    let folder = ServerFolder::create();
    let mut server = Server::start_with(Some(folder.data()), Vec::new()).await.unwrap();
    run(page.take("postgres archive"), folder.shell(&server, "")).await;
    server.stop(Stop::Fast).await.unwrap();
    server.start_again().await.unwrap();
    let description = Description {
        engine: Engine::Postgres,
        server_url: Some(server.url().to_owned()),
        ..Description::default()
    };
    let mut cluster = Cluster::start(&description).await.unwrap();
    run(page.take("postgres base"), folder.shell(&server, "")).await;
    let url = cluster.database().unwrap().url().to_owned();
    list_keys(&mut page, &url, &cluster.keys_file()).await;
    let mut story = BackupStory::begin(&cluster).await;
    let moment = now(&server).await;
    let later = story.go_on().await;

    stop(&mut cluster).await;
    server.stop(Stop::Immediate).await.unwrap();
    run(page.take("postgres restore"), folder.shell(&server, &moment)).await;
    server.start_again().await.unwrap();
    run(page.take("postgres promoted"), folder.shell(&server, "")).await;
    run(page.take("postgres again"), folder.shell(&server, "")).await;
    page.assert_all_run();
    start(&mut cluster).await;
    story.assert_restored(later).await;
    drop(cluster);
}

/// The server's clock, as a person writes it down.
async fn now(server: &Server) -> String {
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    sqlx::query_scalar("SELECT now()::text").fetch_one(&mut connection).await.unwrap()
}

/// A folder of the server's user, who may run as another one than the test.
struct ServerFolder(tempfile::TempDir);

impl ServerFolder {
    fn create() -> Self {
        let folder = tempfile::Builder::new().prefix("postrider-backup").tempdir().unwrap();
        let folder = Self(folder);
        assert!(folder.command().arg("true").status().unwrap().success());
        folder
    }

    fn data(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/postgres"));
        command.arg("--run").arg(self.0.path());
        command
    }

    /// What an operator's shell knows of this server.
    fn shell(&self, server: &Server, moment: &str) -> Command {
        let mut command = self.command();
        command
            .env("PGDATA", self.data())
            .env("BACKUP", self.0.path().join("backup"))
            .env("MOMENT", moment)
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", server.port().to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", "postgres");
        command
    }
}

#[test]
fn blocks_are_found_in_lists_and_out_of_them() {
    let page = "```sh\nno\n```\n```sh a b\none\n```\n1. Do\n\n    ```sh c\n    two\n      three\n    ```\n";
    let found = marked_blocks(page);
    assert_eq!(found.get("a b").map(String::as_str), Some("one"));
    assert_eq!(found.get("c").map(String::as_str), Some("two\n  three"));
    assert_eq!(found.len(), 2);
}
