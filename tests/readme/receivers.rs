//! The page on receivers that ask who comes, followed to the end.
//!
//! Fed by the marked blocks of `docs/receivers.md`; feeds grpcurl, nginx, openssl and npm's
//! `oidc-provider`. Guarantees that each block is run, that without it the receiver does not
//! let Postrider in, and that with it the receiver does and knows who came.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_proto::v1::CreateSubscriptionRequest;
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::ports::free_port;
use postrider_tests::publish::subscription;
use postrider_tests::token::TEST_TOKEN;
use postrider_tests::wait;
use serde_json::Value;

use crate::backup::marked_blocks;
use crate::grpcurl_folder;

const RECEIVERS_PAGE: &str = include_str!("../../docs/receivers.md");
const NGINX_FENCE: &str = "```nginx\n";
const REGION: &str = "default";
const START_LIMIT: Duration = Duration::from_secs(20);
const TOKEN_SERVER: &str = "POSTRIDER_TEST_TOKEN_SERVER";
const TOKEN_SERVER_SCRIPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/tests/oauth/token-server.mjs");
/// As the script has it.
const CLIENT_SECRET: &str = "a secret: of 40% & more + characters";
const RECEIVER_PASSWORD: &str = "a password of the receiver's";
/// What the page leaves to others: who signs for whom.
const AUTHORITIES: &str = "
for name in clients-ca bank-ca; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 \\
    -subj /CN=$name -keyout $name.key -out $name.pem
done
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -subj /CN=receiver -keyout bank.key -out bank.csr
echo subjectAltName=IP:127.0.0.1 >bank.extensions
openssl x509 -req -in bank.csr -CA bank-ca.pem -CAkey bank-ca.key -days 90 \\
  -extfile bank.extensions -out bank.pem";
/// Of version 1, as openssl signs where nothing is asked for.
const SIGN_CLIENT: &str = "
openssl x509 -req -in acme.csr -CA clients-ca.pem -CAkey clients-ca.key -days 90 -out acme.pem";

/// A process that is ended when dropped.
struct RunningServer(Child);

impl Drop for RunningServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One that follows the page.
struct PageReader {
    blocks: BTreeMap<&'static str, String>,
    cluster: Cluster,
    /// The id of the subscription that blocks are about.
    subscription: &'static str,
    /// Of nginx, where it listens for Postrider.
    port: u16,
    /// Of the application behind it.
    application_port: u16,
}

impl PageReader {
    async fn start() -> Self {
        let description =
            Description { agents: vec![(REGION.to_owned(), 1)], tls: false, ..Default::default() };
        let cluster = Cluster::start(&description).await.unwrap();
        cluster.api().unwrap().create_tenant("acme").await.unwrap();
        let public = cluster.pki().server("receiver").unwrap();
        let public = [("pem", public.certificate_pem), ("key", public.key_pem)];
        for (ending, text) in public {
            fs::write(cluster.folder().join(format!("receiver.{ending}")), text).unwrap();
        }
        let (port, application_port) = (free_port().unwrap(), free_port().unwrap());
        let blocks = marked_blocks(RECEIVERS_PAGE);
        let reader = Self { blocks, cluster, subscription: "orders", port, application_port };
        reader.shell(AUTHORITIES).await;
        reader
    }

    /// Makes a subscription, without credentials, which the blocks are about from now on.
    async fn subscribe(&mut self, id: &'static str) {
        let url = format!("https://127.0.0.1:{}/hooks", self.port);
        let wanted = CreateSubscriptionRequest {
            parent: "tenants/acme".to_owned(),
            subscription_id: id.to_owned(),
            subscription: Some(subscription(&url, &["*"])),
        };
        let mut api = self.cluster.api().unwrap();
        api.subscriptions.create_subscription(wanted).await.unwrap();
        self.subscription = id;
    }

    fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    /// Runs commands in the folder, and gives what they print.
    async fn shell(&self, commands: &str) -> String {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let others: Vec<_> = std::env::split_paths(&path).collect();
        let mut command = Command::new("sh");
        command
            .args(["-euc", commands])
            .current_dir(self.folder())
            .env("PATH", std::env::join_paths(grpcurl_folder().into_iter().chain(others)).unwrap())
            .env("POSTRIDER_TOKEN", TEST_TOKEN)
            .env("CLIENT_SECRET", CLIENT_SECRET)
            .env("RECEIVER_PASSWORD", RECEIVER_PASSWORD);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{commands}\nended with {}: {told}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// A block of the page, with the names and places of this test.
    fn block(&self, name: &str) -> String {
        let mark = format!("receivers {name}");
        let block = self.blocks.get(mark.as_str());
        let block = block.unwrap_or_else(|| panic!("no block {mark:?} on the page"));
        let listen = self.cluster.replicas[0].url().replace("http://", "");
        let subscription = format!("subscriptions/{}", self.subscription);
        let token_url = format!("https://127.0.0.1:{}/token", self.port);
        block
            .replace("grpcurl -H", "grpcurl -plaintext -H")
            .replace("postrider.internal:7443", &listen)
            .replace("subscriptions/orders", &subscription)
            .replace("https://login.bank.example/oauth2/token", &token_url)
            .replace("scope: \"webhooks\"", "scope: \"hooks\"")
    }

    /// Runs a block that calls Postrider, and gives the answer.
    async fn call(&self, block: &str) -> Value {
        let printed = self.shell(&format!("{}\n{block}", self.block("call"))).await;
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"))
    }

    /// The same with a block about an OAuth client, for another client.
    async fn call_for_client(&self, name: &str, client_id: &str) -> Value {
        let block = self.block(name);
        assert!(block.contains("\"acme-webhooks\""), "{block}");
        self.call(&block.replace("acme-webhooks", client_id)).await
    }

    /// What a test event comes to: its outcome, the status, and what the receiver says.
    async fn test(&self) -> (String, u64, String) {
        let answer = self.call(&self.block("test")).await;
        let attempt = &answer["attempt"];
        let body = STANDARD.decode(attempt["responseBody"].as_str().unwrap_or_default()).unwrap();
        let outcome = attempt["outcome"].as_str().unwrap_or_default();
        let outcome = outcome.trim_start_matches("ATTEMPT_OUTCOME_").to_owned();
        let status = attempt["httpStatus"].as_u64().unwrap_or_default();
        (outcome, status, String::from_utf8_lossy(&body).into_owned())
    }

    /// The receiver, once it listens: these servers before the page's own application.
    async fn nginx(&self, servers: &str) -> RunningServer {
        let application = self.application_port;
        let configuration = format!(
            "daemon off; master_process off; pid pid; error_log error.log;
events {{ worker_connections 200; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  {servers}
  server {{ listen 127.0.0.1:{application}; location / {{ return 200 'you are $http_x_client'; }} }}
}}
"
        );
        fs::write(self.folder().join("nginx.conf"), configuration).unwrap();
        let process = Command::new("nginx")
            .args(["-c", "nginx.conf", "-e", "error.log", "-p"])
            .arg(self.folder())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = RunningServer(process);
        wait::until("nginx to listen", START_LIMIT, || async {
            let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            let log = fs::read_to_string(self.folder().join("error.log")).unwrap_or_default();
            connected.map(drop).map_err(|error| format!("{error}: {log}"))
        })
        .await
        .unwrap();
        server
    }

    /// The page's server with this certificate.
    fn page_server(&self, certificate: &str) -> String {
        let (_, rest) = RECEIVERS_PAGE.split_once(NGINX_FENCE).unwrap();
        let (server, _) = rest.split_once("```").unwrap();
        for there in ["listen 443 ssl;", "receiver.pem", "receiver.key", "http://application"] {
            assert!(server.contains(there), "no {there:?} in {server}");
        }
        server
            // As older versions have it.
            .replace("    http2 on;\n", "")
            .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{} ssl http2;", self.port))
            .replace("receiver.", &format!("{certificate}."))
            .replace("http://application", &format!("http://127.0.0.1:{}", self.application_port))
    }

    /// A server of the public authority, with this in its only location.
    fn server(&self, location: &str) -> String {
        format!(
            "server {{
    listen 127.0.0.1:{} ssl;
    ssl_certificate receiver.pem; ssl_certificate_key receiver.key;
    location / {{ {location} }}
  }}",
            self.port
        )
    }
}

