//! `mustool analyze`: beats, tempo, metre, chords, key, tuning and loudness of audio files.
//!
//! The analysis is in `mustool-mir`; here are only the reading of files and the printing.

use std::path::PathBuf;

use anyhow::Context;
use mustool_audio::decode::{self, DecodeLimits};
use mustool_mir::{Analysis, Analyzer};
use serde_json::json;

use crate::args::limit_threads;
use crate::terminal;

/// Chords on a line of the printed chart.
const CHORDS_PER_LINE: usize = 8;

/// Find beats, tempo, metre, chords, key and loudness in audio files.
#[derive(Debug, clap::Args)]
pub(crate) struct Analyze {
    /// Audio files; most formats are read.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON object a line for each file.
    #[arg(long)]
    json: bool,
    /// Threads to compute with; all cores if not given. The result is the same.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs the command.
pub(crate) fn run(args: &Analyze) -> anyhow::Result<()> {
    limit_threads(args.threads)?;
    let analyzer = Analyzer::new().context("the weights inside the program are damaged")?;
    for path in &args.files {
        if terminal::interrupted() {
            break;
        }
        let waveform = decode::from_path(path, &DecodeLimits::default())?;
        let facts = analyzer
            .analyze(&waveform)
            .with_context(|| format!("cannot analyse {}", path.display()))?;
        if args.json {
            let mut value = serde_json::to_value(&facts)?;
            value["path"] = json!(path);
            terminal::print(&value.to_string())?;
        } else {
            terminal::print(&format!("{}", path.display()))?;
            lines(&facts)
                .iter()
                .try_for_each(|line| terminal::print(line))?;
        }
    }
    Ok(())
}

/// The facts as people read them.
fn lines(facts: &Analysis) -> Vec<String> {
    let none = || "none heard".to_owned();
    let tempo = facts
        .tempo_bpm
        .map_or_else(none, |bpm| format!("{bpm:.1} bpm"));
    let meter = facts.meter.map_or_else(none, |meter| meter.to_string());
    let key = facts.key.map_or_else(none, |key| {
        let sure = 100.0 * facts.key_confidence.unwrap_or_default();
        format!("{key} ({sure:.0} % sure)")
    });
    let lufs = facts.loudness.and_then(|loudness| loudness.integrated_lufs);
    let loudness = lufs.map_or("silent".to_owned(), |lufs| format!("{lufs:.1} LUFS"));
    let (beats, onsets) = (facts.beats.len(), facts.onsets_s.len());
    let mut lines = vec![
        format!("  length      {:.2} s", facts.duration_s),
        format!("  tempo       {tempo}, {beats} beats, {onsets} onsets"),
        format!("  metre       {meter}"),
        format!("  key         {key}"),
        format!("  tuning      {:+.0} cents", facts.tuning_cents),
        format!("  loudness    {loudness}"),
    ];
    for (row, chords) in facts.chords.chunks(CHORDS_PER_LINE).enumerate() {
        let chords: Vec<String> = chords
            .iter()
            .map(|e| format!("{}@{:.2}", e.chord, e.time_s))
            .collect();
        let title = if row == 0 { "chords" } else { "" };
        lines.push(format!("  {title:11} {}", chords.join(" ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_audio::Waveform;

    #[test]
    fn silence_is_told_in_plain_words() {
        let silence = Waveform::mono(vec![0.0; 24_000], 24_000).unwrap();
        let facts = Analyzer::new().unwrap().analyze(&silence).unwrap();
        let text = lines(&facts).join("\n");
        assert!(
            text.contains("tempo       none heard") && text.contains("silent"),
            "{text}"
        );
        assert!(text.contains("chords      N@0.00"), "{text}");
    }
}
