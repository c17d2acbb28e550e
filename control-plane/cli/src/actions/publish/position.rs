//! How far a stream is, kept in a file so that it can go on after an interruption.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::exits::CliError;

/// The file is written this often, and at the end. What is lost is published again under
/// the same keys, which makes nothing new.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// The lines up to which everything is answered.
pub(super) struct StreamPosition {
    file: Option<PathBuf>,
    written: Option<(u64, Instant)>,
}

impl StreamPosition {
    /// The position in a file, and the line after it: 1 where there is none yet.
    pub fn open(file: Option<&str>) -> Result<(Self, u64), CliError> {
        let position = Self { file: file.map(PathBuf::from), written: None };
        let Some(path) = &position.file else { return Ok((position, 1)) };
        let done = match std::fs::read_to_string(path) {
            Ok(text) => text.trim().parse::<u64>().map_err(|_| {
                CliError::Usage(format!("{} has no number of lines", path.display()))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => {
                return Err(CliError::Usage(format!("cannot read {}: {error}", path.display())));
            }
        };
        Ok((position, done.saturating_add(1)))
    }

    /// Notes the position, if it is time to.
    pub fn note(&mut self, done: u64) -> Result<(), CliError> {
        let is_early = self.written.is_some_and(|(_, at)| at.elapsed() < WRITE_INTERVAL);
        if is_early { Ok(()) } else { self.write(done) }
    }

    /// Writes the position, if it is another.
    pub fn write(&mut self, done: u64) -> Result<(), CliError> {
        let Some(path) = &self.file else { return Ok(()) };
        if self.written.is_some_and(|(written, _)| written == done) {
            return Ok(());
        }
        let new = path.with_extension("new");
        let written =
            std::fs::write(&new, format!("{done}\n")).and_then(|()| std::fs::rename(&new, path));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        self.written = Some((done, Instant::now()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_after_what_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("done");
        let name = path.to_str();
        let (mut position, first) = StreamPosition::open(name).unwrap();
        assert_eq!(first, 1);
        position.write(41).unwrap();
        assert_eq!(StreamPosition::open(name).unwrap().1, 42);
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(StreamPosition::open(name), Err(CliError::Usage(_))));
        assert_eq!(StreamPosition::open(None).unwrap().1, 1);
    }
}
