//! What the process logs, and changing it while the process runs.
//!
//! Fed by the settings at the start, by a file at SIGHUP, and by whoever sets other levels
//! for a while; feeds the log's filter. Guarantees that what was set for a while ends, and
//! that a filter which cannot be read changes nothing.
//!
//! How to drive it: `init_telemetry` gives the filter of the settings; then `set_for`,
//! `reset`, and `configure` where the settings have changed. A process has one log, and so
//! one of these: [`process_log_levels`].

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio_util::task::AbortOnDropHandle;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Handle;

use crate::spans::tracer::EXPORTED_TARGET;

/// Those of this process.
static PROCESS_LOG_LEVELS: LazyLock<LogLevels> = LazyLock::new(LogLevels::default);

/// Those of this process. Without a log they are remembered, and nothing more.
pub fn process_log_levels() -> &'static LogLevels {
    &PROCESS_LOG_LEVELS
}

/// Why a text is no filter.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("is no filter of a log: {0}")]
pub struct LogFilterError(String);

/// Levels by module, as `RUST_LOG` has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    text: Arc<str>,
}

impl LogFilter {
    /// A filter of the process's own settings, which may have regular expressions.
    pub fn parse(text: &str) -> Result<Self, LogFilterError> {
        // The parser counts on there being no space around a directive.
        let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
        let text = directives.collect::<Vec<_>>().join(",");
        if text.is_empty() {
            return Err(LogFilterError("it is empty".to_owned()));
        }
        let filter = Self { text: text.into() };
        filter.build().map(|_| filter)
    }

    /// A filter that somebody sent. It names no values of fields: as regular expressions they
    /// cost what the sender likes, and as plain text two that are alike break an assertion of
    /// the parser's.
    pub fn parse_sent(text: &str) -> Result<Self, LogFilterError> {
        if names_field_values(text) {
            return Err(LogFilterError("the value of a field cannot be named".to_owned()));
        }
        Self::parse(text)
    }

    pub(crate) fn build(&self) -> Result<EnvFilter, LogFilterError> {
        // What is for the collector of spans is not in the log, whatever the filter says.
        let text = format!("{},{EXPORTED_TARGET}=off", self.text);
        EnvFilter::builder().parse(text).map_err(|error| LogFilterError(error.to_string()))
    }
}

/// Whether some field of a span has a value: `[span{field=value}]`.
fn names_field_values(text: &str) -> bool {
    let mut after_braces = text.split('{').skip(1);
    after_braces.any(|rest| rest.split('}').next().is_some_and(|fields| fields.contains('=')))
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

type ApplyFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// What is logged. Cheap to clone.
#[derive(Clone, Default)]
pub struct LogLevels(Arc<Mutex<LevelState>>);

#[derive(Default)]
struct LevelState {
    /// None before there is a log.
    configured: Option<LogFilter>,
    temporary: Option<LogFilter>,
    /// Counts changes of `temporary`, so that an earlier one's end does not end it.
    changes: u64,
    timer: Option<AbortOnDropHandle<()>>,
    apply: Option<ApplyFilter>,
}

impl LevelState {
    fn in_force(&self) -> Option<&LogFilter> {
        self.temporary.as_ref().or(self.configured.as_ref())
    }

    fn apply(&self) -> Result<(), LogFilterError> {
        if let Some((apply, filter)) = self.apply.as_ref().zip(self.in_force()) {
            apply(filter.build()?);
        }
        Ok(())
    }
}

impl LogLevels {
    /// The log begins, with this filter; `handle` changes it.
    pub(crate) fn begin<S: 'static>(&self, configured: LogFilter, handle: Handle<EnvFilter, S>) {
        let mut state = self.0.lock();
        state.configured = Some(configured);
        state.apply = Some(Box::new(move |filter| {
            // It fails only once the log is gone, with the process.
            let _ = handle.reload(filter);
        }));
    }

    /// What the settings say now.
    pub fn configure(&self, filter: LogFilter) -> Result<(), LogFilterError> {
        let mut state = self.0.lock();
        let before = state.configured.replace(filter);
        state.apply().inspect_err(|_| state.configured = before)
    }

    /// Logs by another filter for a while, instead of what was set for a while before. To be
    /// called inside the runtime.
    pub fn set_for(&self, filter: LogFilter, span: Duration) -> Result<(), LogFilterError> {
        let mut state = self.0.lock();
        let before = state.temporary.replace(filter);
        if let Err(error) = state.apply() {
            state.temporary = before;
            return Err(error);
        }
        state.changes += 1;
        let (levels, change) = (self.clone(), state.changes);
        state.timer = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(span).await;
            levels.expire(change);
        })));
        Ok(())
    }

    /// Logs what the settings say.
    pub fn reset(&self) {
        let mut state = self.0.lock();
        state.changes += 1;
        state.timer = None;
        state.end_temporary();
    }

    fn expire(&self, change: u64) {
        let mut state = self.0.lock();
        if state.changes == change {
            state.end_temporary();
        }
    }

    /// What is in force; nothing is before there is a log.
    pub fn in_force(&self) -> Option<LogFilter> {
        self.0.lock().in_force().cloned()
    }
}

