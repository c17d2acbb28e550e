//! A process of this benchmark that another one commands.
//!
//! Fed by orders, one JSON value a line on its standard input; feeds an answer
//! to each on its standard output, so that everything that works has a process
//! of its own whose processor time can be read. Guarantees that it ends with its
//! commander, however that ends: its input ends then.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

const LINES_QUEUED: usize = 16;

/// The commander's side.
pub struct Worker {
    role: String,
    child: Child,
    orders: ChildStdin,
    answers: mpsc::Receiver<String>,
    log_file: PathBuf,
}

impl Worker {
    /// Starts this program in a role; `setting` is what [`setting`] reads there.
    pub fn start(role: &str, setting: &impl Serialize, folder: &Path) -> Result<Self> {
        let log_file = folder.join(format!("{role}-{}.log", uuid::Uuid::now_v7().simple()));
        let mut child = Command::new(env::current_exe()?)
            .args(["role", role, &serde_json::to_string(setting)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log_file)?)
            .spawn()
            .with_context(|| format!("start {role}"))?;
        let orders = child.stdin.take().context("a piped input")?;
        let answers = lines(child.stdout.take().context("a piped output")?);
        Ok(Self { role: role.to_owned(), child, orders, answers, log_file })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives an order and waits for its answer.
    pub async fn ask<A: DeserializeOwned>(&mut self, order: &impl Serialize) -> Result<A> {
        let line = serde_json::to_string(order)? + "\n";
        let asked = self.orders.write_all(line.as_bytes());
        let answer = match asked {
            Ok(()) => self.answers.recv().await,
            Err(_) => None,
        };
        let answer = answer.with_context(|| {
            let said = fs::read_to_string(&self.log_file).unwrap_or_default();
            format!("the {} ended; it said:\n{said}", self.role)
        })?;
        let answer: Result<A, String> = serde_json::from_str(&answer)?;
        answer.map_err(|error| anyhow!("the {}: {error}", self.role))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process was started with, in its role.
pub fn setting<S: DeserializeOwned>(argument: &str) -> Result<S> {
    serde_json::from_str(argument).context("a role's setting")
}

/// The commanded side: answers one order after the other until there are no more.
pub async fn serve<O, F>(mut answer: F) -> Result<()>
where
    O: DeserializeOwned,
    F: AsyncFnMut(O) -> Result<Value>,
{
    let mut orders = lines(std::io::stdin());
    while let Some(order) = orders.recv().await {
        let answer = answer(serde_json::from_str(&order)?).await;
        let answer = answer.map_err(|error| format!("{error:#}"));
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", serde_json::to_string(&answer)?)?;
        output.flush()?;
    }
    Ok(())
}

/// Reads in a thread of its own, so that nobody's runtime waits for a pipe.
fn lines(reader: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_QUEUED);
    thread::spawn(move || {
        for line in BufReader::new(reader).lines() {
            let Ok(line) = line else {
                return;
            };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Nanoseconds by the clock that every process of the machine shares.
pub fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
