//! Progress on standard error, where a person sees it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK_INTERVAL: Duration = Duration::from_millis(120);
/// How finely a share of the whole is shown.
const SHARE_STEPS: u64 = 1000;

/// A bar where the whole is known, a spinner where it is not. Nothing where standard error
/// is no terminal.
pub(super) struct ProgressLine {
    bar: ProgressBar,
}

impl ProgressLine {
    /// With a share that is told.
    pub fn with_share() -> Self {
        Self::styled(ProgressBar::new(SHARE_STEPS), "{spinner} [{bar:30}] {percent}% {msg}")
    }

    /// With what was done, and no end.
    pub fn without_end() -> Self {
        Self::styled(ProgressBar::new_spinner(), "{spinner} {msg}")
    }

    fn styled(bar: ProgressBar, template: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK_INTERVAL);
        Self { bar }
    }

    /// Tells what is done, in words of ours only.
    pub fn say(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Tells how much of the whole is done.
    pub fn show_share(&self, done: u64, whole: u64) {
        let steps = done.min(whole).saturating_mul(SHARE_STEPS).checked_div(whole);
        self.bar.set_position(steps.unwrap_or(0));
    }

    /// Writes a line above, whether or not there is a terminal.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Takes the line away, so that something else can be written.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}
