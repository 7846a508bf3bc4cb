//! From noise to latents: guidance, windows over long pieces, and audio that is kept.
//!
//! A piece longer than one window is denoised in overlapping windows whose predictions are
//! averaged at every step (MultiDiffusion, Bar-Tal et al. 2023, arXiv:2302.08113), so memory is
//! bounded by the window. Kept audio is put back, with the noise of the moment, after every step
//! (RePaint, Lugmayr et al. 2022, arXiv:2201.09865).

use crate::acoustics::Encoded;
use crate::conditioning::Conditioning;
use crate::controls::Grid;
use crate::error::{Error, Result};
use crate::munet::{Conditions, Unet};
use crate::noise::{Noise, Purpose};
use crate::request::{Mode, Request};
use crate::scheduler::{History, Scheduler, SchedulerConfig, SchedulerKind};
use mustool_audio::edit::{Curve, crop, crossfade, replace, with_num_frames};
use mustool_audio::{Waveform, resample};
use mustool_music::{ChordEvent, Plan};
use mustool_nn::{DType, host, tensor};
use std::ops::Range;

/// Length of one window: a training clip.
const WINDOW_S: f64 = 10.24;
/// What is repeated on either side of a loop, so that its ends see each other.
const LOOP_MARGIN_S: f64 = 1.28;
/// Crossfade between kept and new audio, in seconds.
const SPLICE_S: f64 = 0.04;

/// What a sampler works with.
pub(crate) struct SamplerParts<'a> {
    pub(crate) unet: &'a Unet,
    pub(crate) scheduler: &'a SchedulerConfig,
    pub(crate) conditioning: &'a Conditioning<'a>,
    pub(crate) grid: &'a Grid,
    /// Rows and channels of the latent.
    pub(crate) latent: [usize; 2],
    pub(crate) steps: usize,
    pub(crate) kind: SchedulerKind,
    pub(crate) guidance: f64,
}

/// Existing audio as latents.
struct Kept {
    latents: Vec<f32>,
    /// Cells that stay as they are; empty when everything is varied.
    cells: Vec<bool>,
    /// The audio itself, mono, at the model's rate.
    waveform: Waveform,
    /// How much louder it was made before it was encoded.
    gain: f32,
}

/// Denoises any number of variations of one request.
pub(crate) struct Sampler<'a> {
    parts: SamplerParts<'a>,
    scheduler: Scheduler,
    windows: Vec<(Range<usize>, Conditions)>,
    cells: usize,
    margin: usize,
    kept: Option<Kept>,
    /// First step that is done: later ones only, when audio is varied.
    first_step: usize,
}

impl<'a> Sampler<'a> {
    pub(crate) fn new(
        parts: SamplerParts<'a>,
        request: &Request,
        plan: &Plan,
        encode: impl FnOnce(&Waveform) -> Result<Encoded>,
    ) -> Result<Self> {
        let duration_s = target_duration_s(request);
        let looped = matches!(&request.source, Some(source) if source.mode == Mode::Loop);
        let (cells, margin) = if looped {
            // A loop goes round after its own length, to the nearest cell.
            let cells = parts.grid.cells(duration_s).max(1);
            (cells, parts.grid.cells(LOOP_MARGIN_S).min(cells))
        } else {
            let cells = (duration_s / parts.grid.cell_s() - 1e-6).ceil() as usize;
            (cells.next_multiple_of(parts.unet.time_multiple()), 0)
        };
        let scheduler = Scheduler::new(parts.scheduler, parts.kind, parts.steps)?;
        let mut sampler = Self {
            scheduler,
            windows: Vec::new(),
            cells,
            margin,
            kept: None,
            first_step: 0,
            parts,
        };
        sampler.windows = sampler.prepare_windows(plan)?;
        if let Some(source) = &request.source {
            sampler.keep(&source.waveform, source.mode, encode)?;
        }
        Ok(sampler)
    }

    fn cell_len(&self) -> usize {
        self.parts.latent[0] * self.parts.latent[1]
    }

    fn guided(&self) -> bool {
        self.parts.guidance > 1.0
    }

