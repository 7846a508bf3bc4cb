//! The dictionary: what instruments and paces are called, and which words claim an instrument.

use crate::rng::Rng;
use mustool_music::tempo_range_of_word;

/// Other names of instruments; each is understood by `mustool_music` as the same instrument.
const OTHER_NAMES: &[(&str, &[&str])] = &[
    ("piano", &["grand piano", "acoustic piano", "piano"]),
    ("honky-tonk piano", &["saloon piano"]),
    (
        "electric piano",
        &["Rhodes", "e-piano", "Wurlitzer", "electric piano"],
    ),
    ("vibraphone", &["vibraphone", "vibraharp"]),
    ("bells", &["tubular bells", "chimes"]),
    ("organ", &["Hammond organ", "electric organ", "organ"]),
    ("church organ", &["pipe organ"]),
    ("accordion", &["squeezebox", "accordion"]),
    (
        "nylon guitar",
        &["classical guitar", "nylon-string guitar", "nylon guitar"],
    ),
    (
        "acoustic guitar",
        &["steel-string guitar", "acoustic guitar", "folk guitar"],
    ),
    ("jazz guitar", &["archtop guitar", "jazz guitar"]),
    (
        "electric guitar",
        &["clean electric guitar", "electric guitar"],
    ),
    (
        "overdriven guitar",
        &["crunchy guitar", "overdriven guitar"],
    ),
    (
        "distorted guitar",
        &[
            "heavy guitar",
            "distorted electric guitar",
            "distorted guitar",
        ],
    ),
    (
        "upright bass",
        &["double bass", "acoustic bass", "upright bass"],
    ),
    ("bass guitar", &["electric bass", "bass", "bass guitar"]),
    ("slap bass", &["slapped bass"]),
    ("synth bass", &["synthesizer bass", "synth bass"]),
    ("strings", &["string section", "string ensemble", "strings"]),
    ("synth strings", &["string machine", "synth strings"]),
    ("brass", &["brass section", "horn section", "brass"]),
    ("french horn", &["horn", "french horn"]),
    ("saxophone", &["sax", "saxophone", "tenor sax", "alto sax"]),
    ("soprano saxophone", &["soprano sax"]),
    ("english horn", &["cor anglais"]),
    ("whistle", &["tin whistle", "whistle"]),
    ("pan flute", &["panpipes", "pan flute"]),
    ("synth lead", &["lead synth", "synth lead"]),
    (
        "synth pad",
        &["warm pad", "pad", "ambient pad", "synth pad"],
    ),
    ("kalimba", &["thumb piano", "kalimba"]),
    ("bagpipe", &["bagpipes"]),
    ("steel drums", &["steel pan", "steel drums"]),
    ("drums", &["drum kit", "acoustic drums", "drums"]),
    ("electronic drums", &["drum machine", "electronic drums"]),
    ("brushed drums", &["brushes", "brushed drums"]),
];

/// Words that claim instruments, with those of which at least one has to be there.
const CLAIMS: &[(&str, &[&str])] = &[
    ("four-on-the-floor", DRUMS),
    ("pumping", DRUMS),
    ("rattling", DRUMS),
    ("booming", DRUMS),
    ("808-heavy", DRUMS),
    ("breakbeat-driven", DRUMS),
    ("percussive", DRUMS),
    ("hard-hitting", DRUMS),
    ("head-nodding", DRUMS),
    ("thunderous", DRUMS),
    ("brushed", &["brushed drums"]),
    ("bass-heavy", BASSES),
    ("walking", &["upright bass"]),
    ("distorted", &["distorted guitar", "overdriven guitar"]),
    ("crushing", &["distorted guitar"]),
    (
        "riff-based",
        &["distorted guitar", "overdriven guitar", "electric guitar"],
    ),
    (
        "brassy",
        &[
            "trumpet",
            "trombone",
            "brass",
            "synth brass",
            "tuba",
            "french horn",
        ],
    ),
    ("twangy", &["electric guitar", "acoustic guitar", "banjo"]),
    ("jangly", &["electric guitar", "acoustic guitar"]),
    ("strummed", &["nylon guitar", "acoustic guitar"]),
    (
        "fingerpicked",
        &["nylon guitar", "acoustic guitar", "banjo"],
    ),
    ("fast-fingered", &["banjo", "acoustic guitar", "fiddle"]),
    ("picking", &["banjo", "acoustic guitar"]),
    (
        "breathy",
        &["saxophone", "flute", "clarinet", "trumpet", "muted trumpet"],
    ),
    (
        "arpeggiated",
        &["synth lead", "synth brass", "harp", "marimba"],
    ),
    (
        "analog",
        &[
            "synth pad",
            "synth bass",
            "synth lead",
            "synth strings",
            "synth brass",
        ],
    ),
    ("honky-tonk", &["honky-tonk piano"]),
    ("jangle pop", GUITARS),
    ("electric blues", &["electric guitar", "overdriven guitar"]),
    ("Spanish guitar", &["nylon guitar"]),
    ("acoustic folk", &["acoustic guitar", "nylon guitar"]),
    ("old-time string band", &["fiddle"]),
    ("full orchestra", &["strings"]),
    ("symphonic music", &["strings"]),
    (
        "chamber music",
        &[
            "violin", "cello", "viola", "flute", "oboe", "clarinet", "bassoon", "strings",
        ],
    ),
    (
        "sonata-like piece",
        &["piano", "harpsichord", "violin", "cello", "flute"],
    ),
    ("brass band", &["brass"]),
    ("marching band", DRUMS),
    ("metal riff", GUITARS),
    ("small-combo jazz", &["upright bass"]),
    (
        "80s synth-pop",
        &[
            "synth pad",
            "synth bass",
            "synth lead",
            "synth strings",
            "synth brass",
        ],
    ),
    ("gospel ballad", &["piano", "organ"]),
    (
        "acoustic",
        &["acoustic guitar", "banjo", "upright bass", "fiddle"],
    ),
];

