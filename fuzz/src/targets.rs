//! The readers under attack. A target panics where a promise is broken.
//!
//! Each returns a word about what happened, so that whoever drives it can tell new kinds of input
//! from known ones.

use std::io::Cursor;
use std::path::Path;

use axum::http::{HeaderMap, HeaderValue, header};
use mustool_audio::decode::{DecodeLimits, from_bytes};
use mustool_music::Chord;
use mustool_server::edge::range::{Selection, parse, select};
use mustool_server::sse::{LAST_EVENT_ID, Resume, Ring, last_event_id};
use mustool_server::wire::{EventKind, GenerationRequest};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]) -> String);

/// All targets.
pub const ALL: [Target; 5] = [
    ("chord", chord),
    ("request", request),
    ("range", range),
    ("event_id", event_id),
    ("audio", audio),
];

/// Chord symbols: what is read can be printed, and read again as the same sound.
pub fn chord(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    match Chord::parse(&text) {
        Ok(chord) => {
            for shown in [chord.to_string(), chord.to_harte()] {
                let again = Chord::parse(&shown);
                let again =
                    again.unwrap_or_else(|error| panic!("{text:?} gave {shown:?}: {error}"));
                assert!(again.same_sound(&chord), "{text:?} became {shown:?}");
            }
            format!("{:?}", chord.quality())
        }
        Err(error) => form(&error.to_string()),
    }
}

/// Bodies of `POST /v1/generations`: what is accepted keeps its meaning when it is written again.
pub fn request(data: &[u8]) -> String {
    let parsed = mustool_server::wire::parse::<GenerationRequest>(data);
    match parsed.and_then(|request| request.validate(60.0).map(|()| request)) {
        Ok(request) => {
            let json = serde_json::to_vec(&request).expect("a valid request is JSON");
            let again: GenerationRequest = serde_json::from_slice(&json).expect("its own JSON");
            assert_eq!(again.prompt, request.prompt);
            assert_eq!(again.controls, request.controls);
            again.validate(60.0).expect("still valid");
            "ok".into()
        }
        Err(error) => form(&error.to_string()),
    }
}

/// Range headers and entity tags: a part always lies inside the file.
pub fn range(data: &[u8]) -> String {
    let (len, text) = match data.split_first_chunk::<8>() {
        Some((len, text)) => (u64::from_le_bytes(*len), text),
        None => (10, data),
    };
    if let Some(range) = parse(&String::from_utf8_lossy(text), len) {
        assert!(
            range.start <= range.end && range.end <= len,
            "{range:?} of {len}"
        );
    }
    let Ok(value) = HeaderValue::from_bytes(text) else {
        return "no header".into();
    };
    let names = [
        header::RANGE,
        header::IF_RANGE,
        header::IF_NONE_MATCH,
        header::IF_MATCH,
    ];
    let kinds = names.map(|name| {
        let mut headers = HeaderMap::from_iter([(name, value.clone())]);
        headers
            .entry(header::RANGE)
            .or_insert(HeaderValue::from_static("bytes=2-5"));
        match select(&headers, "abc", len) {
            Selection::Part(range) => {
                assert!(
                    range.start < range.end && range.end <= len,
                    "{range:?} of {len}"
                );
                'p'
            }
            Selection::Whole => 'w',
            Selection::NotModified => 'n',
            Selection::PreconditionFailed => 'f',
            Selection::OutOfRange => 'o',
        }
    });
    kinds.iter().collect()
}

/// Ids of clients that come back: they get what they missed, or a snapshot.
pub fn event_id(data: &[u8]) -> String {
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return "no header".into();
    };
    let headers = HeaderMap::from_iter([(LAST_EVENT_ID, value)]);
    let Ok(seen) = last_event_id(&headers) else {
        return "refused".into();
    };
    let mut ring = Ring::default();
    for _ in 0..3 {
        ring.push(EventKind::Progress, serde_json::Value::Null);
    }
    match ring.after(seen) {
        Resume::Events(events) => {
            assert_eq!(events.len() as u64, 3 - seen);
            format!("{} events", events.len())
        }
        Resume::Snapshot(id) => {
            assert_eq!(id, 3);
            "snapshot".into()
        }
    }
}

/// Uploads: limits hold, samples are finite, tags can be read or are refused.
pub fn audio(data: &[u8]) -> String {
    let name = Path::new("upload");
    let limits = DecodeLimits {
        max_duration_s: 30.0,
        max_samples: 4 << 20,
        ..DecodeLimits::default()
    };
    let tags = mustool_audio::tags::read_from(name, &mut Cursor::new(data));
    match from_bytes(name, data.to_vec(), &limits) {
        Ok(sound) => {
            assert!(sound.samples().len() <= limits.max_samples && !sound.is_empty());
            assert!(sound.duration_s() <= limits.max_duration_s + 0.5);
            assert!(
                sound
                    .samples()
                    .iter()
                    .all(|x| x.is_finite() && x.abs() <= limits.max_amplitude)
            );
            format!("{} channels, tags {}", sound.channels(), tags.is_ok())
        }
        Err(error) => form(&error.to_string()),
    }
}

/// A message without what differs from input to input: its numbers and quotations.
fn form(message: &str) -> String {
    let mut quoted = false;
    let keep = |c: &char| {
        quoted ^= matches!(c, '"' | '`' | '\'');
        !quoted && !c.is_ascii_digit() && c.is_ascii()
    };
    message.chars().filter(keep).take(80).collect()
}
