//! The instruments that the composer can seat: what they are called, how low and high they play,
//! and which General MIDI sounds stand for them.
//!
//! Names are those of `mustool_music`'s vocabulary. Ranges are the comfortable written-for ranges
//! of orchestration books, in MIDI notes (60 = middle C). Drum kits are programs of bank 128.

/// What an instrument can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Plays chords that die away: piano, guitar, harp, mallets.
    Struck,
    /// Plays chords that last: organ, strings, choir, pads, accordion.
    Held,
    /// Plays one note at a time: winds, solo strings, leads.
    Solo,
    /// Plays the bass line.
    Bass,
    /// Unpitched.
    Drums,
}

/// One instrument.
#[derive(Debug, PartialEq)]
pub struct Instrument {
    /// Canonical name, as in captions and plans.
    pub name: &'static str,
    /// How loud it is in FluidR3 at velocity 90: the loudest 100 ms of a note (of a triad, where it
    /// plays chords), in dBFS. Mixes are balanced by it.
    pub loudness_db: f64,
    /// What it can be asked to do.
    pub nature: Nature,
    /// General MIDI programs that stand for it, counted from 0 (drums: programs of bank 128).
    pub programs: &'static [u8],
    /// Lowest MIDI note.
    pub low: u8,
    /// Highest MIDI note.
    pub high: u8,
    /// Shown as strings of a fretted instrument, lowest first; empty for all others.
    pub strings: &'static [u8],
}

const GUITAR: &[u8] = &[40, 45, 50, 55, 59, 64];
const BANJO: &[u8] = &[50, 55, 59, 62];

const fn instrument(
    name: &'static str,
    loudness_db: f64,
    nature: Nature,
    programs: &'static [u8],
    low: u8,
    high: u8,
) -> Instrument {
    Instrument {
        name,
        loudness_db,
        nature,
        programs,
        low,
        high,
        strings: &[],
    }
}

const fn fretted(
    name: &'static str,
    loudness_db: f64,
    programs: &'static [u8],
    low: u8,
    high: u8,
    strings: &'static [u8],
) -> Instrument {
    Instrument {
        name,
        loudness_db,
        nature: Nature::Struck,
        programs,
        low,
        high,
        strings,
    }
}

use Nature::{Bass, Drums, Held, Solo, Struck};

