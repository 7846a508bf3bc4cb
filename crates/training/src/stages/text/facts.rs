//! What the heads of the text encoder are asked about a caption: style, metre, key, tempo, who
//! plays and the mood.

use crate::data::record::Annotation;
use crate::losses::Loss;
use crate::losses::classes::{absolute, cross_entropy, yes_or_no};
use std::collections::BTreeSet;
use std::ops::Range;

/// Weights of metre, instruments, mood and key against style and tempo.
const METER: f64 = 0.5;
const INSTRUMENTS: f64 = 10.0;
const MOOD: f64 = 5.0;
const KEY: f64 = 0.3;

/// The answers that occur in a data set.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    styles: Vec<String>,
    meters: Vec<String>,
    keys: Vec<String>,
    instruments: Vec<String>,
    moods: Vec<String>,
}

impl Facts {
    /// All answers of the clips, sorted.
    pub(super) fn of(clips: &[Annotation]) -> Self {
        let all = |answers: &dyn Fn(&Annotation) -> Vec<String>| -> Vec<String> {
            let set: BTreeSet<String> = clips.iter().flat_map(answers).collect();
            set.into_iter().collect()
        };
        Self {
            styles: all(&|clip| clip.style.iter().cloned().collect()),
            meters: all(&|clip| meter(clip).into_iter().collect()),
            keys: all(&|clip| key(clip).into_iter().collect()),
            instruments: all(&|clip| clip.instruments.clone()),
            moods: all(&|clip| clip.mood.clone()),
        }
    }

    /// Whether all answers about a clip are among those of the data set.
    pub(super) fn knows(&self, clip: &Annotation) -> bool {
        clip.style
            .as_ref()
            .is_none_or(|style| self.styles.contains(style))
            && clip
                .instruments
                .iter()
                .all(|name| self.instruments.contains(name))
    }

    /// Numbers that the heads give for each caption.
    pub(super) fn num_outputs(&self) -> usize {
        self.ranges()[5].end
    }

    /// Where style, metre, key, instruments, mood and tempo lie among them.
    fn ranges(&self) -> [Range<usize>; 6] {
        let mut start = 0;
        let lists = [
            &self.styles,
            &self.meters,
            &self.keys,
            &self.instruments,
            &self.moods,
        ];
        let mut next = |len: usize| {
            start += len;
            start - len..start
        };
        let [style, meter, key, instruments, mood] = lists.map(|list| next(list.len()));
        [style, meter, key, instruments, mood, next(1)]
    }

