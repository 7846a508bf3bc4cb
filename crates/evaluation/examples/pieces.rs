//! Judges pieces that were made elsewhere: `pieces RECORDS REFERENCES GENERATED`.
//!
//! `RECORDS` is a composer's records.jsonl, the other two are folders of audio in the order of its
//! lines. Prints the report as JSON, then one line a piece.

use std::io::Write;
use std::path::{Path, PathBuf};

use mustool_audio::decode::{self, DecodeLimits};
use mustool_evaluation::report::{Examiner, Pair, Report};
use mustool_music::Plan;

fn sorted(folder: &str) -> std::io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(Path::new(folder))?.collect();
    let mut paths: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, records, references, generated] = &args[..] else {
        return Err("usage: pieces RECORDS REFERENCES GENERATED".into());
    };
    let examiner = Examiner::new()?;
    let files = sorted(references)?.into_iter().zip(sorted(generated)?);
    let mut pairs = Vec::new();
    let mut lines = Vec::new();
    for (prompt, (line, (reference, generated))) in std::fs::read_to_string(records)?
        .lines()
        .zip(files)
        .enumerate()
    {
        let record: serde_json::Value = serde_json::from_str(line)?;
        let plan: Plan = serde_json::from_value(record["plan"].clone())?;
        let examine = |path: &Path| -> Result<_, Box<dyn std::error::Error>> {
            let waveform = decode::from_path(path, &DecodeLimits::default())?;
            Ok(examiner.examine(&plan, &waveform)?)
        };
        let (generated, reference) = (examine(&generated)?, examine(&reference)?);
        lines.push(serde_json::json!({
            "style": plan.style, "instruments": plan.instruments,
            "heard_style": generated.heard_style, "heard": generated.heard_instruments,
            "ceiling_style": reference.heard_style, "ceiling_heard": reference.heard_instruments,
            "control": generated.control, "agreement": generated.agreement,
            "ceiling_agreement": reference.agreement,
        }));
        pairs.push(Pair {
            prompt,
            plan,
            generated,
            reference: Some(reference),
        });
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&Report::new(&pairs))?)?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
