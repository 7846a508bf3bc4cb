//! Rendering and the corpus, through a soundfont made in memory.

mod common;

use mustool_composer::corpus::{Corpus, RECORDS_FILE};
use mustool_composer::instrument::Instrument;
use mustool_composer::{
    Composer, Error, Mix, Note, Part, Role, Score, SoundBank, Split, Style, render,
};
use mustool_music::{Meter, Plan};
use std::path::Path;

const RATE: u32 = 24_000;

fn bank() -> SoundBank {
    SoundBank::from_bytes(
        common::soundfont(&common::sine(440.0, 44_100), 44_100),
        RATE,
    )
    .expect("a whole soundfont")
}

fn score(notes: Vec<Note>) -> Score {
    let part = Part {
        role: Role::Melody,
        instrument: Instrument::named("flute").expect("a known name"),
        program: 73,
        notes,
        pan: 0.0,
        level_db: 0.0,
    };
    Score {
        plan: Plan::steady(120.0, Meter::FOUR_FOUR, 2.0),
        style: Style::named("folk").expect("a known name"),
        mood: vec!["calm"],
        parts: vec![part],
        sections: Vec::new(),
        mix: Mix {
            reverb: 0.0,
            chorus: 0.0,
            tilt_db: 0.0,
        },
    }
}

fn note(start_s: f64, pitch: u8) -> Note {
    Note {
        start_s,
        duration_s: 0.6,
        pitch,
        velocity: 100,
    }
}

/// Power of one frequency in a stretch of samples.
fn power(samples: &[f32], frequency_hz: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency_hz / f64::from(RATE);
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        re += f64::from(*sample) * (step * i as f64).cos();
        im += f64::from(*sample) * (step * i as f64).sin();
    }
    (re * re + im * im) / (samples.len() as f64).powi(2)
}