    /// The loss of the heads' `outputs`, `[clips][num_outputs]`, and its parts. The key counts only
    /// where a caption names it.
    pub(super) fn loss(
        &self,
        outputs: &[f32],
        clips: &[&Annotation],
        captions: &[String],
    ) -> (Loss, Vec<(&'static str, f64)>) {
        let width = self.num_outputs();
        let [style, meters, keys, instruments, moods, tempo] = self.ranges();
        let index = |list: &[String], answer: Option<&String>| {
            let found = list.iter().position(|known| Some(known) == answer)?;
            u32::try_from(found).ok()
        };
        let hot = |list: &[String], answers: &dyn Fn(&Annotation) -> Vec<String>| -> Vec<f32> {
            clips
                .iter()
                .flat_map(|clip| {
                    let answers = answers(clip);
                    list.iter()
                        .map(move |name| f32::from(u8::from(answers.contains(name))))
                })
                .collect()
        };
        let part = |range: &Range<usize>| -> Vec<f32> {
            let rows = outputs.chunks_exact(width);
            rows.flat_map(|row| row[range.clone()].iter().copied())
                .collect()
        };
        let styles: Vec<_> = clips
            .iter()
            .map(|c| index(&self.styles, c.style.as_ref()))
            .collect();
        let metre: Vec<_> = clips
            .iter()
            .map(|c| index(&self.meters, meter(c).as_ref()))
            .collect();
        let key_of = |(clip, caption): (&&Annotation, &String)| {
            index(&self.keys, key(clip).as_ref()).filter(|_| names_key(clip, caption))
        };
        let named: Vec<_> = clips.iter().zip(captions).map(key_of).collect();
        let guessed_tempo = part(&tempo);
        // A clip without a tempo is guessed right, whatever the guess.
        let true_tempo: Vec<f32> = clips
            .iter()
            .zip(&guessed_tempo)
            .map(|(clip, &guess)| match &clip.plan {
                Some(plan) => (plan.tempo_bpm / 100.0).log2() as f32,
                None => guess,
            })
            .collect();
        let played = hot(&self.instruments, &|clip| clip.instruments.clone());
        let felt = hot(&self.moods, &|clip| clip.mood.clone());
        let losses = [
            ("style", &style, cross_entropy(&part(&style), &styles)),
            (
                "meter",
                &meters,
                cross_entropy(&part(&meters), &metre).scaled(METER),
            ),
            (
                "key",
                &keys,
                cross_entropy(&part(&keys), &named).scaled(KEY),
            ),
            (
                "instruments",
                &instruments,
                yes_or_no(&part(&instruments), &played).scaled(INSTRUMENTS),
            ),
            ("mood", &moods, yes_or_no(&part(&moods), &felt).scaled(MOOD)),
            ("tempo", &tempo, absolute(&guessed_tempo, &true_tempo)),
        ];
        let (mut value, mut gradient, mut parts) = (0.0, vec![0f32; outputs.len()], Vec::new());
        for (name, range, loss) in losses {
            value += loss.value;
            parts.push((name, loss.value));
            let rows = gradient.chunks_exact_mut(width);
            for (row, slope) in rows.zip(loss.gradient.chunks(range.len().max(1))) {
                row[range.clone()].copy_from_slice(slope);
            }
        }
        (Loss { value, gradient }, parts)
    }
}

fn meter(clip: &Annotation) -> Option<String> {
    clip.plan.as_ref().map(|plan| plan.meter.to_string())
}

fn key(clip: &Annotation) -> Option<String> {
    let key = clip.plan.as_ref()?.key?;
    Some(format!("{} {}", key.tonic, key.mode.name()))
}

/// Whether a caption says the key of the clip.
fn names_key(clip: &Annotation, caption: &str) -> bool {
    let key = clip.plan.as_ref().and_then(|plan| plan.key);
    key.is_some() && mustool_music::stated_facts(caption).key == key
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_music::{Key, Meter, Plan};

    fn clip(style: &str, instruments: &[&str]) -> Annotation {
        let mut plan = Plan::steady(100.0, Meter::FOUR_FOUR, 4.0);
        plan.key = Key::parse("A minor").ok();
        Annotation {
            captions: vec![],
            plan: Some(plan),
            instruments: instruments.iter().map(|&i| i.to_owned()).collect(),
            style: Some(style.to_owned()),
            mood: vec!["calm".to_owned()],
        }
    }

    #[test]
    fn right_answers_cost_little_and_wrong_ones_much() {
        let clips = [clip("pop", &["piano"]), clip("funk", &["drums"])];
        let facts = Facts::of(&clips);
        let rows: Vec<&Annotation> = clips.iter().collect();
        let captions = ["in A minor".to_owned(), "no key here".to_owned()];
        assert_eq!(facts.num_outputs(), 2 + 1 + 1 + 2 + 1 + 1);
        // funk, pop | 4/4 | A minor | drums, piano | calm | tempo
        let right = [
            [-30.0, 30.0, 0.0, 0.0, -30.0, 30.0, 30.0, 0.0],
            [30.0, -30.0, 0.0, 0.0, 30.0, -30.0, 30.0, 0.0],
        ];
        let (loss, parts) = facts.loss(&right.concat(), &rows, &captions);
        assert!(loss.value < 1e-6, "{parts:?}");
        let wrong: Vec<f32> = right.concat().iter().map(|x| -x).collect();
        let (loss, _) = facts.loss(&wrong, &rows, &captions);
        assert!(loss.value > 100.0 && loss.gradient.iter().all(|g| g.is_finite()));
        let known = clip("pop", &["drums", "piano"]);
        assert!(facts.knows(&known) && !facts.knows(&clip("ska", &[])));
    }

    #[test]
    fn the_key_counts_only_where_it_is_named() {
        let mut other = clip("pop", &[]);
        other.plan.as_mut().unwrap().key = Key::parse("C major").ok();
        let clips = [clip("pop", &[]), other];
        let facts = Facts::of(&clips);
        let rows: Vec<&Annotation> = clips.iter().collect();
        let outputs = vec![0.0; 2 * facts.num_outputs()];
        let key = |captions: [&str; 2]| {
            let (_, parts) = facts.loss(&outputs, &rows, &captions.map(str::to_owned));
            parts.iter().find(|(name, _)| *name == "key").unwrap().1
        };
        assert_eq!(key(["soft", "loud"]), 0.0);
        assert!((key(["soft, in A minor", "loud"]) - KEY * 2f64.ln()).abs() < 1e-9);
        assert_eq!(
            key(["soft, in C major", "in A minor"]),
            0.0,
            "other keys do not count"
        );
    }
}
