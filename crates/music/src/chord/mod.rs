//! Chord symbols: read from lead-sheet (`F#m7b5/E`) and Harte (`F#:hdim7/b7`) notation, printed in
//! both, and turned into the notes that sound.
//!
//! Voicings (which octave each note is played in) belong to whoever plays the chord.

mod harte;
mod lead_sheet;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{MAX_SYMBOL_BYTES, ParseChordError, shown};
use crate::note::NoteName;
use crate::pitch::{PitchClass, PitchClassSet, Spelling};
use crate::quality::Quality;

/// A chord symbol, or "no chord" where nothing harmonic sounds.
///
/// Equality compares spelling too (`A#` is not `Bb`); see [`Chord::same_sound`]. In text and JSON
/// it is the lead-sheet symbol; no chord is `N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chord(Option<Sounding>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Sounding {
    root: NoteName,
    quality: Quality,
    /// Only where it differs from the root.
    slash: Option<NoteName>,
}

impl Chord {
    /// Nothing harmonic sounds: `N` in annotations, `N.C.` on lead sheets.
    pub const NO_CHORD: Self = Self(None);

    /// A chord in root position.
    pub const fn new(root: NoteName, quality: Quality) -> Self {
        Self(Some(Sounding {
            root,
            quality,
            slash: None,
        }))
    }

    /// The same chord over another bass. A bass that sounds like the root is no slash chord, and
    /// no chord stays no chord.
    pub fn with_bass(self, bass: NoteName) -> Self {
        Self(self.0.map(|chord| {
            let slash = (bass.pitch_class() != chord.root.pitch_class()).then_some(bass);
            Sounding { slash, ..chord }
        }))
    }