/// All instruments.
pub const INSTRUMENTS: &[Instrument] = &[
    instrument("piano", -33.8, Struck, &[0, 1], 28, 100),
    instrument("honky-tonk piano", -33.0, Struck, &[3], 33, 96),
    instrument("electric piano", -28.0, Struck, &[4, 5], 33, 96),
    instrument("harpsichord", -28.0, Struck, &[6], 33, 88),
    instrument("clavinet", -28.0, Struck, &[7], 36, 84),
    instrument("celesta", -27.0, Struck, &[8], 60, 100),
    instrument("glockenspiel", -27.0, Struck, &[9], 67, 103),
    instrument("music box", -28.0, Struck, &[10], 60, 96),
    instrument("vibraphone", -31.0, Struck, &[11], 53, 89),
    instrument("marimba", -26.0, Struck, &[12], 45, 91),
    instrument("xylophone", -34.0, Struck, &[13], 65, 100),
    instrument("bells", -27.0, Struck, &[14], 60, 84),
    instrument("dulcimer", -33.0, Struck, &[15], 48, 86),
    instrument("organ", -28.5, Held, &[17, 16, 18, 17], 36, 90),
    instrument("church organ", -29.0, Held, &[19], 36, 90),
    instrument("harmonium", -31.0, Held, &[20], 41, 89),
    instrument("accordion", -31.0, Held, &[21], 41, 89),
    instrument("harmonica", -33.0, Solo, &[22], 60, 89),
    instrument("bandoneon", -31.0, Held, &[23], 41, 86),
    fretted("nylon guitar", -27.5, &[24], 40, 81, GUITAR),
    fretted("acoustic guitar", -27.5, &[25], 40, 81, GUITAR),
    fretted("jazz guitar", -26.5, &[26], 40, 84, GUITAR),
    fretted("electric guitar", -31.0, &[27, 28], 40, 86, GUITAR),
    fretted("overdriven guitar", -26.0, &[29], 40, 86, GUITAR),
    fretted("distorted guitar", -23.5, &[30], 40, 86, GUITAR),
    instrument("upright bass", -31.5, Bass, &[32], 28, 55),
    instrument("bass guitar", -33.5, Bass, &[33, 34], 28, 57),
    instrument("fretless bass", -32.5, Bass, &[35], 28, 57),
    instrument("slap bass", -33.0, Bass, &[36], 28, 57),
    instrument("synth bass", -29.0, Bass, &[38, 39], 26, 57),
    instrument("tuba", -33.0, Bass, &[58], 28, 55),
    instrument("violin", -32.5, Solo, &[40], 55, 98),
    instrument("fiddle", -32.5, Solo, &[110], 55, 93),
    instrument("viola", -36.0, Solo, &[41], 48, 84),
    instrument("cello", -34.0, Solo, &[42], 36, 74),
    instrument("pizzicato strings", -27.0, Struck, &[45], 36, 88),
    instrument("harp", -26.5, Struck, &[46], 36, 96),
    instrument("strings", -31.5, Held, &[48, 48, 49, 44], 36, 91),
    instrument("synth strings", -27.0, Held, &[50, 51], 36, 91),
    instrument("tremolo strings", -31.8, Held, &[44], 36, 91),
    instrument("choir", -30.0, Held, &[52, 53], 43, 81),
    instrument("trumpet", -34.5, Solo, &[56], 55, 82),
    instrument("muted trumpet", -33.5, Solo, &[59], 55, 82),
    instrument("trombone", -28.0, Solo, &[57], 40, 70),
    instrument("french horn", -29.5, Solo, &[60], 43, 77),
    instrument("brass", -30.0, Held, &[61], 43, 82),
    instrument("synth brass", -28.5, Held, &[62, 63], 43, 84),
    instrument("soprano saxophone", -31.0, Solo, &[64], 56, 86),
    instrument("saxophone", -33.5, Solo, &[65, 66], 49, 80),
    instrument("oboe", -33.5, Solo, &[68], 58, 88),
    instrument("english horn", -37.0, Solo, &[69], 52, 81),
    instrument("bassoon", -34.5, Solo, &[70], 36, 70),
    instrument("clarinet", -31.5, Solo, &[71], 50, 86),
    instrument("piccolo", -31.0, Solo, &[72], 74, 103),
    instrument("flute", -31.5, Solo, &[73], 60, 94),
    instrument("recorder", -32.0, Solo, &[74], 65, 91),
    instrument("pan flute", -32.0, Solo, &[75], 60, 89),
    instrument("shakuhachi", -26.5, Solo, &[77], 58, 84),
    instrument("whistle", -26.0, Solo, &[78], 72, 96),
    instrument("ocarina", -29.0, Solo, &[79], 60, 84),
    instrument("synth lead", -33.0, Solo, &[80, 81], 48, 91),
    instrument("synth pad", -28.0, Held, &[88, 89, 90, 91, 95], 40, 86),
    instrument("sitar", -31.0, Struck, &[104], 48, 77),
    fretted("banjo", -27.0, &[105], 50, 86, BANJO),
    instrument("shamisen", -30.0, Struck, &[106], 50, 81),
    instrument("koto", -30.0, Struck, &[107], 50, 86),
    instrument("kalimba", -29.0, Struck, &[108], 55, 88),
    instrument("bagpipe", -31.0, Solo, &[109], 60, 79),
    instrument("steel drums", -28.0, Struck, &[114], 52, 84),
    instrument("drums", -30.0, Drums, &[0, 8, 16], 27, 87),
    instrument("electronic drums", -30.0, Drums, &[24, 25], 27, 87),
    instrument("brushed drums", -30.0, Drums, &[40, 32], 27, 87),
];

