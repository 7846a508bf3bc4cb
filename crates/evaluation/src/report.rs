//! Many judged pieces as one table: what was reached, what could be reached, and the share.
//!
//! The ceiling is what the same measures find in the composer's own rendering of the same plans.
//! Printing is the caller's.

use std::collections::BTreeMap;

use mustool_audio::Waveform;
use mustool_mir::Analyzer;
use mustool_mir::frontend::Frontend;
use mustool_music::Plan;
use serde::Serialize;

use crate::Result;
use crate::agreement::Agreement;
use crate::bootstrap::interval_95;
use crate::control::{Facts, RowScore};
use crate::frechet::Distribution;
use crate::judge::{Judge, diversity};
use crate::sound::{Soundness, soundness};

/// The measures of a piece, in the order of the table.
pub const MEASURES: [&str; 24] = [
    "tb",
    "tbt",
    "tempo",
    "beat_f",
    "downbeat_f",
    "bm",
    "ck",
    "ckd",
    "key_or_relative",
    "pcm",
    "ecm",
    "cmo",
    "cmot",
    "chord_root",
    "chord_majmin",
    "chord_exact",
    "instruments",
    "instruments_all",
    "one_instrument",
    "two_instruments",
    "style",
    "clipped",
    "silent",
    "lufs",
];

/// Judges pieces; made once.
#[derive(Debug, Clone)]
pub struct Examiner {
    analyzer: Analyzer,
    judge: Judge,
}

/// What was found in one piece.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Control metrics.
    pub control: RowScore,
    /// Beats and chords in time.
    pub agreement: Agreement,
    /// Faults of the sound.
    pub soundness: Soundness,
    /// Share of the asked instruments that are heard.
    pub instruments: Option<f64>,
    /// How many instruments were asked for.
    pub num_instruments: usize,
    /// Whether it sounds like the asked style.
    pub style: Option<bool>,
    /// What it sounds like to the judge.
    pub heard_instruments: Vec<String>,
    /// Style that it sounds like to the judge; empty where there is nothing to hear.
    pub heard_style: String,
    /// Place among others; empty where there is nothing to hear.
    pub embedding: Vec<f32>,
}

impl Examiner {
    /// Loads the networks inside the program.
    pub fn new() -> Result<Self> {
        Ok(Self {
            analyzer: Analyzer::new()?,
            judge: Judge::new()?,
        })
    }

    /// Compares a piece with the plan that it should follow.
    pub fn examine(&self, plan: &Plan, waveform: &Waveform) -> Result<Examined> {
        let seen = Frontend::new(waveform)?;
        let found = self.analyzer.facts(&seen, None);
        let verdict = self.judge.hear(&seen);
        let mut asked: Vec<String> = plan.instruments.clone();
        asked.sort();
        asked.dedup();
        Ok(Examined {
            control: RowScore::new(&Facts::of_plan(plan), &Facts::of_analysis(&found)),
            agreement: Agreement::new(plan, &found),
            soundness: soundness(waveform),
            instruments: verdict
                .as_ref()
                .and_then(|v| self.judge.recognised(v, &asked)),
            num_instruments: asked.len(),
            style: verdict
                .as_ref()
                .zip(plan.style.as_ref())
                .and_then(|(v, style)| self.judge.style_recognised(v, style)),
            heard_instruments: verdict.as_ref().map_or_else(Vec::new, |v| {
                let names = self.judge.likeliest(v, asked.len().max(1));
                names.into_iter().map(str::to_owned).collect()
            }),
            heard_style: verdict
                .as_ref()
                .map_or_else(String::new, |v| self.judge.style(v).to_owned()),
            embedding: verdict.map_or_else(Vec::new, |v| v.embedding),
        })
    }
}

impl Examined {
    /// The value of one of [`MEASURES`], shares from 0 to 1; none where it does not apply.
    pub fn value(&self, measure: &str) -> Option<f64> {
        let Self {
            control,
            agreement,
            soundness,
            ..
        } = self;
        let flag = |hit: bool| Some(f64::from(u8::from(hit)));
        let chords = |count: usize| {
            (control.num_chords > 0).then(|| count as f64 / control.num_chords as f64)
        };
        let all = self
            .instruments
            .map(|share| f64::from(u8::from(share == 1.0)));
        let of_players = |count: usize| all.filter(|_| self.num_instruments == count);
        match measure {
            "tb" => flag(control.tempo_bin),
            "tbt" => flag(control.tempo_bin_tolerant),
            "tempo" => flag(agreement.tempo),
            "beat_f" => agreement.beat_f,
            "downbeat_f" => agreement.downbeat_f,
            "bm" => flag(control.beat),
            "ck" => control.key.and_then(flag),
            "ckd" => control.key_or_published_relative.and_then(flag),
            "key_or_relative" => control.key_or_relative.and_then(flag),
            "pcm" => chords(control.num_chords)
                .and_then(|_| flag(control.chords_in_order == control.num_chords)),
            "ecm" => chords(control.chords_in_order),
            "cmo" => chords(control.chords_any_order),
            "cmot" => chords(control.chords_any_order_type),
            "chord_root" => agreement.chord_root,
            "chord_majmin" => agreement.chord_majmin,
            "chord_exact" => agreement.chord_exact,
            "instruments" => self.instruments,
            "instruments_all" => all,
            "one_instrument" => of_players(1),
            "two_instruments" => of_players(2),
            "style" => self.style.and_then(flag),
            "clipped" => Some(soundness.clipped),
            "silent" => Some(soundness.silent),
            "lufs" => soundness.integrated_lufs,
            _ => None,
        }
    }
}

