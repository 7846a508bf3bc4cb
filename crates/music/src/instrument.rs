//! Names of instruments: one canonical name for each, close to General MIDI, and the words that
//! people use for it.
//!
//! A generic word stands for the commonest kind: "guitar" is an acoustic guitar, "bass" a bass
//! guitar. Programs, ranges and sounds of instruments are in the composer; finding names in
//! running text is in `describe`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Canonical names, each with its other names. Plurals in -s need no entry.
#[rustfmt::skip]
const VOCABULARY: [(&str, &[&str]); 98] = [
    ("piano", &["grand piano", "acoustic piano", "upright piano", "pianoforte", "piano keys", "concert grand", "felt piano"]),
    ("honky-tonk piano", &["honky tonk piano", "saloon piano", "ragtime piano", "tack piano", "honky tonk"]),
    ("electric piano", &["rhodes", "fender rhodes", "rhodes piano", "wurlitzer", "wurli", "e piano", "epiano", "electronic piano", "digital piano", "keyboard", "electric keyboard", "electronic keyboard"]),
    ("harpsichord", &["cembalo"]),
    ("clavinet", &["clav"]),
    ("celesta", &["celeste"]),
    ("glockenspiel", &["glock"]),
    ("music box", &["musicbox"]),
    ("vibraphone", &["vibraharp"]),
    ("marimba", &[]),
    ("xylophone", &[]),
    ("bells", &["tubular bells", "chimes", "church bells", "bell", "synth bells", "wind chimes"]),
    ("dulcimer", &["hammered dulcimer", "cimbalom", "santoor", "zither"]),
    ("organ", &["hammond", "hammond organ", "electric organ", "rock organ", "drawbar organ", "b3 organ", "organ keys", "hammond b3"]),
    ("church organ", &["pipe organ", "cathedral organ"]),
    ("harmonium", &["reed organ", "pump organ"]),
    ("accordion", &["accordeon", "squeezebox", "musette"]),
    ("concertina", &[]),
    ("harmonica", &["blues harp", "mouth organ", "mouth harp"]),
    ("bandoneon", &["bandoneón", "bandoneons"]),
    ("nylon guitar", &["nylon string guitar", "nylon stringed guitar", "nylon strung guitar", "classical guitar", "spanish guitar", "flamenco guitar", "nylon acoustic guitar"]),
    ("acoustic guitar", &["guitar", "steel string guitar", "steel string acoustic guitar", "folk guitar", "western guitar", "acoustic rhythm guitar", "fingerstyle guitar", "fingerpicked guitar", "12 string guitar", "twelve string guitar"]),
    ("jazz guitar", &["hollow body guitar", "hollowbody guitar", "archtop guitar", "archtop", "gypsy jazz guitar"]),
    ("electric guitar", &["clean guitar", "clean electric guitar", "lead guitar", "rhythm guitar", "e guitar", "electric lead guitar", "electric rhythm guitar", "wah guitar", "funk guitar", "surf guitar", "muted guitar", "telecaster", "stratocaster"]),
    ("overdriven guitar", &["overdrive guitar", "crunchy guitar", "crunch guitar", "overdriven electric guitar"]),
    ("distorted guitar", &["distortion guitar", "distorted electric guitar", "heavy guitar", "metal guitar", "fuzz guitar", "power chord guitar", "heavily distorted guitar", "distorted rhythm guitar"]),
    ("steel guitar", &["pedal steel", "pedal steel guitar", "lap steel", "lap steel guitar", "slide guitar", "dobro"]),
    ("bass guitar", &["bass", "electric bass", "fingered bass", "picked bass", "bassline", "bass line", "e bass", "electric bass guitar", "groovy bass"]),
    ("upright bass", &["double bass", "contrabass", "acoustic bass", "stand up bass", "standup bass", "string bass", "walking bass", "upright double bass"]),
    ("fretless bass", &["fretless bass guitar"]),
    ("slap bass", &["slapped bass", "slap bass guitar", "popped bass"]),
    ("synth bass", &["synthesizer bass", "bass synth", "sub bass", "808", "808s", "808 bass", "reese bass", "acid bass", "303", "tb 303", "electronic bass", "wobble bass", "synth bassline", "moog bass"]),
    ("violin", &["solo violin", "violin section"]),
    ("fiddle", &["country fiddle"]),
    ("viola", &[]),
    ("cello", &["celli", "violoncello", "cellos"]),
    ("pizzicato strings", &["pizzicato", "plucked strings", "pizzicatos"]),
    ("tremolo strings", &[]),
    ("harp", &["concert harp", "lever harp"]),
    ("strings", &["string section", "strings section", "string ensemble", "string orchestra", "string quartet", "orchestral strings", "string instruments", "bowed strings", "lush strings", "orchestra", "string pad"]),
    ("synth strings", &["string machine", "synthesizer strings", "solina"]),
    ("choir", &["choral voices", "gospel choir", "male choir", "female choir", "synth choir"]),
    ("vocals", &["vocal", "voice", "singing", "singer", "vocalist", "voices", "rap", "rapping", "rapper", "male vocals", "female vocals", "backing vocals", "lead vocals", "humming", "beatbox", "beatboxing"]),
    ("trumpet", &["solo trumpet", "cornet", "bugle"]),
    ("muted trumpet", &["harmon mute trumpet", "muted trumpets"]),
    ("flugelhorn", &[]),
    ("trombone", &[]),
    ("tuba", &["sousaphone", "euphonium"]),
    ("french horn", &["horn", "french horns", "orchestral horn"]),
    ("brass", &["brass section", "horns", "horn section", "brass ensemble", "brass band", "brass stabs", "brass instruments"]),
    ("synth brass", &["synthesizer brass", "synth horns"]),
    ("soprano saxophone", &["soprano sax"]),
    ("saxophone", &["sax", "saxes", "alto sax", "tenor sax", "alto saxophone", "tenor saxophone", "baritone sax", "baritone saxophone", "saxophones"]),
    ("oboe", &[]),
    ("english horn", &["cor anglais"]),
    ("bassoon", &[]),
    ("clarinet", &["bass clarinet"]),
    ("piccolo", &["piccolo flute"]),
    ("flute", &["concert flute", "alto flute", "bansuri", "bansuri flute", "wooden flute"]),
    ("woodwinds", &["woodwind", "woodwind section", "wind section"]),
    ("recorder", &["block flute"]),
    ("pan flute", &["panpipes", "pan pipes", "panpipe", "panflute", "zampona"]),
    ("shakuhachi", &[]),
    ("whistle", &["tin whistle", "penny whistle", "irish whistle", "low whistle", "whistling"]),
    ("ocarina", &[]),
    ("synth lead", &["lead synth", "synthesizer lead", "saw lead", "square lead", "synth melody", "lead synthesizer", "supersaw", "supersaws", "arp synth", "synth arp", "synth arpeggio", "chiptune lead"]),
    ("synth pad", &["pad", "synthesizer pad", "pad synth", "ambient pad", "warm pad", "synth", "synthesizer", "synths", "synth keys", "synth chords", "atmospheric pad", "analog synth", "modular synth"]),
    ("mellotron", &[]),
    ("theremin", &[]),
    ("sitar", &[]),
    ("tanpura", &["tambura"]),
    ("banjo", &[]),
    ("mandolin", &[]),
    ("ukulele", &["uke"]),
    ("lute", &["theorbo"]),
    ("oud", &[]),
    ("bouzouki", &["saz"]),
    ("balalaika", &[]),
    ("shamisen", &[]),
    ("koto", &["guzheng"]),
    ("erhu", &[]),
    ("kalimba", &["thumb piano", "mbira"]),
    ("bagpipe", &["bagpipes", "uilleann pipes"]),
    ("didgeridoo", &["didjeridu"]),
    ("steel drums", &["steel drum", "steelpan", "steel pan", "steel pans"]),
    ("handpan", &["hang drum"]),
    ("drums", &["drum", "drum kit", "drum set", "drumkit", "drumset", "drumbeat", "drum beat", "drumming", "drummer", "acoustic drums", "acoustic drum", "live drums", "snare", "snare drum", "kick", "kick drum", "bass drum", "hi hat", "hi hats", "hihat", "hihats", "hats", "cymbal", "cymbals", "ride cymbal", "crash cymbal", "rock drums", "toms"]),
    ("electronic drums", &["electronic drum", "drum machine", "electronic percussion", "808 drums", "808 drum machine", "808 kick", "808 kit", "909", "909 drums", "tr 808", "tr 909", "programmed drums", "digital drums", "digital drum", "synth drums", "linn drum", "linndrum", "trap drums", "electronic beat"]),
    ("brushed drums", &["brushes", "drum brushes", "brush drums", "brushed snare", "brushed drum kit", "jazz brushes"]),
    ("percussion", &["percussions", "percussive instruments", "hand percussion", "latin percussion", "hand drum", "hand drums", "djembe", "cajon", "cajón", "bodhran"]),
    ("congas", &["conga", "conga drums", "tumba"]),
    ("bongos", &["bongo", "bongo drums"]),
    ("tabla", &[]),
    ("shaker", &["maracas", "maraca", "cabasa", "egg shaker"]),
    ("tambourine", &["pandeiro"]),
    ("claps", &["hand claps", "handclaps", "handclap", "clap", "finger snaps", "snaps"]),
    ("timpani", &["kettledrum", "kettle drum", "timpanis", "taiko", "taiko drums", "orchestral percussion"]),
    ("turntables", &["turntable", "scratching", "vinyl scratches", "turntable scratching", "dj scratches"]),
];

