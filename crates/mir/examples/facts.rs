//! Prints the facts of audio files as JSON lines, for comparison with annotations.

use std::io::Write;

use mustool_audio::decode::{self, DecodeLimits};
use mustool_mir::Analyzer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let analyzer = Analyzer::new()?;
    let (mut audio_s, mut spent) = (0.0, std::time::Duration::ZERO);
    for path in std::env::args().skip(1) {
        let waveform = decode::from_path(path.as_ref(), &DecodeLimits::default())?;
        let start = std::time::Instant::now();
        let facts = analyzer.analyze(&waveform)?;
        spent += start.elapsed();
        audio_s += facts.duration_s;
        writeln!(
            std::io::stdout(),
            "{}",
            serde_json::json!({ "file": path, "facts": facts })
        )?;
    }
    let speed = audio_s / spent.as_secs_f64();
    writeln!(std::io::stderr(), "{speed:.0} times real time")?;
    Ok(())
}