/// Instruments of `mustool_music`'s vocabulary that General MIDI lacks, and the nearest that it has.
const STAND_INS: &[(&str, &str)] = &[
    ("concertina", "accordion"),
    ("steel guitar", "electric guitar"),
    ("vocals", "choir"),
    ("flugelhorn", "muted trumpet"),
    ("woodwinds", "clarinet"),
    ("mellotron", "synth strings"),
    ("theremin", "synth lead"),
    ("tanpura", "sitar"),
    ("mandolin", "banjo"),
    ("ukulele", "nylon guitar"),
    ("lute", "nylon guitar"),
    ("oud", "nylon guitar"),
    ("bouzouki", "acoustic guitar"),
    ("balalaika", "acoustic guitar"),
    ("erhu", "violin"),
    ("didgeridoo", "synth bass"),
    ("handpan", "steel drums"),
    ("percussion", "drums"),
    ("congas", "drums"),
    ("bongos", "drums"),
    ("tabla", "drums"),
    ("shaker", "drums"),
    ("tambourine", "drums"),
    ("claps", "electronic drums"),
    ("timpani", "drums"),
    ("turntables", "electronic drums"),
];

impl Instrument {
    /// The instrument of this canonical name, or the nearest to it that can be played.
    pub fn nearest(name: &str) -> Option<&'static Self> {
        let stand_in = STAND_INS.iter().find(|(missing, _)| *missing == name);
        Self::named(stand_in.map_or(name, |(_, nearest)| nearest))
    }

    /// The instrument of this canonical name.
    pub fn named(name: &str) -> Option<&'static Self> {
        INSTRUMENTS
            .iter()
            .find(|instrument| instrument.name == name)
    }

    /// Whether it can state a whole chord by itself.
    pub fn plays_chords(&self) -> bool {
        matches!(self.nature, Nature::Struck | Nature::Held)
    }

    /// Whether its notes last as long as the key is down.
    pub fn sustains(&self) -> bool {
        matches!(self.nature, Nature::Held | Nature::Solo)
    }

    /// `pitch` moved by octaves until it lies inside the range; `None` if no octave of it does.
    pub fn fold(&self, pitch: i32) -> Option<u8> {
        let (low, high) = (i32::from(self.low), i32::from(self.high));
        let folded = match pitch {
            p if p < low => p + 12 * (low - p + 11).div_euclid(12),
            p if p > high => p - 12 * (p - high + 11).div_euclid(12),
            p => p,
        };
        u8::try_from(folded)
            .ok()
            .filter(|p| (self.low..=self.high).contains(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_an_octave_and_names_are_unique() {
        for (i, a) in INSTRUMENTS.iter().enumerate() {
            assert!(a.high - a.low >= 12, "{}", a.name);
            assert!(!a.programs.is_empty() && a.programs.iter().all(|&p| p < 128));
            assert!(
                INSTRUMENTS[i + 1..].iter().all(|b| b.name != a.name),
                "{} twice",
                a.name
            );
        }
    }

    #[test]
    fn the_whole_vocabulary_can_be_played() {
        for name in mustool_music::INSTRUMENTS {
            assert!(Instrument::nearest(name).is_some(), "{name}");
            assert_eq!(
                Instrument::named(name).is_some(),
                Instrument::nearest(name).is_some_and(|i| i.name == name)
            );
        }
        for instrument in INSTRUMENTS {
            assert!(
                mustool_music::INSTRUMENTS.contains(&instrument.name),
                "{}",
                instrument.name
            );
        }
        assert_eq!(Instrument::nearest("kazoo orchestra"), None);
    }

    #[test]
    fn folding_keeps_the_note_name() {
        for instrument in INSTRUMENTS {
            for pitch in -20..140 {
                let folded = instrument.fold(pitch).expect("every range holds an octave");
                assert_eq!((i32::from(folded) - pitch).rem_euclid(12), 0);
            }
        }
    }

    #[test]
    fn more_than_forty_sounds() {
        let programs: std::collections::BTreeSet<_> =
            INSTRUMENTS.iter().flat_map(|i| i.programs).collect();
        assert!(programs.len() > 60);
    }
}
