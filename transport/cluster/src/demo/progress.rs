//! What is shown while the demo runs.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on the terminal; a line per phase where stderr is none.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar that fills in so many seconds.
    pub(super) fn new(seconds: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: None };
        }
        let bar = ProgressBar::with_draw_target(Some(seconds), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos:>3}/{len} s  {msg}  {prefix} requests")
        {
            bar.set_style(style);
        }
        Self { bar: Some(bar) }
    }

    /// Something else begins.
    pub(super) fn phase(&self, name: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(name.to_owned()),
            None => eprintln!("quorate demo: {name}"),
        }
    }

    /// Time has passed.
    pub(super) fn tick(&self, elapsed: Duration, requests: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(elapsed.as_secs().min(bar.length().unwrap_or_default()));
            bar.set_prefix(requests.to_string());
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