const DRUMS: &[&str] = &["drums", "electronic drums", "brushed drums"];
const BASSES: &[&str] = &["bass guitar", "synth bass", "upright bass", "slap bass"];
const GUITARS: &[&str] = &["electric guitar", "overdriven guitar", "distorted guitar"];

/// Words for a pace, with those of `mustool_music::tempo_range_of_word` that people say.
const PACES: [&str; 9] = [
    "very slow",
    "slow",
    "downtempo",
    "moderate",
    "medium tempo",
    "mid-tempo",
    "uptempo",
    "fast",
    "very fast",
];

/// A name for an instrument; its canonical name more often than not.
pub(super) fn called(name: &'static str, rng: &mut Rng) -> &'static str {
    match OTHER_NAMES.iter().find(|(canonical, _)| *canonical == name) {
        Some((_, others)) if rng.chance(0.5) => rng.pick(others),
        _ => name,
    }
}

/// Whether a word claims no instrument, or one that is there.
pub(super) fn holds(word: &str, instruments: &[&str]) -> bool {
    CLAIMS
        .iter()
        .find(|(claim, _)| *claim == word)
        .is_none_or(|(_, any_of)| any_of.iter().any(|name| instruments.contains(name)))
}

/// A word for the pace that is true of a tempo.
pub(super) fn pace(tempo_bpm: f64, rng: &mut Rng) -> &'static str {
    let fits = |word: &&&'static str| {
        tempo_range_of_word(word).is_some_and(|(low, high)| (low..=high).contains(&tempo_bpm))
    };
    let fitting: Vec<&'static str> = PACES.iter().filter(fits).copied().collect();
    rng.choose(&fitting)
        .copied()
        .unwrap_or(mustool_music::tempo_word(tempo_bpm))
}

/// `a, b and c`.
pub(super) fn join(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// The word with `a` or `an` before it.
pub(super) fn a(words: &str) -> String {
    let first = words.chars().next().unwrap_or('x').to_ascii_lowercase();
    let silent = words.starts_with("80") || words.starts_with("18th") || words.starts_with("8");
    let hard_vowel = ["R&B", "808"].iter().any(|w| words.starts_with(w));
    let soft = words.starts_with("uni") || words.starts_with("eu");
    let vowel = "aeiou".contains(first) && !soft || silent || hard_vowel;
    format!("{} {words}", if vowel { "an" } else { "a" })
}

/// The text with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::Instrument;
    use mustool_music::instrument_name;

    #[test]
    fn other_names_mean_the_same_instrument() {
        for (name, others) in OTHER_NAMES {
            assert!(Instrument::named(name).is_some(), "{name}");
            for other in *others {
                assert_eq!(instrument_name(other), Some(*name), "{other}");
            }
        }
    }

    #[test]
    fn every_pace_is_known_and_every_tempo_has_one() {
        assert!(PACES.iter().all(|word| tempo_range_of_word(word).is_some()));
        for bpm in 50..=190 {
            let word = pace(f64::from(bpm), &mut Rng::new(bpm as u64, "pace"));
            let (low, high) = tempo_range_of_word(word).unwrap();
            assert!((low..=high).contains(&f64::from(bpm)), "{word} for {bpm}");
        }
    }

    #[test]
    fn articles_and_lists() {
        assert_eq!(a("upbeat tune"), "an upbeat tune");
        assert_eq!(a("80s ballad"), "an 80s ballad");
        assert_eq!(a("euphoric anthem"), "a euphoric anthem");
        assert_eq!(join(&["piano", "bass", "drums"]), "piano, bass and drums");
        assert_eq!(capital("élan"), "Élan");
    }
}
