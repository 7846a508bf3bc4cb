//! What is written is read back: samples by the decoder, tags to the byte, files whole or not at all.

use std::io::Cursor;
use std::path::Path;

use mustool_audio::decode::{DecodeLimits, from_bytes};
use mustool_audio::wav::SampleFormat;
use mustool_audio::{Error, Tags, Waveform, flac, tags, wav};
use proptest::prelude::*;

const FORMATS: [SampleFormat; 3] = [
    SampleFormat::Pcm16,
    SampleFormat::Pcm24,
    SampleFormat::Float32,
];

fn decode(bytes: Vec<u8>) -> Waveform {
    let limits = DecodeLimits {
        max_channels: 64,
        min_sample_rate: 1,
        ..Default::default()
    };
    from_bytes(Path::new("written"), bytes, &limits).expect("what was written can be read")
}

fn read_tags(bytes: Vec<u8>) -> Result<Tags, Error> {
    tags::read_from(Path::new("written"), &mut Cursor::new(bytes))
}

fn generation_tags() -> Tags {
    let pairs = [
        (
            "prompt",
            "A slow waltz in E♭, \"con sordino\"\nwith = signs",
        ),
        ("seed", "18446744073709551615"),
        ("plan", r#"{"tempo_bpm":92.5,"chords":["E♭maj7","N"]}"#),
        ("empty", ""),
    ];
    let mut tags = Tags::new();
    for (key, value) in pairs {
        tags.insert(key, value).expect("the keys are allowed");
    }
    tags
}

/// Noise from −1.2 to 1.2, the same every time.
fn noise(num_samples: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        1.2 * (f64::from(state) / 2_147_483_648.0 - 1.0) as f32
    };
    (0..num_samples).map(|_| next()).collect()
}

fn quantised(samples: &[f32], bits: u16) -> Vec<f32> {
    let full = 2.0_f64.powi(i32::from(bits) - 1);
    let value = |x: f32| {
        (f64::from(x) * full)
            .round_ties_even()
            .clamp(-full, full - 1.0)
            / full
    };
    samples.iter().map(|&x| value(x) as f32).collect()
}

#[test]
fn wav_bytes_are_as_the_specification_says() {
    let sound = Waveform::mono(vec![0.0, 1.0, -1.0], 8_000).unwrap();
    let bytes = wav::to_bytes(&sound, SampleFormat::Pcm16, &Tags::new()).unwrap();
    let expected =
        b"RIFF\x2a\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0\
        data\x06\0\0\0\0\0\xff\x7f\0\x80";
    assert_eq!(bytes, expected);
}

#[test]
fn odd_chunks_are_padded() {
    let sound = Waveform::mono(vec![0.25; 3], 8_000).unwrap();
    let bytes = wav::to_bytes(&sound, SampleFormat::Pcm24, &generation_tags()).unwrap();
    assert_eq!(bytes.len() % 2, 0);
    assert_eq!(
        u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize,
        bytes.len() - 8
    );
    assert_eq!(decode(bytes), sound);
}

#[test]
fn tags_come_back_to_the_byte() {
    let sound = Waveform::new(noise(2000, 1), 2, 44_100).unwrap();
    for format in FORMATS {
        let bytes = wav::to_bytes(&sound, format, &generation_tags()).unwrap();
        assert_eq!(read_tags(bytes.clone()).unwrap(), generation_tags());
        let prompt = "A slow waltz in E♭".as_bytes();
        let info = bytes
            .windows(4)
            .position(|window| window == b"ICMT")
            .unwrap();
        assert_eq!(&bytes[info + 8..info + 8 + prompt.len()], prompt);
    }
    let bytes = flac::to_bytes(&sound, SampleFormat::Pcm16, &generation_tags()).unwrap();
    assert_eq!(read_tags(bytes.clone()).unwrap(), generation_tags());
    assert_eq!(decode(bytes).samples(), quantised(sound.samples(), 16));
}

#[test]
fn a_whole_mebibyte_of_tags_fits_and_is_read() {
    let mut large = Tags::new();
    // A control character takes six bytes in JSON.
    large
        .insert("plan", "\u{1}".repeat(tags::MAX_BYTES - 4))
        .unwrap();
    let sound = Waveform::mono(vec![0.5; 64], 8_000).unwrap();
    for bytes in [
        wav::to_bytes(&sound, SampleFormat::Pcm16, &large).unwrap(),
        flac::to_bytes(&sound, SampleFormat::Pcm16, &large).unwrap(),
    ] {
        assert_eq!(decode(bytes.clone()), sound);
        assert_eq!(read_tags(bytes).unwrap(), large);
    }
}

