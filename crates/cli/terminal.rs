//! What the person at the terminal sees and does: messages, progress bars and Ctrl-C.
//!
//! Results go to stdout, everything else to stderr. Nothing here knows about music.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

static QUIET: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Silences [`say`], [`warn`] and progress bars.
pub(crate) fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

/// From now on the first Ctrl-C is noted and the second ends the program at once.
pub(crate) fn watch_for_interrupts() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot watch for Ctrl-C")
}

/// Whether Ctrl-C was pressed: the work at hand should stop and leave nothing half-written.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// A line on stderr, unless `--quiet`.
pub(crate) fn say(line: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        to_stderr(line);
    }
}

/// Something that went on but not as hoped, on stderr unless `--quiet`.
pub(crate) fn warn(line: &str) {
    say(&format!("warning: {line}"));
}

/// Why the command ends without success, on stderr.
pub(crate) fn error(line: &str) {
    to_stderr(&format!("error: {line}"));
}

fn to_stderr(line: &str) {
    // A stderr that nobody reads is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Bytes on stdout, flushed.
pub(crate) fn write_stdout(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.context("cannot write to stdout")
}

/// A line on stdout.
pub(crate) fn print(line: &str) -> anyhow::Result<()> {
    write_stdout(format!("{line}\n").as_bytes())
}

/// Whether stdout is a terminal, where audio would be noise.
pub(crate) fn stdout_is_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stdout())
}

/// A bar on stderr; invisible unless stderr is a terminal, and with `--quiet`.
pub(crate) fn progress_bar(template: &'static str) -> ProgressBar {
    if QUIET.load(Ordering::Relaxed) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
    ProgressBar::new(0).with_style(style)
}
