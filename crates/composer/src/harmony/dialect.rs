//! How each kind of music speaks harmony: its shared turns and its habits.

use super::{other_idioms as other, song_idioms as song};
use mustool_music::Mode;

/// A harmonic dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the dialects")]
pub enum Dialect {
    Pop,
    Rock,
    Metal,
    Ballad,
    Funk,
    Soul,
    Reggae,
    Club,
    Loop,
    Ambient,
    Jazz,
    Bossa,
    Blues,
    Folk,
    Latin,
    Tango,
    Flamenco,
    Classical,
    Cinematic,
}

/// The habits of a dialect; all but the schemata are probabilities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idiom {
    /// Well-worn turns in major; `I,V` share a slot.
    pub(super) major: &'static [&'static str],
    /// Well-worn turns in minor.
    pub(super) minor: &'static [&'static str],
    /// That a phrase is a well-worn turn.
    pub(super) shared_turns: f64,
    /// That an invented phrase is a question with its answer.
    pub(super) periods: f64,
    /// That the piece stays on one phrase.
    pub(super) loops: f64,
    /// That a triad gets its seventh.
    pub(super) sevenths: f64,
    /// That a chord gets a ninth, a sixth or an added tone.
    pub(super) colours: f64,
    /// That a chord is suspended.
    pub(super) suspensions: f64,
    /// That a chord is approached by its own dominant.
    pub(super) secondary_dominants: f64,
    /// That a subdominant or dominant is borrowed from the parallel key.
    pub(super) borrowing: f64,
    /// That a dominant is replaced by its tritone substitute.
    pub(super) tritone_substitutes: f64,
    /// That a chord is inverted where this makes the bass move by step.
    pub(super) inversions: f64,
    /// That a diminished chord passes between two roots a tone apart.
    pub(super) passing_diminished: f64,
    /// That two chords share a slot in invented phrases.
    pub(super) splits: f64,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 19] = [
        Self::Pop,
        Self::Rock,
        Self::Metal,
        Self::Ballad,
        Self::Funk,
        Self::Soul,
        Self::Reggae,
        Self::Club,
        Self::Loop,
        Self::Ambient,
        Self::Jazz,
        Self::Bossa,
        Self::Blues,
        Self::Folk,
        Self::Latin,
        Self::Tango,
        Self::Flamenco,
        Self::Classical,
        Self::Cinematic,
    ];

    pub(super) const fn idiom(self) -> &'static Idiom {
        match self {
            Self::Pop => &song::PLAIN,
            Self::Rock => &song::ROCK,
            Self::Metal => &song::METAL,
            Self::Ballad => &song::BALLAD,
            Self::Funk => &song::FUNK,
            Self::Soul => &song::SOUL,
            Self::Reggae => &song::REGGAE,
            Self::Club => &song::CLUB,
            Self::Loop => &song::LOOP,
            Self::Ambient => &other::AMBIENT,
            Self::Jazz => &other::JAZZ,
            Self::Bossa => &other::BOSSA,
            Self::Blues => &other::BLUES,
            Self::Folk => &other::FOLK,
            Self::Latin => &other::LATIN,
            Self::Tango => &other::TANGO,
            Self::Flamenco => &other::FLAMENCO,
            Self::Classical => &other::CLASSICAL,
            Self::Cinematic => &other::CINEMATIC,
        }
    }
}

impl Idiom {
    /// The shared turns of a mode; church modes rely on the grammar and a few vamps.
    pub(super) const fn schemata(&self, mode: Mode) -> &'static [&'static str] {
        match mode {
            Mode::Major => self.major,
            Mode::Minor => self.minor,
            Mode::Dorian => &[
                "i7 IV7",
                "i IV i bVII",
                "i bVII IV i",
                "i ii bIII IV",
                "i7 ii7",
            ],
            Mode::Phrygian | Mode::Locrian => {
                &["i bII", "i bII bIII bII", "i bvii bII i", "i bVI bII i"]
            }
            Mode::Lydian => &[
                "I II",
                "Imaj7 II",
                "I II vi II",
                "I vii vi II",
                "Imaj7 II/5 Imaj7 vi7",
            ],
            Mode::Mixolydian => &[
                "I bVII IV I",
                "I bVII",
                "I v IV bVII",
                "I7 bVII IV I",
                "I IV bVII IV",
            ],
        }
    }
}