    /// Projects the conditions once for every window.
    fn prepare_windows(&self, plan: &Plan) -> Result<Vec<(Range<usize>, Conditions)>> {
        let total = self.cells + 2 * self.margin;
        let shifted = self.shifted_plan(plan);
        let conditioning = self.parts.conditioning;
        let map = conditioning.control_map(plan, self.cells);
        let classes = conditioning.classes(self.guided())?;
        let window = self.parts.grid.cells(WINDOW_S);
        window_ranges(total, window)
            .into_iter()
            .map(|range| {
                let cells: Vec<usize> = range.clone().map(|cell| self.unwrapped(cell)).collect();
                let control = map
                    .as_deref()
                    .map(|map| conditioning.control(map, &cells, self.guided()))
                    .transpose()?;
                let cell_s = self.parts.grid.cell_s();
                let heard = shifted.crop(range.start as f64 * cell_s, range.end as f64 * cell_s);
                let sets = conditioning.sets(&heard, self.guided())?;
                let conditions =
                    self.parts
                        .unet
                        .prepare(&sets, control.as_ref(), classes.as_ref())?;
                Ok((range, conditions))
            })
            .collect()
    }

    /// The cell of the piece that lies under a cell of the piece with its margins.
    fn unwrapped(&self, cell: usize) -> usize {
        (cell + self.cells - self.margin) % self.cells
    }

    /// Takes existing audio in and decides which cells of it stay.
    fn keep(
        &mut self,
        waveform: &Waveform,
        mode: Mode,
        encode: impl FnOnce(&Waveform) -> Result<Encoded>,
    ) -> Result<()> {
        let cell_s = self.parts.grid.cell_s();
        let Encoded { mut latents, gain } = encode(waveform)?;
        latents.resize(self.cells * self.cell_len(), 0.0);
        let length_s = waveform.duration_s();
        let is_kept = |cell: usize| {
            let (start, end) = (cell as f64 * cell_s, (cell + 1) as f64 * cell_s);
            match mode {
                Mode::Vary { .. } => false,
                Mode::Extend => end <= length_s,
                Mode::Inpaint { start_s, end_s } => end <= start_s || start >= end_s,
                Mode::Loop => end <= length_s - LOOP_MARGIN_S,
            }
        };
        let cells = (0..self.cells).map(is_kept).collect();
        if let Mode::Vary { strength } = mode {
            let steps = self.scheduler.timesteps().len();
            let redo = (strength * steps as f64).round() as usize;
            self.first_step = steps - redo.min(steps);
        }
        self.kept = Some(Kept {
            latents,
            cells,
            waveform: waveform.to_mono(),
            gain,
        });
        Ok(())
    }

    /// Latents of variation `sample`, `[cells + 2·margin][rows][channels]`.
    pub(crate) fn run(
        &mut self,
        seed: u64,
        sample: u64,
        report: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let len = self.cells * self.cell_len();
        let mut x = Noise::new(seed, sample, Purpose::Initial).normals(len);
        let source_noise = Noise::new(seed, sample, Purpose::Source).normals(len);
        let timesteps = self.scheduler.timesteps().to_vec();
        if let Some(kept) = &self.kept
            && kept.cells.iter().all(|kept| !kept)
        {
            x = match timesteps.get(self.first_step) {
                Some(&t) => self.scheduler.add_noise(&kept.latents, &x, t),
                None => kept.latents.clone(),
            };
        }
        if let Some(&t) = timesteps.get(self.first_step) {
            self.restore(&mut x, Some(t), &source_noise);
        }
        let mut history = History::default();
        for (step, &t) in timesteps.iter().enumerate().skip(self.first_step) {
            report(step, timesteps.len())?;
            let prediction = self.predict(&x, t)?;
            let noise = self
                .scheduler
                .adds_noise(t)
                .then(|| Noise::new(seed, sample, Purpose::Step(step as u32)).normals(len));
            self.scheduler
                .step(t, &prediction, &mut x, noise.as_deref(), &mut history);
            self.restore(&mut x, timesteps.get(step + 1).copied(), &source_noise);
            if !x.iter().all(|x| x.is_finite()) {
                return Err(Error::NotFinite { stage: "UNet" });
            }
        }
        Ok(self.wrapped(&x))
    }

    /// Puts kept cells back, as noisy as the next step expects them.
    fn restore(&self, x: &mut [f32], next: Option<usize>, noise: &[f32]) {
        let Some(kept) = &self.kept else { return };
        let len = self.cell_len();
        for (cell, _) in kept.cells.iter().enumerate().filter(|(_, kept)| **kept) {
            let span = cell * len..(cell + 1) * len;
            let clean = &kept.latents[span.clone()];
            match next {
                Some(t) => {
                    let noisy = self.scheduler.add_noise(clean, &noise[span.clone()], t);
                    x[span].copy_from_slice(&noisy);
                }
                None => x[span].copy_from_slice(clean),
            }
        }
    }

