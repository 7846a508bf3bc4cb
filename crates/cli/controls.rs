//! The musical facts that a request states: tempo, key, metre, beats and chords.
//!
//! What a prompt says in words, and what wins, is decided in the pipeline.

use std::fmt::Write;

use mustool_music::{Beat, Key, Meter, Plan, TEMPO_RANGE_BPM};
use serde::{Deserialize, Serialize};

use crate::request::{Fault, fault, within};

/// Stated facts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Controls {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tempo_bpm: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_signature: Option<Meter>,
    /// Every beat; a plan then follows these and not a steady tempo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) beats: Option<Vec<Beat>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chords: Option<Chords>,
    /// Where the rest comes from.
    #[serde(default, skip_serializing_if = "is_predict")]
    pub(crate) fill: Fill,
}

/// Who fills in the facts that are not stated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fill {
    /// The networks of the model.
    #[default]
    Predict,
}

fn is_predict(fill: &Fill) -> bool {
    *fill == Fill::Predict
}

/// Chords as text or as a list of times and symbols.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Chords {
    Text(String),
    List(Vec<TimedSymbol>),
}

/// A chord symbol and the second in which it begins; read later, so that an unknown one is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimedSymbol {
    t: f64,
    symbol: String,
}

impl Chords {
    /// As a line that [`Plan::chords_from_symbols`] reads.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(events) => events.iter().fold(String::new(), |mut line, event| {
                let _ = write!(line, "{}@{} ", event.symbol, event.t);
                line
            }),
        }
    }

    /// A list item that is no single symbol.
    fn several(&self) -> Option<&str> {
        let Self::List(events) = self else {
            return None;
        };
        let divides = |c: char| c.is_whitespace() || c == '@' || c == '|';
        let mut symbols = events.iter().map(|event| event.symbol.as_str());
        symbols.find(|symbol| symbol.is_empty() || symbol.contains(divides))
    }
}

impl Controls {
    /// Refuses facts that no piece of `duration_s` seconds can have.
    pub(crate) fn check(&self, duration_s: f64) -> Result<(), Fault> {
        if let Some(tempo_bpm) = self.tempo_bpm {
            within("tempo_bpm", tempo_bpm, TEMPO_RANGE_BPM)?;
        }
        if let Some(beats) = &self.beats
            && let Err(error) = mustool_diffusion::check_beats(beats)
        {
            return fault("beats", error);
        }
        let Some(chords) = &self.chords else {
            return Ok(());
        };
        if let Some(symbol) = chords.several() {
            return fault("chords", format!("{symbol:?} is not one chord symbol"));
        }
        let meter = self.time_signature.unwrap_or_default();
        let grid = Plan::steady(self.tempo_bpm.unwrap_or(120.0), meter, duration_s);
        match grid.chords_from_symbols(&chords.to_text()) {
            Ok(events) if events.is_empty() => fault(
                "chords",
                "there is no chord in it; write for example \"Am F C G\"",
            ),
            Ok(_) => Ok(()),
            Err(error) => fault("chords", error.to_string()),
        }
    }
}
