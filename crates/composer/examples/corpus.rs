//! Renders a corpus: `corpus OUT N [--seed S] [--rate HZ] [--split train|held-out] [--threads T]
//! [--soundfont SF2] [--duration SECONDS]`.

use mustool_composer::corpus::Corpus;
use mustool_composer::{Composer, SoundBank, Split};
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str, usual: &str| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|i| args.get(i + 1))
            .cloned()
            .unwrap_or_else(|| usual.to_owned())
    };
    let [folder, count, ..] = &args[..] else {
        return Err("usage: corpus OUT N [--seed S] [--rate HZ] [--split train|held-out] …".into());
    };
    let held_out = option("--split", "train") == "held-out";
    let corpus = Corpus {
        seed: option("--seed", "1").parse()?,
        split: if held_out {
            Split::HeldOut
        } else {
            Split::Train
        },
        composer: Composer::new(option("--duration", "10.24").parse()?),
    };
    let soundfont = PathBuf::from(option(
        "--soundfont",
        "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    ));
    let bank = SoundBank::open(&soundfont, option("--rate", "24000").parse()?)?;
    let started = std::time::Instant::now();
    let threads: usize = option("--threads", "1").parse()?;
    let mut existing = None;
    let mut count_now = 0;
    corpus.write(Path::new(folder), count.parse()?, &bank, threads, |done| {
        existing.get_or_insert(done);
        count_now = done;
        true
    })?;
    let new = count_now - existing.unwrap_or(0);
    let spent_s = started.elapsed().as_secs_f64();
    let times_real = new as f64 * option("--duration", "10.24").parse::<f64>()? / spent_s;
    let summary = format!(
        "{count_now} clips, {new} new in {spent_s:.1} s, {times_real:.0} times real time\n"
    );
    Ok(std::fs::write(
        Path::new(folder).join("corpus.log"),
        summary,
    )?)
}
