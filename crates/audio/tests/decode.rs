//! Every format that users bring, good and broken: the same sound comes out, or a clear reason.

use std::path::{Path, PathBuf};

use mustool_audio::decode::{DecodeLimits, from_bytes, from_path};
use mustool_audio::resample::resample;
use mustool_audio::{Error, Tags, Waveform, wav};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/audio")
        .join(name)
}

fn decode(name: &str) -> Waveform {
    from_path(&fixture(name), &DecodeLimits::default()).expect("the fixture can be decoded")
}

fn decode_bytes(bytes: Vec<u8>) -> Result<Waveform, Error> {
    from_bytes(Path::new("upload"), bytes, &DecodeLimits::default())
}

/// How far the sound lies above its difference from the reference, in dB.
fn signal_to_noise_db(found: &Waveform, reference: &Waveform) -> f64 {
    let power = |x: f32| f64::from(x) * f64::from(x);
    let pairs = || found.samples().iter().zip(reference.samples());
    let noise: f64 = pairs().map(|(a, b)| power(a - b)).sum();
    10.0 * (pairs().map(|(_, b)| power(*b)).sum::<f64>() / noise).log10()
}

#[test]
fn lossless_formats_give_the_reference_exactly() {
    let reference = decode("reference.wav");
    let left = Waveform::mono(reference.channel(0), 44_100).unwrap();
    for name in ["tone.flac", "tone_alac.m4a", "tone.aiff", "tone_f64.wav"] {
        assert_eq!(decode(name), left, "{name}");
    }
}

#[test]
fn lossy_formats_keep_time_and_length() {
    let reference = decode("reference.wav");
    for (name, least_db) in [("tone.mp3", 20.0), ("tone.ogg", 20.0), ("tone.m4a", 20.0)] {
        let found = decode(name);
        assert_eq!(found.num_frames(), reference.num_frames(), "{name}");
        // One frame of delay would cost the chirp all but a few dB.
        let ratio_db = signal_to_noise_db(&found, &reference);
        assert!(ratio_db > least_db, "{name}: {ratio_db} dB");
    }
}

#[test]
fn coarse_formats_are_near_the_reference() {
    let reference = decode("reference.wav");
    let left = Waveform::mono(reference.channel(0), 44_100).unwrap();
    for (name, expected) in [
        ("tone_adpcm.wav", &reference),
        ("tone_mulaw.wav", &left),
        ("tone_u8.wav", &left),
    ] {
        let ratio_db = signal_to_noise_db(&decode(name), expected);
        assert!(ratio_db > 25.0, "{name}: {ratio_db} dB");
    }
}

#[test]
fn opus_of_the_reference_encoder_keeps_time_and_length() {
    let reference = resample(&decode("reference.wav"), 48_000).unwrap();
    let found = decode("tone.opus");
    assert_eq!(found.num_frames(), reference.num_frames());
    let ratio_db = signal_to_noise_db(&found, &reference);
    assert!(ratio_db > 15.0, "{ratio_db} dB");
}

#[test]
fn bare_aac_keeps_the_encoders_delay() {
    // ADTS has no place to state it: 1024 frames before the sound, and a full last block.
    let (found, reference) = (decode("tone.aac"), decode("reference.wav"));
    assert_eq!(found.num_frames() % 1024, 0);
    let shifted = Waveform::new(found.samples()[2 * 1024..].to_vec(), 2, 44_100).unwrap();
    assert!(signal_to_noise_db(&shifted, &reference) > 20.0);
}

#[test]
fn the_name_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    for (name, wrong) in [
        ("tone.mp3", "ein wölkchen ♪.wav"),
        ("tone.ogg", "x.flac"),
        ("tone.flac", "x.mp3"),
    ] {
        let path = folder.path().join(wrong);
        std::fs::copy(fixture(name), &path).unwrap();
        assert_eq!(
            from_path(&path, &DecodeLimits::default()).unwrap(),
            decode(name),
            "{name}"
        );
    }
}

#[test]
fn other_formats_are_named_with_a_remedy() {
    for (name, kind) in [
        ("tone.webm", "WebM"),
        ("tone.wma", "WMA"),
        ("make.py", "text"),
    ] {
        let error = from_path(&fixture(name), &DecodeLimits::default()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Unsupported { .. }), "{text}");
        assert!(
            text.contains(kind) && text.contains(name) && text.contains("not supported; "),
            "{text}"
        );
    }
}

#[test]
fn files_that_were_cut_are_refused_and_can_be_accepted() {
    let parts = [
        ("reference.wav", 28_000),
        ("tone.flac", 4_000),
        ("tone.mp3", 2_400),
    ];
    for (name, num_bytes) in parts {
        let half = std::fs::read(fixture(name)).unwrap()[..num_bytes].to_vec();
        let refused = decode_bytes(half.clone()).unwrap_err();
        assert!(
            matches!(refused, Error::Damaged { .. }),
            "{name}: {refused}"
        );
        let limits = DecodeLimits {
            accept_damaged: true,
            ..Default::default()
        };
        let kept = from_bytes(Path::new(name), half, &limits).unwrap();
        assert!(
            (0.05..0.35).contains(&kept.duration_s()),
            "{name}: {} s",
            kept.duration_s()
        );
    }
    // All sound of so short an Ogg file is in one page, AIFF and MP4 cannot be read without their
    // whole length: nothing is kept.
    for (name, num_bytes) in [
        ("tone.ogg", 5_000),
        ("tone.aiff", 14_000),
        ("tone.m4a", 2_000),
    ] {
        let half = std::fs::read(fixture(name)).unwrap()[..num_bytes].to_vec();
        let refused = decode_bytes(half).unwrap_err();
        assert!(
            matches!(refused, Error::Damaged { .. }),
            "{name}: {refused}"
        );
    }
}

