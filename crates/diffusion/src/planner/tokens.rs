//! The words of a plan: what the planner writes, one token for each decision.
//!
//! `style:lo-fi meter:4/4 bpm:84 mode:minor tonic:9 nylon guitar | chord:0:m7 beats:4 … </s>`.
//! Chords are distances from the tonic, so that a progression is the same in every key.

use mustool_music::{Chord, Meter, Mode, Quality};

/// Most tokens of a vocabulary.
const MAX_TOKENS: usize = 4096;

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PlanToken {
    /// Before the first.
    Start,
    /// After the last.
    End,
    /// Between instruments and chords.
    Bar,
    /// Kind of music.
    Style(String),
    /// Time signature.
    Meter(Meter),
    /// Felt beats per minute.
    Tempo(u16),
    /// Scale; `None` where the piece has no key.
    Mode(Option<Mode>),
    /// Pitch class of the home note, 0 is C.
    Tonic(u8),
    /// Something that plays.
    Instrument(String),
    /// Semitones from the tonic up to the root, and the kind of chord; `None` where none sounds.
    Chord(Option<(u8, Quality)>),
    /// Semitones from the root up to the bass, for the chord before.
    Bass(u8),
    /// How long the chord before lasts.
    Beats(u8),
}

impl PlanToken {
    /// Reads a token as the configuration writes it.
    fn parse(text: &str) -> Option<Self> {
        let below = |text: &str, limit: u8| text.parse().ok().filter(|n: &u8| *n < limit);
        Some(match text.split_once(':') {
            None => match text {
                "<s>" => Self::Start,
                "</s>" => Self::End,
                "|" => Self::Bar,
                name => Self::Instrument(name.to_owned()),
            },
            Some(("style", name)) => Self::Style(name.to_owned()),
            Some(("meter", meter)) => Self::Meter(Meter::parse(meter).ok()?),
            Some(("bpm", bpm)) => Self::Tempo(bpm.parse().ok().filter(|b| (20..=400).contains(b))?),
            Some(("mode", "")) => Self::Mode(None),
            Some(("mode", mode)) => Self::Mode(Some(Mode::parse(mode)?)),
            Some(("tonic", tonic)) => Self::Tonic(below(tonic, 12)?),
            Some(("chord", "N")) => Self::Chord(None),
            Some(("chord", chord)) => {
                let (root, quality) = chord.split_once(':')?;
                let chord = Chord::parse(&format!("C{quality}")).ok()?;
                Self::Chord(Some((below(root, 12)?, *chord.quality()?)))
            }
            Some(("bass", bass)) => Self::Bass(below(bass, 12)?),
            Some(("beats", beats)) => Self::Beats(below(beats, 65).filter(|b| *b > 0)?),
            Some(_) => return None,
        })
    }

    /// Reads a vocabulary; the first token must be the start. The text of the fault otherwise.
    pub(super) fn vocabulary(names: &[String]) -> Result<Vec<Self>, String> {
        if names.len() > MAX_TOKENS {
            return Err(format!("{} tokens, more than {MAX_TOKENS}", names.len()));
        }
        let tokens = names
            .iter()
            .map(|name| Self::parse(name).ok_or_else(|| format!("token {name:?} means nothing")))
            .collect::<Result<Vec<_>, _>>()?;
        if tokens.first() != Some(&Self::Start) {
            return Err("the first token is not <s>".to_owned());
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read() {
        let quality = |symbol: &str| *Chord::parse(symbol).unwrap().quality().unwrap();
        for (text, token) in [
            ("<s>", PlanToken::Start),
            ("style:lo-fi", PlanToken::Style("lo-fi".to_owned())),
            ("meter:6/8", PlanToken::Meter(Meter::parse("6/8").unwrap())),
            ("bpm:96", PlanToken::Tempo(96)),
            ("mode:", PlanToken::Mode(None)),
            ("mode:dorian", PlanToken::Mode(Mode::parse("dorian"))),
            ("tonic:11", PlanToken::Tonic(11)),
            (
                "nylon guitar",
                PlanToken::Instrument("nylon guitar".to_owned()),
            ),
            ("chord:N", PlanToken::Chord(None)),
            ("chord:10:", PlanToken::Chord(Some((10, quality("C"))))),
            ("chord:0:6/9", PlanToken::Chord(Some((0, quality("C6/9"))))),
            ("bass:7", PlanToken::Bass(7)),
            ("beats:4", PlanToken::Beats(4)),
        ] {
            assert_eq!(PlanToken::parse(text), Some(token), "{text}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for name in [
            "bpm:x",
            "bpm:0",
            "tonic:12",
            "chord:1",
            "chord:1:zz",
            "beats:0",
            "what:1",
        ] {
            let fault = PlanToken::vocabulary(&["<s>".to_owned(), name.to_owned()]).unwrap_err();
            assert!(fault.contains(name), "{fault}");
        }
        assert!(PlanToken::vocabulary(&["</s>".to_owned()]).is_err());
        assert!(PlanToken::vocabulary(&[]).is_err());
    }
}
