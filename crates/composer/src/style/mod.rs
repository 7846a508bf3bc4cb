//! What makes a style: tempo, feel, harmony, grooves, who plays, and the words people use for it.
//!
//! Styles are data, one file per family; the parts read them and never ask for a style by name.
//! Patterns are rows of steps: one bar between bars `|`, `.` is silence, `-` holds the step before,
//! other characters are strokes or notes (see [`Groove`] and [`Figure`]).

mod beats;
mod classical;
mod electronic;
mod groove;
mod island;
mod jazz;
mod orchestral;
mod pop;
mod rock;
mod roots;
mod world;

use crate::harmony::Dialect;

/// What a part does in the band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The drum kit and percussion.
    Drums,
    /// The bass line.
    Bass,
    /// Chords in rhythm.
    Comping,
    /// Broken chords.
    Arpeggio,
    /// Held chords.
    Pad,
    /// The tune.
    Melody,
    /// A second line under or between the phrases of the tune.
    CounterMelody,
}

/// The metres that styles are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterKind {
    /// 4/4: four felt beats.
    Four,
    /// 3/4: three felt beats.
    Three,
    /// 6/8: two felt beats, dotted quarters.
    SixEight,
}

impl MeterKind {
    /// Felt beats in a bar.
    pub const fn beats(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Three => 3,
            Self::SixEight => 2,
        }
    }
}

/// Drums and percussion, by General MIDI note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the instruments")]
pub enum Drum {
    Kick = 36,
    SideStick = 37,
    Snare = 38,
    Clap = 39,
    FloorTom = 43,
    ClosedHat = 42,
    PedalHat = 44,
    MidTom = 47,
    OpenHat = 46,
    Crash = 49,
    HighTom = 50,
    Ride = 51,
    RideBell = 53,
    Tambourine = 54,
    Cowbell = 56,
    HighBongo = 60,
    LowBongo = 61,
    MuteConga = 62,
    OpenConga = 63,
    LowConga = 64,
    HighTimbale = 65,
    HighAgogo = 67,
    LowAgogo = 68,
    Cabasa = 69,
    Maracas = 70,
    Guiro = 73,
    Claves = 75,
    Triangle = 81,
}

/// Rows of one drum pattern: `X` accent, `x` stroke, `o` soft, `g` ghost.
pub type Groove = &'static [(Drum, &'static str)];

/// How a pitched part moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// Bass steps: `R` root (or slash bass), `8` octave, `5` fifth, `3` third, `7` seventh or
    /// sixth, `a` step into the next chord; `r` and `o` are short root and octave.
    Line(&'static str),
    /// A walking bass: four different quarters leading from chord to chord.
    Walk,
    /// Chords: `X` accent, `x` stroke, `o` soft.
    Block(&'static str),
    /// Guitar strokes: `D`/`d` down, `u` up, `m` damped.
    Strum(&'static str),
    /// Broken chords: `1`..`6` voices from below, `b` bass note, `f` its fifth.
    Broken(&'static str),
    /// The whole chord for as long as it lasts.
    Hold,
    /// A tune, invented.
    Tune,
    /// Long guide tones under the tune.
    GuideTones,
    /// Short answers where the tune rests.
    Answers,
}

/// A chair in the band.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// What is played from it.
    pub role: Role,
    /// How often it is taken in a full band.
    pub chance: f64,
    /// Canonical names of the instruments that sit here.
    pub instruments: &'static [&'static str],
    /// What they play, in the style's own metre.
    pub figures: &'static [Figure],
}

/// The notes that a tune prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TuneScale {
    /// The key's seven notes.
    Diatonic,
    /// The pentatonic scale of the key.
    Pentatonic,
    /// Pentatonic with blue notes.
    Blues,
    /// Diatonic with chromatic approaches.
    Chromatic,
}

/// How the style's tunes go.
#[derive(Debug, Clone, Copy)]
pub struct TuneFeel {
    /// Preferred notes.
    pub scale: TuneScale,
    /// Notes per beat, about.
    pub density: f64,
    /// Share of onsets pushed off the beat, 0 to 1.
    pub syncopation: f64,
}

/// How time is felt.
#[derive(Debug, Clone, Copy)]
pub struct Feel {
    /// 0 straight, 1 triplet swing.
    pub swing: f64,
    /// Whether sixteenths rather than eighths swing.
    pub swings_sixteenths: bool,
    /// Standard deviation of onsets in milliseconds.
    pub jitter_ms: f64,
    /// How late backbeat and comping lie, in milliseconds.
    pub laid_back_ms: f64,
}

/// The words of a style, for captions.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Other names of the style.
    pub names: &'static [&'static str],
    /// Adjectives true of nearly every piece in it.
    pub adjectives: &'static [&'static str],
    /// Places, times and uses: they follow "for" or stand alone.
    pub scenes: &'static [&'static str],
    /// Period words.
    pub eras: &'static [&'static str],
    /// Moods of its bright pieces.
    pub bright: &'static [&'static str],
    /// Moods of its dark pieces.
    pub dark: &'static [&'static str],
}