    /// `x` with its margins: the end before the beginning, the beginning after the end.
    fn wrapped(&self, x: &[f32]) -> Vec<f32> {
        let len = self.cell_len();
        (0..self.cells + 2 * self.margin)
            .flat_map(|cell| {
                let cell = self.unwrapped(cell);
                x[cell * len..(cell + 1) * len].iter().copied()
            })
            .collect()
    }

    /// The guided prediction for the whole piece.
    fn predict(&self, x: &[f32], timestep: usize) -> Result<Vec<f32>> {
        let len = self.cell_len();
        let [rows, channels] = self.parts.latent;
        let wrapped = self.wrapped(x);
        let mut sum = vec![0f32; x.len()];
        let mut weights = vec![0f32; self.cells];
        for (range, conditions) in &self.windows {
            let window = &wrapped[range.start * len..range.end * len];
            let batch = if self.guided() { 2 } else { 1 };
            let sample = tensor(
                window.repeat(batch),
                &[batch, range.len(), rows, channels],
                DType::F32,
            )?;
            let timesteps = vec![timestep as f32; batch];
            let output = host(&self.parts.unet.forward(&sample, &timesteps, conditions)?)?;
            let (null, conditional) = output.split_at((batch - 1) * range.len() * len);
            for (i, cell) in range.clone().enumerate() {
                let Some(cell) = cell.checked_sub(self.margin).filter(|&c| c < self.cells) else {
                    continue;
                };
                // Highest in the middle of a window, never zero.
                let weight = (i + 1).min(range.len() - i) as f32;
                weights[cell] += weight;
                for j in 0..len {
                    let c = conditional[i * len + j];
                    let guided = match null.get(i * len + j) {
                        Some(u) => u + self.parts.guidance as f32 * (c - u),
                        None => c,
                    };
                    sum[cell * len + j] += weight * guided;
                }
            }
        }
        for (cell, weight) in sum.chunks_exact_mut(len).zip(&weights) {
            cell.iter_mut().for_each(|v| *v /= weight);
        }
        Ok(sum)
    }

    /// The plan as the decoded spectrogram has it: later by the margin of a loop, with the end
    /// before the beginning and the beginning after the end.
    pub(crate) fn shifted_plan(&self, plan: &Plan) -> Plan {
        if self.margin == 0 {
            return plan.clone();
        }
        let cell_s = self.parts.grid.cell_s();
        rolled(
            plan,
            self.margin as f64 * cell_s,
            self.cells as f64 * cell_s,
        )
    }

    /// Cuts to length and sets kept audio back in place, with a short crossfade.
    pub(crate) fn finish(&self, waveform: Waveform, request: &Request) -> Result<Waveform> {
        let rate = waveform.sample_rate();
        let frames = |s: f64| (s * f64::from(rate)).round() as usize;
        let wanted = frames(target_duration_s(request));
        let start = frames(self.margin as f64 * self.parts.grid.cell_s());
        let fresh = with_num_frames(&crop(&waveform, start, waveform.num_frames())?, wanted)?;
        let (Some(kept), Some(source)) = (&self.kept, &request.source) else {
            return Ok(fresh);
        };
        let fresh = with_gain(fresh, 1.0 / kept.gain)?;
        let original = resample::resample(&kept.waveform, rate)?;
        let overlap = frames(SPLICE_S);
        match source.mode {
            Mode::Vary { .. } => Ok(fresh),
            Mode::Loop => {
                // What would follow the end leads into the beginning.
                let end = start + wanted;
                let after = crop(&waveform, end, (end + overlap).min(waveform.num_frames()))?;
                let after = with_gain(after, 1.0 / kept.gain)?;
                let overlap = after.num_frames().min(wanted);
                Ok(crossfade(&after, &fresh, overlap, Curve::EqualPower)?)
            }
            Mode::Extend => {
                let cut = original.num_frames().min(wanted);
                let rest = crop(&fresh, cut.saturating_sub(overlap), wanted)?;
                let overlap = overlap.min(rest.num_frames()).min(cut);
                Ok(crossfade(
                    &crop(&original, 0, cut)?,
                    &rest,
                    overlap,
                    Curve::EqualPower,
                )?)
            }
            Mode::Inpaint { start_s, end_s } => {
                let (from, to) = (frames(start_s), frames(end_s).min(original.num_frames()));
                let patch = crop(&fresh, from.min(wanted), to.min(wanted))?;
                let overlap = overlap.min(patch.num_frames() / 2);
                Ok(replace(
                    &original,
                    &patch,
                    from,
                    overlap,
                    Curve::EqualPower,
                )?)
            }
        }
    }
}

