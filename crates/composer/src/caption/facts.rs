//! What can truly be said of a score.

use super::words;
use crate::mood;
use crate::rng::Rng;
use crate::score::Score;
use crate::style::{Role, Style};
use mustool_music::{Mode, Plan};

/// The facts of a score, ready to be put into words.
pub(super) struct Facts<'a> {
    pub(super) score: &'a Score,
    pub(super) plan: &'a Plan,
    pub(super) style: &'static Style,
    /// Canonical names, in the order of the parts.
    pub(super) instruments: Vec<&'static str>,
    /// Chord symbols in order of first appearance, at most eight.
    pub(super) chords: Vec<String>,
    /// 0 calm to 1 wild.
    pub(super) energy: f64,
    names: Vec<&'static str>,
    adjectives: Vec<&'static str>,
    eras: Vec<&'static str>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(score: &'a Score) -> Self {
        let style = score.style;
        let instruments: Vec<&'static str> = score.instruments().iter().map(|i| i.name).collect();
        let own_meter = score.plan.felt_beats_per_bar() as usize == style.meter.beats();
        let truthful = |words: &[&'static str]| -> Vec<&'static str> {
            let fits = |word: &&&'static str| words::holds(word, &instruments);
            words.iter().filter(fits).copied().collect()
        };
        let mut names = vec![style.name];
        if own_meter {
            names.extend(truthful(style.words.names));
        }
        let mut adjectives = truthful(style.words.adjectives);
        adjectives.retain(|word| !score.mood.contains(word));
        let mut chords: Vec<String> = Vec::new();
        for event in &score.plan.chords {
            let symbol = event.chord.to_string();
            if chords.len() < 8 && chords.last() != Some(&symbol) {
                chords.push(symbol);
            }
        }
        Self {
            plan: &score.plan,
            style,
            chords: shortest_round(chords),
            energy: mood::energy(score),
            names,
            adjectives,
            eras: truthful(style.words.eras),
            instruments,
            score,
        }
    }

    /// A name of the style; its own name half of the time.
    pub(super) fn style_name(&self, rng: &mut Rng) -> &'static str {
        if rng.chance(0.5) {
            self.style.name
        } else {
            rng.pick(&self.names)
        }
    }

    /// A mood word of the score.
    pub(super) fn mood(&self, rng: &mut Rng) -> &'static str {
        rng.choose(&self.score.mood).copied().unwrap_or("simple")
    }

    /// An adjective of the style that is true here.
    pub(super) fn adjective(&self, rng: &mut Rng) -> &'static str {
        rng.choose(&self.adjectives).copied().unwrap_or("simple")
    }

    /// A place or use.
    pub(super) fn scene(&self, rng: &mut Rng) -> &'static str {
        rng.pick(self.style.words.scenes)
    }

    /// A period word.
    pub(super) fn era(&self, rng: &mut Rng) -> &'static str {
        rng.choose(&self.eras).copied().unwrap_or("modern")
    }

    /// What people call this instrument.
    pub(super) fn called(&self, name: &'static str, rng: &mut Rng) -> &'static str {
        words::called(name, rng)
    }

    /// The instruments, named by `rng`, at most `limit`, joined as in a sentence.
    pub(super) fn band(&self, limit: usize, rng: &mut Rng) -> String {
        let mut order = self.instruments.clone();
        if rng.chance(0.4) {
            super::control::shuffle(&mut order, rng);
        }
        order.truncate(limit.max(1));
        let called: Vec<&str> = order
            .into_iter()
            .map(|name| self.called(name, rng))
            .collect();
        words::join(&called)
    }

    /// Whoever plays a role.
    pub(super) fn player(&self, role: Role) -> Option<&'static str> {
        self.score.part(role).map(|part| part.instrument.name)
    }

    /// The tempo as people write it: `96`, `117.6`.
    pub(super) fn bpm(&self) -> String {
        let rounded = (self.plan.tempo_bpm * 10.0).round() / 10.0;
        format!("{rounded}")
    }

    /// `A minor`, `Am`, `D dorian`; `None` without a key.
    pub(super) fn key_name(&self, rng: &mut Rng) -> Option<String> {
        let key = self.plan.key?;
        let short = match key.mode {
            Mode::Minor => Some(format!("{}m", key.tonic)),
            Mode::Major => Some(key.tonic.to_string()),
            _ => None,
        };
        let long = key.to_string();
        Some(if rng.chance(0.75) {
            long
        } else {
            short.unwrap_or(long)
        })
    }

    /// `4/4`, `3/4`, `6/8`.
    pub(super) fn meter(&self) -> String {
        self.plan.meter.to_string()
    }

    /// A word for the pace that is true of the tempo.
    pub(super) fn pace(&self, rng: &mut Rng) -> &'static str {
        words::pace(self.plan.tempo_bpm, rng)
    }

    /// Whether anyone drums.
    pub(super) fn has_drums(&self) -> bool {
        self.score.part(Role::Drums).is_some()
    }
}

/// A row that only repeats its beginning is cut to one round.
fn shortest_round(row: Vec<String>) -> Vec<String> {
    let repeats_after = |n: usize| (n..row.len()).all(|i| row[i] == row[i - n]);
    let round = (2..row.len()).find(|&n| row.len() > n + 1 && repeats_after(n));
    let len = round.unwrap_or(row.len());
    row.into_iter().take(len).collect()
}

#[cfg(test)]
mod tests {
    use super::shortest_round;

    #[test]
    fn loops_are_told_once() {
        let row = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(shortest_round(row("C G Am F C G Am F")), row("C G Am F"));
        assert_eq!(shortest_round(row("C G Am F C G Am")), row("C G Am F"));
        assert_eq!(shortest_round(row("C G Am F Dm")), row("C G Am F Dm"));
        assert_eq!(shortest_round(row("C")), row("C"));
    }
}
