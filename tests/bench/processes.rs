//! What processes have used, by the kernel's word.
//!
//! Fed by `/proc`; feeds tables with processor time and memory. Guarantees that
//! PostgreSQL counts as a whole: the server, everything that it runs, and what
//! it ran and has ended.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use postrider_tests::process;

/// `/proc` counts in hundredths of a second on every architecture of Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Where fields are in `/proc/PID/stat`, counted from behind the name.
const STAT_PARENT_FIELD: usize = 1;
const STAT_USER_FIELD: usize = 11;
const STAT_SYSTEM_FIELD: usize = 12;
const STAT_CHILDREN_USER_FIELD: usize = 13;
const STAT_CHILDREN_SYSTEM_FIELD: usize = 14;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    One(u32),
    /// A server and its children.
    Tree(u32),
}

impl Process {
    /// Processor seconds since the start.
    pub fn cpu_seconds(self) -> Result<f64> {
        match self {
            Self::One(id) => {
                let fields = stat(id)?;
                Ok((field(&fields, STAT_USER_FIELD)? + field(&fields, STAT_SYSTEM_FIELD)?)
                    / TICKS_PER_SECOND)
            }
            Self::Tree(id) => tree(id),
        }
    }

    /// Resident memory now, in MiB.
    pub fn resident_mib(self) -> Result<f64> {
        Ok(process::memory(self.id())? as f64 / 1024.0)
    }

    /// The most that was ever resident, in MiB.
    pub fn peak_mib(self) -> Result<f64> {
        Ok(process::most_memory(self.id())? as f64 / 1024.0)
    }

    const fn id(self) -> u32 {
        let (Self::One(id) | Self::Tree(id)) = self;
        id
    }
}

fn tree(id: u32) -> Result<f64> {
    let own = stat(id)?;
    let mut ticks = 0.0;
    for at in
        [STAT_USER_FIELD, STAT_SYSTEM_FIELD, STAT_CHILDREN_USER_FIELD, STAT_CHILDREN_SYSTEM_FIELD]
    {
        ticks += field(&own, at)?;
    }
    for entry in fs::read_dir("/proc")? {
        let Ok(child) = entry?.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // A process may end between being listed and being read.
        let Ok(fields) = stat(child) else {
            continue;
        };
        if fields.get(STAT_PARENT_FIELD).is_some_and(|parent| *parent == id.to_string()) {
            ticks += field(&fields, STAT_USER_FIELD)? + field(&fields, STAT_SYSTEM_FIELD)?;
        }
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// The parent of a process.
pub fn parent_of(id: u32) -> Result<u32> {
    stat(id)?.get(STAT_PARENT_FIELD).context("a parent")?.parse().context("a parent")
}

fn stat(id: u32) -> Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name is in parentheses and may hold anything.
    let (_, fields) = text.rsplit_once(')').context("a process's name")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn field(fields: &[String], at: usize) -> Result<f64> {
    fields.get(at).context("a short stat")?.parse().context("a number in stat")
}

/// Processes by the name that a table gives them.
#[derive(Clone, Debug, Default)]
pub struct Processes(BTreeMap<&'static str, Process>);

impl Processes {
    pub fn add(&mut self, name: &'static str, process: Process) {
        self.0.insert(name, process);
    }

    /// One that has ended.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub fn get(&self, name: &str) -> Result<Process> {
        self.0.get(name).copied().with_context(|| format!("no process {name}"))
    }

    /// Processor seconds of each since its start.
    pub fn cpu_seconds(&self) -> Result<Usage> {
        let used = self.0.iter().map(|(name, process)| Ok((*name, process.cpu_seconds()?)));
        Ok(Usage(used.collect::<Result<_>>()?))
    }
}

/// Processor seconds by process.
#[derive(Clone, Debug, Default)]
pub struct Usage(BTreeMap<&'static str, f64>);

impl Usage {
    /// Of one process; nothing when it is not there.
    pub fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Of several together.
    pub fn sum(&self, names: &[&str]) -> f64 {
        names.iter().map(|name| self.of(name)).sum()
    }

    /// What was used between an earlier reading and this one.
    pub fn since(&self, earlier: &Self) -> Self {
        Self(self.0.iter().map(|(name, used)| (*name, used - earlier.of(name))).collect())
    }
}