/// Phrases that contain the name of an instrument but ask for none.
#[rustfmt::skip]
const OTHER_MEANINGS: [&str; 40] = [
    "drum and bass", "drum & bass", "drum n bass", "drum 'n bass", "drum'n'bass", "drum n' bass",
    "bass boosted", "bass boost", "bass music", "bass house", "bass drop", "bass heavy", "future bass", "uk bass",
    "bass clef", "bass frequencies", "bass response", "bass voice", "bass singer",
    "piano bar", "piano roll", "guitar hero", "guitar string", "guitar strings", "nylon strings", "steel strings",
    "open string", "open strings", "string theory", "strings attached", "bell curve", "bell bottoms",
    "synth pop", "synth wave", "synth punk", "synth rock", "jaw harp", "jew's harp", "voice over",
    "rap battle",
];

/// Most words in one name.
pub(crate) const MAX_PHRASE_WORDS: usize = 4;

/// The canonical names of the instruments that mustool knows.
pub const INSTRUMENTS: [&str; VOCABULARY.len()] = {
    let mut names = [""; VOCABULARY.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = VOCABULARY[index].0;
        index += 1;
    }
    names
};

/// What a known phrase stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// An instrument, by its canonical name.
    Instrument(&'static str),
    /// No instrument, whatever its words suggest.
    Other,
}