/// One piece and, where there is one, the composer's rendering of its plan.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What groups pieces of one prompt: they differ in the seed only.
    pub prompt: usize,
    /// What was asked for.
    pub plan: Plan,
    /// The generated piece.
    pub generated: Examined,
    /// The ceiling.
    pub reference: Option<Examined>,
}

/// A row of the table. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// Name of the measure.
    pub measure: &'static str,
    /// On how many pieces.
    pub count: usize,
    /// Mean over the generated pieces.
    pub generated: f64,
    /// 95 % interval of it.
    pub generated_95: Option<(f64, f64)>,
    /// Mean over the composer's renderings of the same plans.
    pub ceiling: Option<f64>,
    /// Generated over ceiling.
    pub share: Option<f64>,
    /// 95 % interval of it.
    pub share_95: Option<(f64, f64)>,
}

/// The whole result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// How many pieces were judged.
    pub num_pieces: usize,
    /// One row for each measure that applies to a piece at least.
    pub rows: Vec<Row>,
    /// Fréchet distance of the generated pieces to the renderings; none below three of each.
    pub frechet: Option<f64>,
    /// The same between two halves of the renderings: what a perfect model would have.
    pub frechet_floor: Option<f64>,
    /// Mean distance between pieces of one prompt over that between prompts; none for one seed.
    pub diversity: Option<f64>,
    /// Share of pieces of each asked style that sound like it.
    pub styles: BTreeMap<String, f64>,
    /// Share of pieces with each asked instrument in which it is heard.
    pub instruments: BTreeMap<String, f64>,
}

impl Report {
    /// Summarises judged pieces.
    pub fn new(pairs: &[Pair]) -> Self {
        Self {
            num_pieces: pairs.len(),
            rows: MEASURES
                .iter()
                .filter_map(|measure| row(measure, pairs))
                .collect(),
            frechet: frechet(
                pairs.iter().map(|pair| &pair.generated),
                pairs.iter().filter_map(|pair| pair.reference.as_ref()),
            ),
            frechet_floor: frechet(
                pairs
                    .iter()
                    .step_by(2)
                    .filter_map(|pair| pair.reference.as_ref()),
                pairs
                    .iter()
                    .skip(1)
                    .step_by(2)
                    .filter_map(|pair| pair.reference.as_ref()),
            ),
            diversity: diversity_over_seeds(pairs),
            styles: shares(
                pairs
                    .iter()
                    .filter_map(|pair| Some((pair.plan.style.clone()?, pair.generated.style?))),
            ),
            instruments: shares(pairs.iter().flat_map(|pair| {
                let heard = &pair.generated.heard_instruments;
                let asked = pair.plan.instruments.iter();
                asked.map(|name| (name.clone(), heard.contains(name)))
            })),
        }
    }
}

/// The row of a measure; none where it applies to no piece.
fn row(measure: &'static str, pairs: &[Pair]) -> Option<Row> {
    let values: Vec<(f64, Option<f64>)> = pairs
        .iter()
        .filter_map(|pair| {
            let reference = pair.reference.as_ref();
            Some((
                pair.generated.value(measure)?,
                reference.and_then(|r| r.value(measure)),
            ))
        })
        .collect();
    let mean = |sample: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = sample.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let generated = |sample: &[usize]| mean(&mut sample.iter().map(|&i| values[i].0));
    let ceiling = |sample: &[usize]| mean(&mut sample.iter().filter_map(|&i| values[i].1));
    let share = |sample: &[usize]| {
        let ceiling = ceiling(sample).filter(|&ceiling| ceiling > 0.0)?;
        Some(generated(sample)? / ceiling)
    };
    let all: Vec<usize> = (0..values.len()).collect();
    Some(Row {
        measure,
        count: values.len(),
        generated: generated(&all)?,
        generated_95: interval_95(values.len(), generated),
        ceiling: ceiling(&all),
        share: share(&all),
        share_95: interval_95(values.len(), share),
    })
}