fn answered(status: u64, words: &str) -> (String, u64, String) {
    let outcome = if status == 200 { "SUCCEEDED" } else { "HTTP_STATUS" };
    (outcome.to_owned(), status, words.to_owned())
}

/// A receiver that demands a certificate, and then one of a private authority.
async fn certificates_by_the_page(reader: &mut PageReader) {
    reader.subscribe("certified").await;
    let nginx = reader.nginx(&reader.page_server("receiver")).await;
    assert_eq!(reader.test().await.1, 400, "nginx demands a certificate");
    reader.shell(&reader.block("request")).await;
    reader.shell(SIGN_CLIENT).await;
    let shown = reader.call(&reader.block("certificate")).await;
    let own = &shown["credentials"]["clientCertificate"];
    assert_eq!(own["certificate"]["subject"], "O=Acme, CN=acme-webhooks", "{shown}");
    let known = answered(200, "you are CN=acme-webhooks,O=Acme");
    assert_eq!(reader.test().await, known);
    drop(nginx);

    let _nginx = reader.nginx(&reader.page_server("bank")).await;
    assert_eq!(reader.test().await.0, "TLS_FAILED", "of an authority that nobody knows");
    reader.call(&reader.block("authority")).await;
    assert_eq!(reader.test().await, known, "the certificate stays");
}

/// A receiver that wants a token of npm's `oidc-provider`, by a key and by a secret.
async fn tokens_by_the_page(reader: &mut PageReader) {
    let Ok(folder) = std::env::var(TOKEN_SERVER) else {
        eprintln!("==== SKIPPED: {TOKEN_SERVER} is not set ====");
        return;
    };
    reader.subscribe("with-token").await;
    let shown = reader.call_for_client("key", "key").await;
    let key = shown["credentials"]["oauth"]["assertionKey"]["publicJwk"].as_str().unwrap();
    let mut process = Command::new("node")
        .args([TOKEN_SERVER_SCRIPT, &folder, key])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _server = RunningServer(process);
    let location = format!(
        "proxy_pass http://127.0.0.1:{}; proxy_set_header host $http_host;
      proxy_set_header x-forwarded-proto https;",
        line.trim()
    );
    let _nginx = reader.nginx(&reader.server(&location)).await;
    assert_eq!(reader.test().await, answered(200, "you are key"));
    reader.call_for_client("token", "nobody").await;
    assert_eq!(reader.test().await.0, "TOKEN_FAILED", "an unknown client");
    reader.call_for_client("token", "basic").await;
    assert_eq!(reader.test().await, answered(200, "you are basic"));
}

async fn a_password_by_the_page(reader: &mut PageReader) {
    reader.subscribe("with-password").await;
    let passwords = format!("acme:{{PLAIN}}{RECEIVER_PASSWORD}\n");
    fs::write(reader.folder().join("passwords"), passwords).unwrap();
    let location = format!(
        "auth_basic hooks; auth_basic_user_file passwords; proxy_set_header x-client $remote_user;
      proxy_pass http://127.0.0.1:{};",
        reader.application_port
    );
    let _nginx = reader.nginx(&reader.server(&location)).await;
    assert_eq!(reader.test().await.1, 401, "nginx wants a password");
    reader.call(&reader.block("password")).await;
    assert_eq!(reader.test().await, answered(200, "you are acme"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_and_a_token_server_let_in_who_follows_the_page() {
    let mut reader = PageReader::start().await;
    certificates_by_the_page(&mut reader).await;
    tokens_by_the_page(&mut reader).await;
    a_password_by_the_page(&mut reader).await;
    let blocks: Vec<_> = reader.blocks.keys().copied().collect();
    let known = ["authority", "call", "certificate", "key", "password", "request", "test", "token"];
    assert_eq!(blocks, known.map(|name| format!("receivers {name}")));
}