static PHRASES: LazyLock<HashMap<&'static str, Phrase>> = LazyLock::new(|| {
    let names = VOCABULARY.iter().flat_map(|&(name, others)| {
        others
            .iter()
            .chain(std::iter::once(&name))
            .map(|&other| (other, Phrase::Instrument(name)))
            .collect::<Vec<_>>()
    });
    names
        .chain(OTHER_MEANINGS.map(|phrase| (phrase, Phrase::Other)))
        .collect()
});

/// Looks up a phrase in lower case with single spaces; a plural -s may be added to it.
pub(crate) fn phrase(phrase: &str) -> Option<Phrase> {
    let singular = || PHRASES.get(phrase.strip_suffix('s')?);
    PHRASES.get(phrase).or_else(singular).copied()
}

/// The canonical name of an instrument, from any of its names: `Rhodes` is an `electric piano`.
///
/// Case, dashes and a plural -s do not matter. `None` for words that name no instrument.
pub fn instrument_name(word: &str) -> Option<&'static str> {
    const MAX_BYTES: usize = 64;
    if word.len() > MAX_BYTES {
        return None;
    }
    let plain = word.to_lowercase();
    let found = phrase(plain.trim()).or_else(|| {
        let spaced = plain.replace(['-', '_'], " ");
        phrase(&spaced.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    match found? {
        Phrase::Instrument(name) => Some(name),
        Phrase::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_meaning() {
        let mut seen = std::collections::BTreeMap::new();
        for (name, others) in VOCABULARY {
            for phrase in others.iter().chain([&name]) {
                assert_eq!(
                    seen.insert(*phrase, name),
                    None,
                    "{phrase} stands for two instruments"
                );
                assert_eq!(instrument_name(phrase), Some(name));
                assert!(phrase.split(' ').count() <= MAX_PHRASE_WORDS, "{phrase}");
                assert_eq!(*phrase, phrase.to_lowercase());
            }
        }
        for phrase in OTHER_MEANINGS {
            assert_eq!(instrument_name(phrase), None, "{phrase}");
            assert!(phrase.split(' ').count() <= MAX_PHRASE_WORDS, "{phrase}");
        }
        assert_eq!(INSTRUMENTS.len(), VOCABULARY.len());
    }

    #[test]
    fn names_in_the_wild() {
        let expected = [
            ("Rhodes", Some("electric piano")),
            ("guitars", Some("acoustic guitar")),
            ("Nylon-String Guitar", Some("nylon guitar")),
            ("honky-tonk piano", Some("honky-tonk piano")),
            ("DOUBLE BASS", Some("upright bass")),
            (" violins ", Some("violin")),
            ("drum & bass", None),
            ("banana", None),
            ("", None),
            ("s", None),
        ];
        for (word, name) in expected {
            assert_eq!(instrument_name(word), name, "{word}");
        }
        assert_eq!(instrument_name(&"drums".repeat(1000)), None);
    }
}
