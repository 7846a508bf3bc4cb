//! Folders as people have them: with broken files, wrong rates, missing sounds and half lines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mustool_audio::semitone::{SemitoneConfig, SemitoneSpectrogram};
use mustool_audio::wav::{self, SampleFormat};
use mustool_audio::{Tags, Waveform};
use mustool_training::Error;
use mustool_training::data::clips::Clips;
use mustool_training::data::origin::Origin;
use mustool_training::data::prepare::{Index, Place, prepare};
use std::ops::ControlFlow;
use std::path::Path;

const FRAMES: usize = 64;

fn spectrogram() -> SemitoneSpectrogram {
    SemitoneSpectrogram::new(SemitoneConfig::default()).unwrap()
}

/// A tone of `seconds` at a sample rate.
fn write_tone(path: &Path, hz: f64, seconds: f64, sample_rate: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let rate = f64::from(sample_rate);
    let samples = (0..(seconds * rate) as usize)
        .map(|i| (0.5 * (i as f64 / rate * hz * std::f64::consts::TAU).sin()) as f32)
        .collect();
    let waveform = Waveform::mono(samples, sample_rate).unwrap();
    wav::write_file(path, &waveform, SampleFormat::Pcm16, &Tags::default()).unwrap();
}

fn prepared(folder: &Path, cache: &Path) -> mustool_training::Result<(Place, Index)> {
    let place = Place {
        folder: cache.to_path_buf(),
        name: "train",
    };
    let origin = Origin::Folder(folder);
    let mut go_on = |_, _| ControlFlow::Continue(());
    let index = prepare(&origin, &place, FRAMES, None, &spectrogram(), &mut go_on)?;
    Ok((place, index.unwrap()))
}

