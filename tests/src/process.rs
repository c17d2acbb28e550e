//! A real program, run by a test.
//!
//! Fed by a command line; feeds its exit status and its log. Guarantees that it
//! is gone when the value is dropped, stopped or not, and that a failing test
//! prints what the program said last.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Folder of ready-built programs; without it the harness has Cargo build them.
pub const BIN_DIR_VARIABLE: &str = "POSTRIDER_TEST_BIN_DIR";
const LOG_TAIL_BYTES: usize = 16 << 10;
const POLL_PAUSE: Duration = Duration::from_millis(10);
const REAP_LIMIT: Duration = Duration::from_secs(5);

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log_file: PathBuf,
}

impl Program {
    /// Starts a command; what it prints goes to `log_file`, after what is there.
    pub fn start(name: &str, mut command: Command, log_file: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log_file);
        let log = log.with_context(|| format!("open {}", log_file.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {name}: {command:?}"))?;
        Ok(Self { name: name.to_owned(), child, log_file: log_file.to_owned() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has printed.
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log_file).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The exit status, once there is one.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Fails when the program is no longer running, telling why it ended.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.exited()? {
            None => Ok(()),
            Some(status) => {
                Err(anyhow!("{} ended with {status}; it said:\n{}", self.name, self.log_tail()))
            }
        }
    }

    /// `kill -9`, and waits until the program is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        let status = self.wait(REAP_LIMIT).await?;
        ensure!(
            status.signal() == Some(Signal::KILL.as_raw()),
            "{} ended by itself with {status}",
            self.name
        );
        Ok(())
    }

    /// SIGTERM: the polite end. The answer comes from [`Self::wait`].
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// SIGHUP: what can be read again is.
    pub fn hang_up(&self) -> Result<()> {
        self.signal(Signal::HUP)
    }

    /// SIGSTOP: the program freezes as if its machine had.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: a frozen program goes on and knows nothing of the time between.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits for the end and returns the exit status.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exited()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let (name, tail) = (&self.name, self.log_tail());
                bail!("{name} still runs after {limit:?}; it said:\n{tail}");
            }
            tokio::time::sleep(POLL_PAUSE).await;
        }
    }

    /// Waits for the end and fails unless the exit code is this one.
    pub async fn wait_for_exit(&mut self, code: i32, limit: Duration) -> Result<()> {
        let status = self.wait(limit).await?;
        if status.code() != Some(code) {
            let (name, tail) = (&self.name, self.log_tail());
            bail!("{name} ended with {status}, not with code {code}; it said:\n{tail}");
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id())?;
        let id = Pid::from_raw(id).context("a process id is not zero")?;
        kill_process(id, signal).with_context(|| format!("signal {}", self.name))
    }

    /// The end of [`Self::log`], as much as a failed test should print.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let mut start = log.len().saturating_sub(LOG_TAIL_BYTES);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        log.get(start..).unwrap_or_default().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let deadline = Instant::now() + REAP_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(POLL_PAUSE);
        }
        if thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.log_tail());
        }
    }
}

/// The command for a program of this workspace, without the settings that the
/// tests' own environment would give it.
pub fn command(name: &str) -> Result<Command> {
    Ok(without_settings(Command::new(binary(name)?)))
}

/// As [`command`], with a soft and a hard limit of open files.
pub fn command_with_open_files(name: &str, soft: u32, hard: u32) -> Result<Command> {
    let script = format!("ulimit -S -n {soft} && ulimit -H -n {hard} && exec \"$0\" \"$@\"");
    let mut command = without_settings(Command::new("sh"));
    command.arg("-c").arg(script).arg(binary(name)?);
    Ok(command)
}

/// A command without the settings that the tests' own environment would give it.
pub fn without_settings(mut command: Command) -> Command {
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("POSTRIDER_") {
            command.env_remove(variable);
        }
    }
    command
}

/// A program of this workspace, never older than its sources.
pub fn binary(name: &str) -> Result<PathBuf> {
    static BINARY_FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = BINARY_FOLDER.get_or_init(|| built_folder().map_err(|error| format!("{error:#}")));
    let folder = folder.as_ref().map_err(|error| anyhow!("{error}"))?;
    let path = folder.join(name);
    ensure!(path.is_file(), "{} is not there", path.display());
    Ok(path)
}

fn built_folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os(BIN_DIR_VARIABLE) {
        return Ok(folder.into());
    }
    // Cargo builds the libraries that a test links, not the programs it runs.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bins"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("run cargo")?;
    ensure!(status.success(), "cargo build ended with {status}");
    let test = env::current_exe()?;
    let profile = test.parent().and_then(Path::parent);
    Ok(profile.context("a test lies in target/PROFILE/deps")?.into())
}

/// The processes whose parent this one is.
pub fn children(id: u32) -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("list processes")?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ids = names.filter_map(|name| name.parse().ok());
    Ok(ids.filter(|other| parent(*other) == Some(id)).collect())
}

/// The parent of a process, while it runs.
pub fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name, which may hold anything: the state, and the parent.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z").then_some(parent)
}

/// The memory that a process has, in KiB.
pub fn memory(id: u32) -> Result<u64> {
    status_kib(id, "VmRSS:")
}

/// The most memory that a process ever had, in KiB.
pub fn most_memory(id: u32) -> Result<u64> {
    status_kib(id, "VmHWM:")
}

/// How many files a process has open.
pub fn open_files(id: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{id}/fd"))?.count())
}

/// The soft limit and the hard one of a process's open files.
pub fn open_files_limits(id: u32) -> Result<[u64; 2]> {
    let limits = fs::read_to_string(format!("/proc/{id}/limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut figures = line.context("a limit of open files")?.split_whitespace();
    let mut next = || anyhow::Ok(figures.next().context("two figures")?.parse::<u64>()?);
    Ok([next()?, next()?])
}

fn status_kib(id: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let size = line.and_then(|line| line.split_whitespace().next());
    Ok(size.with_context(|| format!("{name} of {id}"))?.parse()?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::Program;

    fn shell(script: &str, folder: &tempfile::TempDir) -> Program {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Program::start("sh", command, &folder.path().join("log")).unwrap()
    }

    #[tokio::test]
    async fn exit_code_and_log_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell("echo said; exit 3", &folder);
        let limit = Duration::from_secs(5);
        program.wait_for_exit(3, limit).await.unwrap();
        assert_eq!(program.log(), "said\n");
        assert!(program.still_runs().is_err());
    }

    #[tokio::test]
    async fn a_frozen_program_can_be_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut program = shell("exec sleep 600", &folder);
        program.still_runs().unwrap();
        program.freeze().unwrap();
        program.kill().await.unwrap();
    }

    #[test]
    fn dropping_ends_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = shell("exec sleep 600", &folder);
        let id = i32::try_from(program.id()).unwrap();
        drop(program);
        let id = rustix::process::Pid::from_raw(id).unwrap();
        assert!(rustix::process::test_kill_process(id).is_err());
    }
}