    /// Reads a chord symbol in lead-sheet or Harte notation, such as `Am7`, `B♭-7`, `C△7`,
    /// `Dø`, `C6/9`, `C7(b9,#11)`, `F#m7b5/E`, `A:min7`, `C:maj/3`, `N.C.`.
    ///
    /// The root is a capital letter. Symbols of more than 64 bytes are refused unread.
    ///
    /// ```
    /// use mustool_music::Chord;
    ///
    /// let chord = Chord::parse("B♭-7/A♭")?;
    /// assert_eq!(chord.to_string(), "Bbm7/Ab");
    /// assert_eq!(chord.to_harte(), "Bb:min7/b7");
    /// assert_eq!(chord.transpose(2).to_string(), "Cm7/Bb");
    /// # Ok::<(), mustool_music::ParseChordError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ParseChordError> {
        let symbol = text.trim();
        match symbol {
            "" => return Err(ParseChordError::Empty),
            "N" | "NC" | "N.C." | "N.C" | "n.c." | "No chord" | "no chord" => {
                return Ok(Self::NO_CHORD);
            }
            "X" => return Err(ParseChordError::Unnamed),
            long if long.len() > MAX_SYMBOL_BYTES => {
                return Err(ParseChordError::TooLong {
                    length: long.len(),
                    max: MAX_SYMBOL_BYTES,
                });
            }
            _ => {}
        }
        let (root, rest) = NoteName::parse_prefix(symbol).ok_or_else(|| ParseChordError::Root {
            symbol: shown(symbol),
        })?;
        match rest.strip_prefix(':') {
            Some(rest) => Self::parse_harte(symbol, root, rest),
            None => Self::parse_lead_sheet(symbol, root, rest),
        }
    }

    fn parse_harte(symbol: &str, root: NoteName, rest: &str) -> Result<Self, ParseChordError> {
        let (quality, bass) = match rest.split_once('/') {
            None => (rest, None),
            Some((quality, bass)) => (quality, Some(bass)),
        };
        let quality = harte::parse_quality(quality).ok_or_else(|| ParseChordError::Quality {
            symbol: shown(symbol),
            rest: shown(quality),
        })?;
        Self::new(root, quality).over(symbol, bass)
    }

    fn parse_lead_sheet(symbol: &str, root: NoteName, rest: &str) -> Result<Self, ParseChordError> {
        let read = |text: &str| {
            lead_sheet::parse(text).map_err(|rest| ParseChordError::Quality {
                symbol: shown(symbol),
                rest: shown(&rest),
            })
        };
        // The slash of `6/9` belongs to the quality, that of `6/E` does not.
        match rest.rsplit_once('/') {
            None => Ok(Self::new(root, read(rest)?)),
            Some((quality, bass)) => match read(rest) {
                Ok(quality) => Ok(Self::new(root, quality)),
                Err(_) => Self::new(root, read(quality)?).over(symbol, Some(bass)),
            },
        }
    }

    /// Adds the bass as written after the slash: a note, or a degree such as `b3`.
    fn over(self, symbol: &str, bass: Option<&str>) -> Result<Self, ParseChordError> {
        let (Some(bass), Some(Sounding { root, .. })) = (bass, self.0) else {
            return Ok(self);
        };
        NoteName::parse(bass)
            .or_else(|| harte::parse_bass(root, bass))
            .map(|bass| self.with_bass(bass))
            .ok_or_else(|| ParseChordError::Bass {
                symbol: shown(symbol),
                bass: shown(bass),
            })
    }

    /// The note that the chord is named after; none where no chord sounds.
    pub const fn root(&self) -> Option<&NoteName> {
        match &self.0 {
            Some(chord) => Some(&chord.root),
            None => None,
        }
    }

    /// The lowest sounding note: the slash note, or else the root.
    pub const fn bass(&self) -> Option<&NoteName> {
        match &self.0 {
            Some(Sounding {
                slash: Some(bass), ..
            }) => Some(bass),
            Some(chord) => Some(&chord.root),
            None => None,
        }
    }

    /// What sounds above the root; none where no chord sounds.
    pub const fn quality(&self) -> Option<&Quality> {
        match &self.0 {
            Some(chord) => Some(&chord.quality),
            None => None,
        }
    }

    /// Whether a note other than the root is in the bass.
    pub const fn is_inverted(&self) -> bool {
        matches!(self.0, Some(Sounding { slash: Some(_), .. }))
    }

    /// Whether this is [`Chord::NO_CHORD`].
    pub const fn is_no_chord(&self) -> bool {
        self.0.is_none()
    }

    /// Semitones above the root, ascending, 0 first; tensions lie above 12. Empty for no chord.
    pub fn intervals(&self) -> Vec<u8> {
        self.0
            .map(|chord| chord.quality.intervals())
            .unwrap_or_default()
    }

    /// All notes that sound, the bass among them. Empty for no chord.
    pub fn pitch_classes(&self) -> PitchClassSet {
        let Some(Sounding {
            root,
            quality,
            slash,
        }) = self.0
        else {
            return PitchClassSet::EMPTY;
        };
        let above = |interval: u8| root.pitch_class().transpose(i32::from(interval));
        let bass = slash.map(NoteName::pitch_class);
        quality
            .intervals()
            .into_iter()
            .map(above)
            .chain(bass)
            .collect::<PitchClassSet>()
    }

    /// Moves the chord by `n` semitones. Root and bass each keep their style: a flat stays a flat,
    /// anything else becomes a sharp, which is how MusicBench names its shifted chords.
    /// Where the key is known [`Chord::transpose_spelled`] or [`crate::Key::spell`] read better.
    pub fn transpose(&self, n: i32) -> Self {
        self.map_notes(|note| note.transpose_as_written(n))
    }

    /// Moves the chord by `n` semitones and writes its notes with the given accidentals.
    pub fn transpose_spelled(&self, n: i32, spelling: Spelling) -> Self {
        self.map_notes(|note| note.transpose(n, spelling))
    }

    /// Rewrites root and bass, for example to respell them in a key.
    pub fn map_notes(&self, rename: impl Fn(NoteName) -> NoteName) -> Self {
        Self(self.0.map(
            |Sounding {
                 root,
                 quality,
                 slash,
             }| Sounding {
                root: rename(root),
                quality,
                slash: slash.map(rename),
            },
        ))
    }

    /// The chord in Harte's notation, such as `A:min7` or `C:maj/3`; no chord is `N`.
    pub fn to_harte(&self) -> String {
        let Some(Sounding {
            root,
            quality,
            slash,
        }) = self.0
        else {
            return "N".to_owned();
        };
        let quality = harte::quality(quality);
        match slash {
            None => format!("{root}:{quality}"),
            Some(bass) => format!("{root}:{quality}/{}", harte::bass_degree(root, bass)),
        }
    }

    /// Whether two symbols stand for the same root, intervals and bass, however they are spelled.
    pub fn same_sound(&self, other: &Self) -> bool {
        let sound = |chord: &Self| {
            let pitch_class = |note: Option<&NoteName>| note.map(|note| note.pitch_class());
            (
                pitch_class(chord.root()),
                chord.quality().copied(),
                pitch_class(chord.bass()),
            )
        };
        sound(self) == sound(other)
    }

    /// Semitones from the root to the bass, 0 to 11; 0 in root position and for no chord.
    pub fn bass_interval(&self) -> u8 {
        let pitch_class =
            |note: Option<&NoteName>| note.map_or(PitchClass::new(0), |note| note.pitch_class());
        pitch_class(self.root()).interval_to(pitch_class(self.bass()))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("N"),
            Some(Sounding {
                root,
                quality,
                slash: None,
            }) => write!(f, "{root}{quality}"),
            Some(Sounding {
                root,
                quality,
                slash: Some(bass),
            }) => write!(f, "{root}{quality}/{bass}"),
        }
    }
}

impl FromStr for Chord {
    type Err = ParseChordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Chord {
    type Error = ParseChordError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Chord> for String {
    fn from(chord: Chord) -> Self {
        chord.to_string()
    }
}
