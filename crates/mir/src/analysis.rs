//! All facts about a piece at once.

use mustool_audio::Waveform;
use mustool_audio::loudness::{self, Loudness};
use mustool_music::{Beat, ChordEvent, Key, Meter};
use serde::Serialize;

use crate::Result;
use crate::frontend::Frontend;
use crate::harmony::{ChordNetwork, decode};
use crate::key::KeyModel;
use crate::rhythm::{BeatNetwork, Rhythm, onset_strength, onsets};

/// What is heard in a piece. Times are in seconds from its start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// Length of the piece.
    pub duration_s: f64,
    /// Felt beats per minute, the mean over the piece; none where no beats are heard.
    pub tempo_bpm: Option<f64>,
    /// Metre; none where no beats are heard.
    pub meter: Option<Meter>,
    /// Felt beats with their numbers in the bar.
    pub beats: Vec<Beat>,
    /// Times of the beats number 1.
    pub downbeats_s: Vec<f64>,
    /// Major or minor; none where no harmony is heard.
    pub key: Option<Key>,
    /// How sure the key is, 0 to 1.
    pub key_confidence: Option<f32>,
    /// Chords, spelled as the key has them; each lasts until the next, `N` where none sounds.
    pub chords: Vec<ChordEvent>,
    /// How far the recording is above A4 = 440 Hz, −50 to 50 cents.
    pub tuning_cents: f64,
    /// Loudness and true peak; none for sample rates and channel counts that the standard lacks.
    pub loudness: Option<Loudness>,
    /// When notes and strokes begin.
    pub onsets_s: Vec<f64>,
}

/// Analyses pieces; made once, it serves any number of threads.
#[derive(Debug, Clone)]
pub struct Analyzer {
    beats: BeatNetwork,
    chords: ChordNetwork,
    key: KeyModel,
}

impl Analyzer {
    /// Loads the networks inside the program.
    pub fn new() -> Result<Self> {
        Ok(Self {
            beats: BeatNetwork::new()?,
            chords: ChordNetwork::new()?,
            key: KeyModel::new()?,
        })
    }

    /// The facts of a piece of at most half an hour. Silence has few.
    pub fn analyze(&self, waveform: &Waveform) -> Result<Analysis> {
        let (seen, loudness) = rayon::join(
            || Frontend::new(waveform),
            || loudness::measure(waveform).ok(),
        );
        Ok(self.facts(&seen?, loudness))
    }

    /// The facts of a piece whose pictures are at hand.
    pub fn facts(&self, seen: &Frontend, loudness: Option<Loudness>) -> Analysis {
        let (rhythm, heard) = rayon::join(
            || Rhythm::new(&self.beats.forward(&seen.rhythm.bands), &seen.rhythm),
            || self.chords.forward(&seen.pitch.semitones),
        );
        let found = self.key.find(&heard);
        let key = found.map(|found| found.key);
        let chords = decode(&heard, &rhythm.beats, seen.duration_s)
            .into_iter()
            .map(|segment| ChordEvent {
                time_s: segment.start_s,
                chord: key.map_or(segment.chord, |key| key.spell_chord(segment.chord)),
            })
            .collect();
        Analysis {
            duration_s: seen.duration_s,
            tempo_bpm: rhythm.tempo_bpm,
            meter: rhythm.meter,
            downbeats_s: rhythm.downbeats().collect(),
            beats: rhythm.beats,
            key,
            key_confidence: found.map(|found| found.confidence),
            chords,
            tuning_cents: seen.pitch.tuning_cents,
            loudness,
            onsets_s: onsets(&onset_strength(&seen.rhythm)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmony::chords;

    #[test]
    fn nothing_is_found_in_nothing() {
        let analyzer = Analyzer::new().unwrap();
        for num_samples in [0, 1, 500, 100_000] {
            let silence = Waveform::new(vec![0.0; 2 * num_samples], 2, 44_100).unwrap();
            let found = analyzer.analyze(&silence).unwrap();
            assert_eq!((found.tempo_bpm, found.key), (None, None));
            assert!(found.onsets_s.is_empty(), "{:?}", found.onsets_s);
            assert!(found.beats.is_empty(), "{:?}", found.beats);
            assert!(found.chords.iter().all(|event| event.chord.is_no_chord()));
            assert!(serde_json::to_string(&found).is_ok());
        }
    }

    #[test]
    fn chords_are_told_in_order_and_spelled_in_their_key() {
        let (eb, ab, bb) = ([39, 58, 63, 67], [44, 60, 63, 68], [46, 58, 62, 65]);
        let sound = chords(&[&eb, &eb, &ab, &ab, &bb, &bb, &eb, &eb]);
        let found = Analyzer::new().unwrap().analyze(&sound).unwrap();
        let symbols: Vec<String> = found.chords.iter().map(|e| e.chord.to_string()).collect();
        assert_eq!(symbols, ["Eb", "Ab", "Bb", "Eb"]);
        for (event, time_s) in found.chords.iter().zip([0.0, 2.0, 4.0, 6.0]) {
            assert!((event.time_s - time_s).abs() < 0.17, "{event:?}");
        }
        assert_eq!(
            found.key.map(|key| key.to_string()).as_deref(),
            Some("Eb major")
        );
        assert!(
            found
                .loudness
                .is_some_and(|loudness| loudness.integrated_lufs.is_some())
        );
    }
}
