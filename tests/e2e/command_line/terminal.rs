//! Somebody who types commands.
//!
//! Fed by a cluster; feeds scenarios with what a command printed and how it ended.
//! Guarantees that a command sees no variable and no file of whoever runs the tests, and
//! remembers which commands were run.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_tests::cluster::Cluster;
use postrider_tests::process::{self, Program};
use postrider_tests::token::TEST_TOKEN;
use serde_json::Value;

/// Where commands are typed. Clones remember together.
#[derive(Clone)]
pub struct Terminal {
    environment: Vec<(&'static str, String)>,
    folder: PathBuf,
    run: Arc<Mutex<BTreeSet<String>>>,
}

impl Terminal {
    /// With the cluster's certificates and its administrator's token.
    pub fn at(cluster: &Cluster) -> Self {
        let (pki, caller) = (cluster.pki(), cluster.caller());
        let folder = cluster.folder().join("terminal");
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            environment: vec![
                ("POSTRIDER_ADDRESS", cluster.replicas[0].url()),
                ("POSTRIDER_CA", pki.ca_file().display().to_string()),
                ("POSTRIDER_CLIENT_CERT", caller.certificate_file.display().to_string()),
                ("POSTRIDER_CLIENT_KEY", caller.key_file.display().to_string()),
                ("POSTRIDER_TOKEN", TEST_TOKEN.to_owned()),
                ("POSTRIDER_CLIENT_CONFIG", folder.join("client.toml").display().to_string()),
            ],
            folder,
            run: Arc::default(),
        }
    }

    /// The same for a tenant.
    pub fn of_tenant(&self, id: &str) -> Self {
        self.with("POSTRIDER_TENANT", id)
    }

    /// The same with another variable.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut terminal = self.clone();
        terminal.environment.retain(|(known, _)| *known != name);
        terminal.environment.push((name, value.to_owned()));
        terminal
    }

    /// A file in its folder.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Commands that were run, by their words.
    pub fn commands_run(&self) -> BTreeSet<String> {
        self.run.lock().clone()
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let plain = words.iter().take_while(|word| !word.starts_with('-')).copied();
        let plain: Vec<&str> = plain.collect();
        let known = postrider_cli::command_words();
        let two = plain.get(..2).map(|two| two.join(" ")).filter(|two| known.contains(two));
        let list = plain.first().map(|word| format!("{word} list"));
        let single = plain.first().map(|word| (*word).to_owned());
        let name = two.or_else(|| single.filter(|word| known.contains(word))).or(list);
        self.run.lock().extend(name);
        let mut command = process::command("postrider").unwrap();
        command.args(words).current_dir(&self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    /// Runs a command to its end.
    pub async fn output(&self, words: &[&str]) -> Output {
        self.output_with_input(words, "").await
    }

    /// The same with standard input.
    pub async fn output_with_input(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        let input = input.to_owned();
        let run = move || {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // A command that reads nothing may have ended.
            let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
            child.wait_with_output().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// What a command prints that succeeds.
    pub async fn text(&self, words: &[&str]) -> String {
        let output = self.output(words).await;
        succeeded(words, &output)
    }

    /// The same as JSON.
    pub async fn json(&self, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--output", "json"]).collect();
        let text = self.text(&words).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}:\n{text}"))
    }

    /// What a command tells that ends with this code.
    pub async fn refused(&self, code: i32, words: &[&str]) -> String {
        let output = self.output(words).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {told}");
        told
    }

    /// The same, told as JSON: the last line of standard error.
    pub async fn refused_as_json(&self, code: i32, words: &[&str]) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--output", "json"]).collect();
        let told = self.refused(code, &words).await;
        let report: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(report["exitCode"], code, "{report}");
        report
    }

    /// A command that goes on until it is told to end; it prints to a file.
    pub fn start(&self, words: &[&str], log: &str) -> Program {
        Program::start(log, self.command(words), &self.folder.join(log)).unwrap()
    }
}

/// What a command printed that succeeded.
pub fn succeeded(words: &[&str], output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?} ended with {}: {told}", output.status);
    String::from_utf8(output.stdout.clone()).unwrap()
}
