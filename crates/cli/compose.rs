//! `mustool compose`: music from a seed with exact annotations, or the rendering of a given plan.
//!
//! With `-n` and `--out` it writes a corpus for training; with `-o` one piece, composed from the
//! seed or arranged from `--plan`. How the music is made is in `mustool-composer`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use mustool_audio::wav::{self, SampleFormat};
use mustool_audio::{Tags, file};
use mustool_composer::{Composer, Corpus, Score, SoundBank, Split, Style, midi, render};
use mustool_music::Plan;

use crate::terminal;

/// Where Debian's `fluid-soundfont-gm` puts the soundfont.
pub(crate) const USUAL_SOUNDFONT: &str = "/usr/share/sounds/sf2/FluidR3_GM.sf2";

/// Compose music from a seed, with exact annotations, or render a plan.
#[derive(Debug, clap::Args)]
pub(crate) struct Compose {
    /// Seed; the same seed gives the same music.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write one piece to this WAV file.
    #[arg(short, long, value_name = "WAV", required_unless_present = "out")]
    output: Option<PathBuf>,
    /// Render this plan (JSON) instead of inventing one.
    #[arg(long, value_name = "JSON", requires = "output")]
    plan: Option<PathBuf>,
    /// Style of the arrangement of a plan; otherwise the plan's own, or pop.
    #[arg(long, requires = "plan")]
    style: Option<String>,
    /// Also write the piece as MIDI.
    #[arg(long, value_name = "MID", requires = "output")]
    midi: Option<PathBuf>,
    /// Write a corpus to this folder: audio and records.jsonl. Run again to continue.
    #[arg(long, value_name = "DIR", conflicts_with = "output")]
    out: Option<PathBuf>,
    /// How many clips the corpus has.
    #[arg(short = 'n', long, default_value_t = 1000, requires = "out")]
    num_clips: u64,
    /// Compose the harmonies that are held out for testing instead of those for training.
    #[arg(long)]
    held_out: bool,
    /// Length of a composed piece, 2 to 120 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = mustool_composer::CLIP_S)]
    duration_s: f64,
    /// Sample rate of the audio.
    #[arg(long, value_name = "HZ", default_value_t = 24_000)]
    sample_rate: u32,
    /// Threads of a corpus; all cores if not given.
    #[arg(long, requires = "out")]
    threads: Option<usize>,
    /// SoundFont 2 file to play with.
    #[arg(long, value_name = "SF2", env = "MUSTOOL_SOUNDFONT", default_value = USUAL_SOUNDFONT)]
    soundfont: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: Compose) -> anyhow::Result<()> {
    let bank = SoundBank::open(&args.soundfont, args.sample_rate).context(
        "no sounds to play with: install Debian's fluid-soundfont-gm or name a file with --soundfont",
    )?;
    match (&args.out, &args.output) {
        (Some(folder), _) => write_corpus(&args, folder, &bank),
        (None, Some(path)) => write_piece(&args, path, &bank),
        (None, None) => bail!("name a WAV file with -o or a folder with --out"),
    }
}

fn split(args: &Compose) -> Split {
    if args.held_out {
        Split::HeldOut
    } else {
        Split::Train
    }
}

fn write_corpus(args: &Compose, folder: &Path, bank: &SoundBank) -> anyhow::Result<()> {
    let composer = Composer::new(args.duration_s);
    let corpus = Corpus {
        seed: args.seed,
        split: split(args),
        composer,
    };
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let num_threads = args.threads.unwrap_or_else(cores);
    let bar = terminal::progress_bar("{bar:40} {pos}/{len} clips, {per_sec}, {eta} left");
    bar.set_length(args.num_clips);
    corpus
        .write(folder, args.num_clips, bank, num_threads, |done| {
            bar.set_position(done);
            !terminal::interrupted()
        })
        .with_context(|| format!("cannot finish the corpus in {}", folder.display()))?;
    bar.finish();
    Ok(())
}

fn write_piece(args: &Compose, path: &Path, bank: &SoundBank) -> anyhow::Result<()> {
    let score = match &args.plan {
        Some(plan) => arranged(args, plan)?,
        None => Composer::new(args.duration_s).compose(args.seed, split(args)),
    };
    let waveform = render(&score, bank)?;
    wav::write_file(path, &waveform, SampleFormat::Pcm16, &Tags::default())?;
    if let Some(path) = &args.midi {
        file::write_atomic(path, &midi::to_bytes(&score)?)?;
    }
    Ok(())
}

fn arranged(args: &Compose, path: &Path) -> anyhow::Result<Score> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the plan {}", path.display()))?;
    let plan: Plan =
        serde_json::from_str(&text).with_context(|| format!("{} is not a plan", path.display()))?;
    let name = args
        .style
        .as_deref()
        .or(plan.style.as_deref())
        .unwrap_or("pop");
    let style = Style::named(name).with_context(|| {
        let known: Vec<&str> = mustool_composer::style::STYLES
            .iter()
            .map(|s| s.name)
            .collect();
        format!(
            "there is no style called {name:?}; there are {}",
            known.join(", ")
        )
    })?;
    Composer::default()
        .arrange(&plan, style, &plan.instruments, args.seed)
        .with_context(|| format!("cannot play the plan {}", path.display()))
}