impl LevelState {
    fn end_temporary(&mut self) {
        if self.temporary.take().is_none() {
            return;
        }
        // It was applied before.
        if self.apply().is_ok() {
            let filter = self.configured.as_ref().map(tracing::field::display);
            tracing::info!(filter, "log levels are those of the settings again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{Layer as _, reload};

    use super::*;

    /// Collects what is logged.
    #[derive(Clone, Default)]
    struct Collected(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Collected {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn filter(text: &str) -> LogFilter {
        LogFilter::parse(text).unwrap()
    }

    #[tokio::test]
    async fn levels_change_while_the_process_runs_and_are_back_after_a_while() {
        let (levels, collected) = (LogLevels::default(), Collected::default());
        let (layer, handle) = reload::Layer::new(filter("info").build().unwrap());
        levels.begin(filter("info"), handle);
        let writer = collected.clone();
        let log = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(log.with_filter(layer));
        let _log = tracing::subscriber::set_default(subscriber);
        // One callsite, since what is enabled is remembered for each.
        let is_logged = || {
            collected.0.lock().clear();
            tracing::debug!("a detail");
            !collected.0.lock().is_empty()
        };
        assert!(!is_logged());
        levels.set_for(filter("debug"), Duration::from_secs(3600)).unwrap();
        assert!(is_logged());
        levels
            .set_for(filter("warn,postrider_telemetry=debug"), Duration::from_millis(50))
            .unwrap();
        assert!(is_logged(), "by module");
        levels.configure(filter("error")).unwrap();
        assert!(is_logged(), "what is set for a while stands");
        while levels.in_force() != Some(filter("error")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!is_logged());
        levels.configure(filter("debug")).unwrap();
        assert!(is_logged());
        levels.set_for(filter("off"), Duration::from_secs(3600)).unwrap();
        assert!(!is_logged());
        levels.reset();
        assert!(is_logged());
    }

    #[test]
    fn a_text_that_is_no_filter_is_refused() {
        for wrong in ["", "  ", "postrider=loud", "postrider::flow=debug,=="] {
            assert!(LogFilter::parse(wrong).is_err(), "{wrong}");
            assert!(LogFilter::parse_sent(wrong).is_err(), "{wrong}");
        }
        assert_eq!(filter(" info, sqlx=warn,\n").to_string(), "info,sqlx=warn");
        assert!(LogFilter::parse_sent("info,  é=debug").is_ok(), "no such module, and no panic");
        // A regular expression that is none is a text like others.
        assert!(LogFilter::parse("[rpc{method=((}]=debug").is_err());
        for values in ["[rpc{method=((}]=debug", "[{a=x}]=info,[{a=x}]=warn", "[{a=x", "{{a=1}}"] {
            assert!(LogFilter::parse_sent(values).is_err(), "{values}");
        }
        assert!(LogFilter::parse_sent("postrider[rpc{method}]=debug,[attempt]=trace").is_ok());
    }
}