/// A style of music.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Canonical name.
    pub name: &'static str,
    /// Typical tempi in felt beats per minute.
    pub tempo_bpm: (f64, f64),
    /// Metre of grooves and figures.
    pub meter: MeterKind,
    /// How often a piece is in another metre than `meter`, with generic patterns.
    pub other_meter: f64,
    /// Harmonic dialect.
    pub dialect: Dialect,
    /// Share of minor keys.
    pub minor: f64,
    /// Share of church modes.
    pub modal: f64,
    /// Time feel.
    pub feel: Feel,
    /// Share of pieces with drums.
    pub drums: f64,
    /// Kits, by canonical name.
    pub kits: &'static [&'static str],
    /// Drum patterns in `meter`.
    pub grooves: &'static [Groove],
    /// The band without the drums.
    pub seats: &'static [Seat],
    /// Instruments that play the style alone.
    pub solos: &'static [&'static str],
    /// Tunes.
    pub tune: TuneFeel,
    /// 0 calm to 1 wild; sets loudness and fills.
    pub energy: f64,
    /// Caption words.
    pub words: Words,
}

/// All styles.
pub const STYLES: &[&Style] = &[
    &pop::POP,
    &rock::ROCK,
    &pop::INDIE,
    &rock::PUNK,
    &rock::METAL,
    &pop::BALLAD,
    &groove::FUNK,
    &groove::DISCO,
    &groove::SOUL,
    &groove::GOSPEL,
    &island::REGGAE,
    &island::SKA,
    &electronic::HOUSE,
    &electronic::TECHNO,
    &electronic::TRANCE,
    &electronic::DRUM_AND_BASS,
    &beats::SYNTHWAVE,
    &beats::HIP_HOP,
    &beats::TRAP,
    &beats::LO_FI,
    &beats::AMBIENT,
    &jazz::SWING,
    &jazz::JAZZ_WALTZ,
    &jazz::JAZZ_BALLAD,
    &jazz::BOSSA_NOVA,
    &roots::BLUES,
    &roots::COUNTRY,
    &roots::BLUEGRASS,
    &roots::FOLK,
    &roots::CELTIC,
    &world::SALSA,
    &world::SAMBA,
    &world::TANGO,
    &world::FLAMENCO,
    &island::CALYPSO,
    &classical::WALTZ,
    &classical::CLASSICAL,
    &orchestral::ORCHESTRAL,
    &orchestral::CINEMATIC,
    &orchestral::MARCH,
    &classical::LULLABY,
];

impl Style {
    /// The style of this name; other names in its words count too, case does not.
    pub fn named(name: &str) -> Option<&'static Self> {
        let wanted = name.trim().to_lowercase().replace(['-', '_'], " ");
        let same = |candidate: &str| candidate.replace('-', " ").eq_ignore_ascii_case(&wanted);
        let by_name = STYLES.iter().find(|style| same(style.name));
        by_name
            .or_else(|| {
                STYLES
                    .iter()
                    .find(|style| style.words.names.iter().any(|n| same(n)))
            })
            .copied()
    }
}

const fn seat(
    role: Role,
    chance: f64,
    instruments: &'static [&'static str],
    figures: &'static [Figure],
) -> Seat {
    Seat {
        role,
        chance,
        instruments,
        figures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{Instrument, Nature};
    use crate::pattern::steps;

    #[test]
    fn every_instrument_exists_and_fits_its_seat() {
        for style in STYLES {
            for seat in style.seats {
                for name in seat.instruments {
                    let found = Instrument::named(name).unwrap_or_else(|| panic!("{name}"));
                    assert_eq!(found.nature == Nature::Drums, seat.role == Role::Drums);
                    if seat.figures.iter().all(|f| matches!(f, Figure::Strum(_))) {
                        assert!(!found.strings.is_empty(), "{}: {name} strums", style.name);
                    }
                    if matches!(seat.role, Role::Comping | Role::Pad) {
                        assert!(found.plays_chords(), "{}: {name} plays chords", style.name);
                    }
                }
            }
            for name in style.kits.iter().chain(style.solos) {
                assert!(Instrument::named(name).is_some(), "{}: {name}", style.name);
            }
        }
    }

    #[test]
    fn every_row_fills_its_bars() {
        for style in STYLES {
            let beats = style.meter.beats();
            let figures =
                style
                    .seats
                    .iter()
                    .flat_map(|seat| seat.figures)
                    .filter_map(|f| match f {
                        Figure::Line(p)
                        | Figure::Block(p)
                        | Figure::Strum(p)
                        | Figure::Broken(p) => Some(*p),
                        _ => None,
                    });
            let grooves = style
                .grooves
                .iter()
                .flat_map(|groove| groove.iter().map(|row| row.1));
            for pattern in figures.chain(grooves) {
                for (bar, row) in pattern.split('|').enumerate() {
                    assert_eq!(row.len() % beats, 0, "{}: {row}", style.name);
                    let sounding = row.chars().filter(|c| !matches!(c, '.' | '-')).count();
                    assert_eq!(steps(pattern, bar, beats, beats).len(), sounding, "{row}");
                }
            }
        }
    }

    #[test]
    fn every_style_can_state_its_chords() {
        for style in STYLES {
            let roles: Vec<_> = style.seats.iter().map(|seat| seat.role).collect();
            assert!(
                roles.contains(&Role::Comping) || roles.contains(&Role::Pad),
                "{}",
                style.name
            );
            assert!(roles.contains(&Role::Bass), "{}", style.name);
            assert!(roles.contains(&Role::Melody), "{}", style.name);
            assert!(style.tempo_bpm.0 >= 50.0 && style.tempo_bpm.1 <= 190.0);
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        for (i, style) in STYLES.iter().enumerate() {
            assert!(STYLES[i + 1..].iter().all(|other| other.name != style.name));
            assert_eq!(Style::named(style.name).map(|s| s.name), Some(style.name));
        }
        assert_eq!(Style::named("Lofi").map(|s| s.name), Some("lo-fi"));
        assert!(Style::named("polka-metal").is_none());
    }
}
