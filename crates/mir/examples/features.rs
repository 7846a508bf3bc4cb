//! Writes what the networks see of a corpus, for the scripts in `tests/reference/mir`.
//!
//! `features CORPUS OUT FIRST COUNT`: for each clip of `CORPUS/records.jsonl` the frame counts of
//! rhythm and pitch (two little-endian u32), then both pictures as bytes, times 64 and 32.

use std::io::{BufWriter, Write};
use std::path::Path;

use mustool_audio::decode::{self, DecodeLimits};
use mustool_mir::frontend::Frontend;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, corpus, out, first, count] = &args[..] else {
        return Err("usage: features CORPUS OUT FIRST COUNT".into());
    };
    let corpus = Path::new(corpus);
    let records = std::fs::read_to_string(corpus.join("records.jsonl"))?;
    let mut out = BufWriter::new(std::fs::File::create(out)?);
    for line in records.lines().skip(first.parse()?).take(count.parse()?) {
        let record: serde_json::Value = serde_json::from_str(line)?;
        let location = record["location"]
            .as_str()
            .ok_or("a record without location")?;
        let path = corpus.join(location);
        let waveform = decode::from_path(&path, &DecodeLimits::default())?;
        let seen = Frontend::new(&waveform)?;
        for (picture, scale) in [(&seen.rhythm.bands, 64.0), (&seen.pitch.semitones, 32.0)] {
            out.write_all(&(picture.num_frames() as u32).to_le_bytes())?;
            let bytes = picture
                .values()
                .iter()
                .map(|value| (value * scale).round() as u8);
            out.write_all(&bytes.collect::<Vec<u8>>())?;
        }
    }
    Ok(out.flush()?)
}