#[test]
fn a_folder_with_broken_files_is_survived_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_tone(&at("good.wav"), 440.0, 0.64, 24_000);
    write_tone(&at("other_rate.wav"), 440.0, 0.64, 44_100);
    write_tone(&at("truncated.wav"), 440.0, 2.0, 24_000);
    let bytes = std::fs::read(at("truncated.wav")).unwrap();
    std::fs::write(at("truncated.wav"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(at("zero.wav"), b"").unwrap();
    std::fs::write(at("text.wav"), b"this is not music, whatever its name says").unwrap();
    write_tone(&at("short.wav"), 440.0, 0.1, 24_000);
    let silence = Waveform::mono(vec![0.0; 24_000], 24_000).unwrap();
    wav::write_file(
        &at("silent.wav"),
        &silence,
        SampleFormat::Pcm16,
        &Tags::default(),
    )
    .unwrap();
    let mut wrong_rate = std::fs::read(at("good.wav")).unwrap();
    wrong_rate[24..28].copy_from_slice(&3u32.to_le_bytes());
    std::fs::write(at("wrong_rate.wav"), wrong_rate).unwrap();
    let lines = [
        r#"{"location": "good.wav", "captions": "a tone"}"#,
        r#"{"location": "other_rate.wav"}"#,
        r#"{"location": "truncated.wav"}"#,
        r#"{"location": "zero.wav"}"#,
        r#"{"location": "text.wav"}"#,
        r#"{"location": "short.wav"}"#,
        r#"{"location": "silent.wav"}"#,
        r#"{"location": "wrong_rate.wav"}"#,
        r#"{"location": "absent.wav"}"#,
        r#"{"location": "../outside.wav"}"#,
        r#"{"location": "/etc/passwd"}"#,
        r#"{"location": "good.wav", "beats": [[0.5, 0.1], [1, 2]]}"#,
        r#"{"location": 7}"#,
        r#"{"location": "good.wav", "capt"#,
    ];
    let mut records = lines.join("\n").into_bytes();
    records.extend(b"\n\n\xff\xfe\n");
    std::fs::write(at("records.jsonl"), records).unwrap();

    let cache = folder.path().join("cache");
    let (place, index) = prepared(folder.path(), &cache).unwrap();
    assert_eq!(index.annotations.len(), 2);
    assert_eq!(index.annotations[0].captions, ["a tone"]);
    let reasons: Vec<String> = index
        .skipped
        .iter()
        .map(|s| format!("{}: {}", s.what, s.reason))
        .collect();
    let wanted = [
        ("line 3", "truncated.wav"),
        ("line 4", "zero.wav"),
        ("line 5", "text.wav"),
        ("line 6", "at least 0.32 s"),
        ("line 7", "silent"),
        ("line 8", "wrong_rate.wav"),
        ("line 9", "absent.wav"),
        ("line 10", "not inside the folder"),
        ("line 11", "not inside the folder"),
        ("line 12", "plan cannot be played"),
        ("line 13", "is no record"),
        ("line 14", "is no record"),
        ("line 16", "utf-8"),
    ];
    assert_eq!(reasons.len(), wanted.len(), "{reasons:#?}");
    for (reason, (line, words)) in reasons.iter().zip(wanted) {
        assert!(
            reason.contains(line) && reason.contains(words),
            "{reason}: {words}"
        );
    }

    // Both rates give the same picture: A4 stands out.
    let clips = Clips::open(&place, index).unwrap();
    for i in 0..2 {
        let frame = clips.spectrogram(i, 30, 1).unwrap();
        let loudest = (0..96)
            .max_by(|&a, &b| frame[a].total_cmp(&frame[b]))
            .unwrap();
        assert_eq!(loudest, 69 - 31, "clip {i}");
        assert_eq!(clips.audio(i, 0, FRAMES).unwrap().len(), FRAMES * 240);
    }
}

#[test]
fn prepared_files_are_reused_until_a_sound_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (music, cache) = (folder.path().join("music"), folder.path().join("cache"));
    write_tone(&music.join("b/two.wav"), 220.0, 0.64, 24_000);
    write_tone(&music.join("one.wav"), 440.0, 0.64, 24_000);
    std::fs::write(music.join("one.txt"), "a high tone\n").unwrap();
    let (place, index) = prepared(&music, &cache).unwrap();
    let captions: Vec<_> = index
        .annotations
        .iter()
        .map(|a| a.captions.clone())
        .collect();
    assert_eq!(captions, [vec![], vec!["a high tone".to_owned()]]);
    let made = std::fs::metadata(place.path("spectrograms"))
        .unwrap()
        .modified()
        .unwrap();

    let again = prepared(&music, &cache).unwrap().1;
    assert_eq!(again.fingerprint, index.fingerprint);
    let still = std::fs::metadata(place.path("spectrograms"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(made, still, "nothing was made again");

    write_tone(&music.join("one.wav"), 440.0, 1.28, 24_000);
    let changed = prepared(&music, &cache).unwrap().1;
    assert_ne!(changed.fingerprint, index.fingerprint);
    assert_eq!(
        changed.annotations.len(),
        3,
        "the longer sound is two clips"
    );
}

#[test]
fn long_sounds_become_clips_with_their_own_beats() {
    let folder = tempfile::tempdir().unwrap();
    write_tone(&folder.path().join("long.wav"), 440.0, 1.28 + 0.4, 24_000);
    let beats =
        r#"{"location": "long.wav", "bpm": 120, "beats": [[0.0, 0.5, 1.0, 1.5], [1, 2, 1, 2]]}"#;
    std::fs::write(folder.path().join("records.jsonl"), beats).unwrap();
    let (place, index) = prepared(folder.path(), &folder.path().join("cache")).unwrap();
    let times: Vec<Vec<f64>> = index
        .annotations
        .iter()
        .map(|a| {
            a.plan
                .as_ref()
                .unwrap()
                .beats
                .iter()
                .map(|b| b.time_s)
                .collect()
        })
        .collect();
    assert_eq!(times.len(), 3);
    assert_eq!(times[0], [0.0, 0.5]);
    assert!(
        (times[1][0] - 0.36).abs() < 1e-9 && (times[2][0] - 0.22).abs() < 1e-9,
        "{times:?}"
    );
    let clips = Clips::open(&place, index).unwrap();
    let end = clips.audio(2, FRAMES - 1, 1).unwrap();
    assert!(
        end.iter().all(|&x| x == 0.0),
        "the rest of the last clip is silence"
    );
    let (mean, std) = clips.statistics().unwrap();
    assert!(mean < 0.0 && std > 0.1 && std.is_finite());
}

#[test]
fn a_folder_without_music_is_refused_with_the_first_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("noise.wav"), b"RIFF").unwrap();
    let cache = folder.path().join("cache");
    let Err(Error::NoClips { skipped, first, .. }) = prepared(folder.path(), &cache) else {
        panic!("accepted")
    };
    assert_eq!(skipped, 1);
    assert!(first.unwrap().contains("noise.wav"));
    let missing = prepared(&folder.path().join("nowhere"), &cache);
    assert!(matches!(missing, Err(Error::Read { .. })));
}

#[test]
fn a_stopped_preparation_leaves_no_half_files() {
    let folder = tempfile::tempdir().unwrap();
    write_tone(&folder.path().join("a.wav"), 440.0, 0.64, 24_000);
    let place = Place {
        folder: folder.path().join("cache"),
        name: "train",
    };
    let origin = Origin::Folder(folder.path());
    let mut stop = |_, _| ControlFlow::Break(());
    let stopped = prepare(&origin, &place, FRAMES, None, &spectrogram(), &mut stop).unwrap();
    assert!(stopped.is_none());
    assert!(!place.path("json").exists() && !place.path("spectrograms").exists());
    let mut go_on = |_, _| ControlFlow::Continue(());
    let done = prepare(&origin, &place, FRAMES, None, &spectrogram(), &mut go_on).unwrap();
    assert_eq!(done.unwrap().annotations.len(), 1);
}