#[test]
fn tags_of_other_programs_and_of_none() {
    let sound = Waveform::mono(vec![0.5; 8], 8_000).unwrap();
    let plain = wav::to_bytes(&sound, SampleFormat::Pcm16, &Tags::new()).unwrap();
    assert!(read_tags(plain.clone()).unwrap().is_empty());
    let mut foreign = plain[..36].to_vec();
    foreign.extend(b"LIST\x1c\0\0\0INFOINAM\x05\0\0\0\xc9tude\0IXYZ\x01\0\0\0x\0");
    foreign.extend(&plain[36..]);
    let found = read_tags(foreign).unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [("title", "Étude")]);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/audio");
    for name in ["tone.mp3", "tone.opus"] {
        let written_by = tags::read(&fixtures.join(name)).unwrap();
        assert!(!written_by.is_empty(), "{name}");
    }
    assert!(tags::read(&fixtures.join("tone.ogg")).unwrap().is_empty());
    assert!(matches!(
        tags::read(&fixtures.join("tone.wma")),
        Err(Error::Unsupported { .. })
    ));
    assert!(matches!(
        read_tags(b"RIF".to_vec()),
        Err(Error::Damaged { .. })
    ));
}

#[test]
fn the_same_sound_gives_the_same_bytes() {
    let sound = Waveform::new(noise(30_000, 7), 2, 48_000).unwrap();
    let write = || {
        let flac = flac::to_bytes(&sound, SampleFormat::Pcm24, &generation_tags()).unwrap();
        (
            wav::to_bytes(&sound, SampleFormat::Pcm16, &generation_tags()).unwrap(),
            flac,
        )
    };
    assert_eq!(write(), write());
}

#[test]
fn music_in_flac_is_smaller() {
    let tone = |i: usize| 0.5 * (i as f32 * 0.05).sin();
    let sound = Waveform::mono((0..48_000).map(tone).collect(), 48_000).unwrap();
    let flac = flac::to_bytes(&sound, SampleFormat::Pcm16, &Tags::new()).unwrap();
    assert!(flac.len() < 48_000, "{} bytes", flac.len());
}

#[test]
fn what_flac_cannot_hold_is_refused() {
    let nine = Waveform::new(vec![0.0; 9], 9, 44_100).unwrap();
    let fast = Waveform::mono(vec![0.0; 9], 192_000).unwrap();
    let mono = Waveform::mono(vec![0.0; 9], 44_100).unwrap();
    for (sound, format) in [
        (nine, SampleFormat::Pcm16),
        (fast, SampleFormat::Pcm16),
        (mono, SampleFormat::Float32),
    ] {
        let refused = flac::to_bytes(&sound, format, &Tags::new());
        assert!(matches!(refused, Err(Error::Format { format: "FLAC", .. })));
    }
}

#[test]
fn files_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let sound = Waveform::new(noise(800, 3), 2, 24_000).unwrap();
    for (name, write) in [
        (
            "a.wav",
            wav::write_file as fn(&Path, &Waveform, SampleFormat, &Tags) -> _,
        ),
        ("a.flac", flac::write_file),
    ] {
        let path = folder.path().join(name);
        write(&path, &sound, SampleFormat::Pcm16, &generation_tags()).unwrap();
        assert_eq!(tags::read(&path).unwrap(), generation_tags());
        assert_eq!(decode(std::fs::read(&path).unwrap()).num_frames(), 400);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn samples_come_back_as_they_were_rounded(
        num_frames in 1_usize..9000,
        channels in 1_u16..9,
        sample_rate in prop::sample::select(vec![8_000_u32, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 12_345]),
        seed in any::<u32>(),
    ) {
        let samples = noise(num_frames * usize::from(channels), seed);
        let sound = Waveform::new(samples, channels, sample_rate).unwrap();
        for format in FORMATS {
            let expected = match format {
                SampleFormat::Float32 => sound.clone(),
                _ => Waveform::new(quantised(sound.samples(), format.bits()), channels, sample_rate).unwrap(),
            };
            prop_assert_eq!(&decode(wav::to_bytes(&sound, format, &Tags::new()).unwrap()), &expected);
            if format != SampleFormat::Float32 {
                prop_assert_eq!(&decode(flac::to_bytes(&sound, format, &Tags::new()).unwrap()), &expected);
            }
        }
    }

    #[test]
    fn broken_headers_never_panic(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
        cut in any::<prop::sample::Index>(),
        as_flac in any::<bool>(),
    ) {
        let sound = Waveform::mono(vec![0.5; 40], 8_000).unwrap();
        let tags = generation_tags();
        let mut bytes = match as_flac {
            true => flac::to_bytes(&sound, SampleFormat::Pcm16, &tags).unwrap(),
            false => wav::to_bytes(&sound, SampleFormat::Pcm16, &tags).unwrap(),
        };
        for (place, value) in &places {
            let length = bytes.len();
            bytes[place.index(length)] = *value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(found) = read_tags(bytes) {
            prop_assert!(found.len() <= tags::MAX_TAGS);
        }
    }
}