fn rms(samples: &[f32]) -> f64 {
    (samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn a_note_has_its_pitch_and_its_place() {
    let waveform = render(&score(vec![note(1.0, 81)]), &bank()).unwrap();
    let samples = waveform.samples();
    assert_eq!(samples.len(), 48_000);
    assert!(rms(&samples[..23_900]) < 1e-4, "silence before the note");
    let sounding = &samples[26_400..33_600];
    assert!(rms(sounding) > 0.1);
    assert!(power(sounding, 880.0) > 100.0 * power(sounding, 830.6));
    assert!(power(sounding, 880.0) > 100.0 * power(sounding, 440.0));
}

#[test]
fn what_began_before_the_clip_sounds_at_its_first_sample() {
    let waveform = render(&score(vec![note(-0.3, 69)]), &bank()).unwrap();
    assert!(rms(&waveform.samples()[..2400]) > 0.05);
}

#[test]
fn levels_are_set_without_clipping() {
    for seed in 0..12 {
        let score = Composer::default().compose(seed, Split::Train);
        let waveform = render(&score, &bank()).unwrap();
        let (peak, rms) = (waveform.peak(), rms(waveform.samples()));
        assert!(waveform.samples().iter().all(|sample| sample.is_finite()));
        assert!(peak <= 0.9001, "{seed}: peak {peak}");
        assert!(
            (rms - 0.126).abs() < 1e-3 || (peak > 0.899 && rms < 0.126),
            "{seed}: {rms}"
        );
    }
}

#[test]
fn silence_stays_silent() {
    let waveform = render(&score(Vec::new()), &bank()).unwrap();
    assert_eq!(waveform.samples().len(), 48_000);
    assert!(waveform.samples().iter().all(|&sample| sample == 0.0));
}

#[test]
fn brightness_follows_the_tilt() {
    let share = |tilt_db: f64| {
        let mut score = score(vec![note(0.0, 45), note(0.0, 105)]);
        score.mix.tilt_db = tilt_db;
        let waveform = render(&score, &bank()).unwrap();
        let sounding = &waveform.samples()[2400..9600];
        10.0 * (power(sounding, 3520.0) / power(sounding, 110.0)).log10()
    };
    let (dark, flat, bright) = (share(-6.0), share(0.0), share(6.0));
    for step_db in [bright - flat, flat - dark] {
        assert!((4.0..6.5).contains(&step_db), "{dark} {flat} {bright}");
    }
}

#[test]
fn what_would_alias_is_removed_on_loading() {
    // 14 kHz cannot be played at 24 kHz; unfiltered it would come out at 10 kHz.
    let low = common::sine(441.0, 44_100);
    let high = common::sine(14_000.0, 44_100);
    let both: Vec<i16> = low.iter().zip(&high).map(|(a, b)| a / 2 + b / 2).collect();
    let bank = SoundBank::from_bytes(common::soundfont(&both, 44_100), RATE).unwrap();
    let waveform = render(&score(vec![note(0.0, 69)]), &bank).unwrap();
    let sounding = &waveform.samples()[2400..9600];
    let alias = power(sounding, 10_000.0) / power(sounding, 441.0);
    assert!(alias < 1e-5, "{} dB", 10.0 * alias.log10());
}

#[test]
fn damaged_soundfonts_are_refused() {
    let whole = common::soundfont(&common::sine(440.0, 44_100), 44_100);
    for len in [0, 4, 11, 60, 300, whole.len() - 20] {
        let result = SoundBank::from_bytes(whole[..len].to_vec(), RATE);
        assert!(
            matches!(result, Err(Error::BadSoundFont { .. })),
            "{len} bytes"
        );
    }
    assert!(matches!(
        SoundBank::from_bytes(whole, 8_000),
        Err(Error::SampleRate { .. })
    ));
    let missing = SoundBank::open(Path::new("/nowhere/at/all.sf2"), RATE).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/at/all.sf2"));
}

fn corpus(seed: u64) -> Corpus {
    Corpus {
        seed,
        split: Split::Train,
        composer: Composer::new(3.0),
    }
}

fn records(folder: &Path) -> String {
    std::fs::read_to_string(folder.join(RECORDS_FILE)).expect("records")
}

#[test]
fn a_corpus_is_the_same_with_any_number_of_threads() {
    let (one, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bank = bank();
    corpus(7).write(one.path(), 9, &bank, 1, |_| true).unwrap();
    corpus(7)
        .write(three.path(), 9, &bank, 3, |_| true)
        .unwrap();
    assert_eq!(records(one.path()), records(three.path()));
    for (i, line) in records(one.path()).lines().enumerate() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["index"], i);
        let location = record["location"].as_str().unwrap();
        let [a, b] = [&one, &three].map(|f| std::fs::read(f.path().join(location)).unwrap());
        assert_eq!(a.len(), 44 + 2 * 72_000);
        assert_eq!(a, b);
        let plan: Plan = serde_json::from_value(record["plan"].clone()).unwrap();
        plan.validate().unwrap();
        assert_eq!(
            record["chords"].as_array().unwrap().len(),
            plan.chords.len()
        );
        assert_eq!(
            record["beats"][0].as_array().unwrap().len(),
            plan.beats.len()
        );
    }
}

#[test]
fn an_interrupted_corpus_is_continued() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bank = bank();
    corpus(3)
        .write(whole.path(), 6, &bank, 2, |_| true)
        .unwrap();
    corpus(3)
        .write(broken.path(), 6, &bank, 1, |done| done < 3)
        .unwrap();
    // The power failed in the middle of a line.
    let path = broken.path().join(RECORDS_FILE);
    let half = records(broken.path()) + "{\"location\": \"audio/0000";
    std::fs::write(&path, half).unwrap();
    let mut counts = Vec::new();
    corpus(3)
        .write(broken.path(), 6, &bank, 2, |done| {
            counts.push(done);
            true
        })
        .unwrap();
    assert_eq!(counts, [3, 4, 5, 6]);
    assert_eq!(records(whole.path()), records(broken.path()));
}

#[test]
fn another_corpus_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let bank = bank();
    corpus(1)
        .write(folder.path(), 1, &bank, 1, |_| true)
        .unwrap();
    let before = records(folder.path());
    let error = corpus(2)
        .write(folder.path(), 2, &bank, 1, |_| true)
        .unwrap_err();
    assert!(matches!(error, Error::OtherCorpus { .. }), "{error}");
    assert_eq!(records(folder.path()), before);
}

#[test]
fn the_stream_in_memory_gives_the_same_clips() {
    let (corpus, bank) = (corpus(5), bank());
    let streamed: Vec<_> = corpus
        .stream_from(2, &bank)
        .take(2)
        .map(Result::unwrap)
        .collect();
    let again = corpus.clip(3, &bank).unwrap();
    assert_eq!(streamed[1].waveform.samples(), again.waveform.samples());
    assert_eq!(streamed[1].record.captions, again.record.captions);
    assert_eq!(streamed[0].record.index, 2);
}