fn frechet<'a>(
    a: impl Iterator<Item = &'a Examined>,
    b: impl Iterator<Item = &'a Examined>,
) -> Option<f64> {
    let vectors = |pieces: &mut dyn Iterator<Item = &'a Examined>| -> Vec<Vec<f32>> {
        let heard = pieces.filter(|piece| !piece.embedding.is_empty());
        heard.map(|piece| piece.embedding.clone()).collect()
    };
    let (mut a, mut b) = (a, b);
    let (a, b) = (vectors(&mut a), vectors(&mut b));
    if a.len() < 3 || b.len() < 3 {
        return None;
    }
    let (a, b) = (Distribution::new(&a).ok()?, Distribution::new(&b).ok()?);
    a.distance(&b).ok()
}

/// Mean distance between pieces of one prompt, as a share of that between first pieces of prompts.
fn diversity_over_seeds(pairs: &[Pair]) -> Option<f64> {
    let mut by_prompt: BTreeMap<usize, Vec<Vec<f32>>> = BTreeMap::new();
    for pair in pairs
        .iter()
        .filter(|pair| !pair.generated.embedding.is_empty())
    {
        by_prompt
            .entry(pair.prompt)
            .or_default()
            .push(pair.generated.embedding.clone());
    }
    let within: Vec<f64> = by_prompt
        .values()
        .filter_map(|pieces| diversity(pieces))
        .collect();
    let firsts: Vec<Vec<f32>> = by_prompt
        .values()
        .filter_map(|pieces| pieces.first().cloned())
        .collect();
    let between = diversity(&firsts).filter(|&between| between > 0.0)?;
    (!within.is_empty()).then(|| within.iter().sum::<f64>() / within.len() as f64 / between)
}

/// Share of hits of each name.
fn shares(hits: impl Iterator<Item = (String, bool)>) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for (name, hit) in hits {
        let (hits, count) = counts.entry(name).or_default();
        *hits += f64::from(u8::from(hit));
        *count += 1.0;
    }
    counts
        .into_iter()
        .map(|(name, (hits, count))| (name, hits / count))
        .collect()
}

#[cfg(test)]
mod tests {
    use mustool_music::{Meter, Plan};

    use super::*;

    fn examined(beat_f: f64, embedding: Vec<f32>) -> Examined {
        let plan = Plan::steady(120.0, Meter::FOUR_FOUR, 10.0);
        let asked = Facts::of_plan(&plan);
        Examined {
            control: RowScore::new(&asked, &asked),
            agreement: Agreement {
                tempo: true,
                beat_f: Some(beat_f),
                downbeat_f: None,
                chord_root: None,
                chord_majmin: None,
                chord_exact: None,
            },
            soundness: soundness(&Waveform::mono(vec![0.1; 2400], 24_000).expect("a sound")),
            instruments: Some(1.0),
            num_instruments: 1,
            style: Some(beat_f > 0.5),
            heard_instruments: vec!["harp".to_owned()],
            heard_style: String::new(),
            embedding,
        }
    }

    fn pairs() -> Vec<Pair> {
        (0..8)
            .map(|i| Pair {
                prompt: i / 2,
                plan: Plan {
                    style: Some("pop".to_owned()),
                    instruments: vec!["piano".to_owned(), "harp".to_owned()],
                    ..Plan::steady(120.0, Meter::FOUR_FOUR, 10.0)
                },
                generated: examined(if i % 2 == 0 { 0.9 } else { 0.3 }, vec![i as f32, 0.0]),
                reference: Some(examined(0.8, vec![i as f32, 0.0])),
            })
            .collect()
    }

    #[test]
    fn means_shares_and_distances_add_up() {
        let report = Report::new(&pairs());
        let row = |name: &str| report.rows.iter().find(|row| row.measure == name).copied();
        let beats = row("beat_f").unwrap();
        assert!((beats.generated - 0.6).abs() < 1e-9 && beats.count == 8);
        assert!((beats.share.unwrap() - 0.75).abs() < 1e-9);
        let (low, high) = beats.share_95.unwrap();
        assert!(low < 0.75 && high > 0.75 && low > 0.3 && high < 1.2);
        assert_eq!(row("chord_root"), None);
        assert_eq!(row("one_instrument").map(|row| row.generated), Some(1.0));
        assert_eq!(row("two_instruments"), None);
        assert!(report.frechet.unwrap() < 1e-9 && report.frechet_floor.unwrap() > 0.5);
        // Pieces of one prompt are 1 apart, first pieces of prompts (2 + 4 + 6 + 2 + 4 + 2) / 6.
        assert!((report.diversity.unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(report.styles["pop"], 0.5);
        assert_eq!(
            (report.instruments["piano"], report.instruments["harp"]),
            (0.0, 1.0)
        );
    }

    #[test]
    fn without_references_there_is_no_share() {
        let mut pairs = pairs();
        pairs.iter_mut().for_each(|pair| pair.reference = None);
        let report = Report::new(&pairs);
        assert!(
            report
                .rows
                .iter()
                .all(|row| row.ceiling.is_none() && row.share.is_none())
        );
        assert_eq!((report.frechet, report.frechet_floor), (None, None));
        assert!(Report::new(&[]).rows.is_empty());
    }
}
