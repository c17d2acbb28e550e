//! What SIGHUP means to a program: read the filter of the log again.
//!
//! Given where the filter stands; changes what the settings say is logged. A filter that
//! cannot be read changes nothing, and is told of.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use crate::log_levels::{LogFilter, process_log_levels};

/// What the setting is called.
const FILTER_FILE_SETTING: &str = "telemetry.log_filter_file";

/// Reads the file again at each SIGHUP, until what is returned is dropped. To be called
/// inside the runtime.
pub fn reload_at_hangup(filter_file: Option<PathBuf>) -> anyhow::Result<AbortOnDropHandle<()>> {
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload(filter_file.as_deref());
        }
    })))
}

fn reload(filter_file: Option<&Path>) {
    let Some(file) = filter_file else {
        let setting = FILTER_FILE_SETTING;
        tracing::info!(setting, "nothing is read again at SIGHUP: the setting is empty");
        return;
    };
    let read = read_filter(file).and_then(|filter| {
        process_log_levels().configure(filter.clone())?;
        Ok(filter)
    });
    match read {
        Ok(filter) => tracing::info!(%filter, "the filter of the log was read again"),
        Err(error) => tracing::warn!(
            error = format!("{error:#}"),
            "the filter of the log cannot be read again; the one from before stays in force"
        ),
    }
}

/// The filter in a file: one directive or more on each line, and lines of comments.
pub(crate) fn read_filter(file: &Path) -> anyhow::Result<LogFilter> {
    let at = || format!("{FILTER_FILE_SETTING}: {}", file.display());
    let text = std::fs::read_to_string(file).with_context(at)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    LogFilter::parse(&lines.collect::<Vec<_>>().join(",")).with_context(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_stands_on_lines_with_comments_between() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("filter");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read_filter(&file).map(|filter| filter.to_string())
        };
        let written =
            "# what is usual\ninfo, sqlx=warn\n\n# a look at leases\npostrider::flow=debug\n";
        assert_eq!(read(written).unwrap(), "info,sqlx=warn,postrider::flow=debug");
        let wrong = read("postrider=loud").unwrap_err();
        assert!(format!("{wrong:#}").starts_with("telemetry.log_filter_file: "), "{wrong:#}");
        assert!(read("# nothing").is_err());
        assert!(read_filter(&folder.path().join("other")).is_err());
    }
}