/// How long the result is: as long as the audio it is made from, unless that is extended.
fn target_duration_s(request: &Request) -> f64 {
    match &request.source {
        Some(source) if source.mode != Mode::Extend => source.waveform.duration_s(),
        _ => request.duration_s,
    }
}

/// A plan that goes round: `period_s` long, `margin_s` later, and as much of it on either side.
fn rolled(plan: &Plan, margin_s: f64, period_s: f64) -> Plan {
    let total_s = period_s + 2.0 * margin_s;
    let rounds = [-period_s, 0.0, period_s].map(|round| round + margin_s);
    let inside = |time_s: f64| (0.0..total_s).contains(&time_s);
    let mut rolled = plan.clone();
    rolled.duration_s = total_s;
    rolled.beats = rounds
        .into_iter()
        .flat_map(|later| {
            plan.beats.iter().map(move |beat| mustool_music::Beat {
                time_s: beat.time_s + later,
                ..*beat
            })
        })
        .filter(|beat| inside(beat.time_s))
        .collect();
    let events = rounds.into_iter().flat_map(|later| {
        plan.chords.iter().map(move |event| ChordEvent {
            time_s: event.time_s + later,
            ..*event
        })
    });
    let (before, within): (Vec<_>, Vec<_>) = events
        .filter(|event| event.time_s < total_s)
        .partition(|event| event.time_s < 0.0);
    let sounding = before.last().map(|event| ChordEvent {
        time_s: 0.0,
        ..*event
    });
    let starts = within.first().is_some_and(|event| event.time_s == 0.0);
    rolled.chords = sounding
        .filter(|_| !starts)
        .into_iter()
        .chain(within)
        .collect();
    rolled
}

/// The same sound, louder or softer.
fn with_gain(waveform: Waveform, gain: f32) -> Result<Waveform> {
    if gain == 1.0 {
        return Ok(waveform);
    }
    let samples = waveform.samples().iter().map(|s| s * gain).collect();
    Ok(Waveform::new(
        samples,
        waveform.channels(),
        waveform.sample_rate(),
    )?)
}

/// Overlapping windows of `window` cells over `total`, half a window apart; one when they fit.
fn window_ranges(total: usize, window: usize) -> Vec<Range<usize>> {
    let last = total.saturating_sub(window);
    let mut starts: Vec<usize> = (0..last).step_by(window.div_ceil(2)).collect();
    starts.push(last);
    let range = |start: usize| start..total.min(start + window);
    starts.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_cell() {
        for window in [128, 256] {
            for total in [4, 127, 128, 129, 200, 256, 1000] {
                let ranges = window_ranges(total, window);
                assert_eq!(ranges[0].start, 0);
                assert_eq!(ranges.last().unwrap().end, total);
                for pair in ranges.windows(2) {
                    assert!(pair[1].start < pair[0].end, "{total}: a gap");
                }
                assert!(ranges.iter().all(|range| range.len() <= window));
            }
        }
    }

    #[test]
    fn a_rolled_plan_goes_round() {
        let mut plan = Plan::steady(60.0, mustool_music::Meter::FOUR_FOUR, 8.0);
        plan.chords = plan.chords_from_symbols("C@0 F@4").unwrap();
        let rolled = rolled(&plan, 1.5, 8.0);
        let chords: Vec<_> = rolled
            .chords
            .iter()
            .map(|event| (event.time_s, event.chord.to_string()))
            .collect();
        let expected = [(0.0, "F"), (1.5, "C"), (5.5, "F"), (9.5, "C")];
        assert_eq!(
            chords,
            expected.map(|(time_s, name)| (time_s, name.to_owned()))
        );
        let beats: Vec<_> = rolled.beats.iter().map(|b| (b.time_s, b.number)).collect();
        assert_eq!(beats[..3], [(0.5, 4), (1.5, 1), (2.5, 2)]);
        assert_eq!(beats.last().unwrap(), &(10.5, 2));
    }
}