#[test]
fn a_flipped_bit_fails_the_flac_checksum() {
    let mut bytes = std::fs::read(fixture("tone.flac")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert!(matches!(decode_bytes(bytes), Err(Error::Damaged { .. })));
}

#[test]
fn every_limit_is_kept() {
    let refuse = |limits: DecodeLimits| from_path(&fixture("reference.wav"), &limits).unwrap_err();
    let default = DecodeLimits::default;
    assert!(matches!(
        refuse(DecodeLimits {
            max_bytes: 70_603,
            ..default()
        }),
        Error::TooLarge { bytes: 70_604, .. }
    ));
    assert!(matches!(
        refuse(DecodeLimits {
            max_duration_s: 0.39,
            ..default()
        }),
        Error::TooLong { .. }
    ));
    assert!(matches!(
        refuse(DecodeLimits {
            max_samples: 35_279,
            ..default()
        }),
        Error::TooLong { .. }
    ));
    assert!(matches!(
        refuse(DecodeLimits {
            max_channels: 1,
            ..default()
        }),
        Error::TooManyChannels { channels: 2, .. }
    ));
    assert!(matches!(
        refuse(DecodeLimits {
            max_sample_rate: 44_099,
            ..default()
        }),
        Error::SampleRateOutOfRange { .. }
    ));
    assert!(matches!(
        refuse(DecodeLimits {
            min_sample_rate: 44_101,
            ..default()
        }),
        Error::SampleRateOutOfRange { .. }
    ));
    // Stops while decoding, too, where the file declares no length.
    let short = DecodeLimits {
        max_duration_s: 0.2,
        ..default()
    };
    assert!(matches!(
        from_path(&fixture("tone.aac"), &short),
        Err(Error::TooLong { .. })
    ));
}

#[test]
fn samples_that_are_no_numbers_or_deafening_are_refused() {
    let sound = Waveform::mono(vec![0.5; 100], 8_000).unwrap();
    let bytes = wav::to_bytes(&sound, wav::SampleFormat::Float32, &Tags::new()).unwrap();
    let with_sample = |value: f32| {
        let mut bytes = bytes.clone();
        let end = bytes.len();
        bytes[end - 8..end - 4].copy_from_slice(&value.to_le_bytes());
        decode_bytes(bytes)
    };
    assert!(matches!(
        with_sample(f32::NAN),
        Err(Error::NotFiniteIn { index: 98, .. })
    ));
    assert!(matches!(
        with_sample(f32::INFINITY),
        Err(Error::NotFiniteIn { index: 98, .. })
    ));
    assert!(matches!(with_sample(1e5), Err(Error::Damaged { .. })));
    assert_eq!(with_sample(3.0).unwrap().samples()[98], 3.0);
}

#[test]
fn nothing_and_silence_differ() {
    let no_frames = Waveform::new(vec![], 2, 8_000).unwrap();
    let bytes = wav::to_bytes(&no_frames, wav::SampleFormat::Pcm16, &Tags::new()).unwrap();
    assert!(matches!(decode_bytes(bytes), Err(Error::Empty { .. })));
    assert!(matches!(decode_bytes(vec![]), Err(Error::Empty { .. })));
    let one = Waveform::mono(vec![0.0], 8_000).unwrap();
    let bytes = wav::to_bytes(&one, wav::SampleFormat::Pcm16, &Tags::new()).unwrap();
    assert_eq!(decode_bytes(bytes).unwrap(), one);
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("absent.wav")] {
        assert!(matches!(
            from_path(path, &DecodeLimits::default()),
            Err(Error::Open { .. })
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn noise_in_a_file_gives_a_sound_or_a_reason(
        which in 0_usize..9,
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        accept_damaged in any::<bool>(),
    ) {
        let names = ["tone.mp3", "tone.ogg", "tone.m4a", "tone.aac", "tone_alac.m4a", "tone.flac",
            "tone.aiff", "tone_adpcm.wav", "tone_u8.wav"];
        let mut bytes = std::fs::read(fixture(names[which])).unwrap();
        // Half of the damage goes to the header, where it matters most.
        for (i, (place, value)) in places.iter().enumerate() {
            let range = if i % 2 == 0 { bytes.len() } else { bytes.len().min(400) };
            bytes[place.index(range)] = *value;
        }
        if places.len() > 6 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = DecodeLimits { accept_damaged, ..Default::default() };
        match from_bytes(Path::new("noise"), bytes, &limits) {
            Ok(sound) => prop_assert!(!sound.is_empty() && sound.peak() <= limits.max_amplitude),
            Err(error) => {
                let text = error.to_string();
                prop_assert!(text.contains("noise"), "{}", text);
            }
        }
    }
}
