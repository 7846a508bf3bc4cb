//! From noise to latents: guidance, windows over long pieces, and audio that is kept.
//!
//! A piece longer than one window is denoised in overlapping windows whose predictions are
//! averaged at every step (MultiDiffusion, Bar-Tal et al. 2023, arXiv:2302.08113), so memory is
//! bounded by the window. Kept audio is put back, with the noise of the moment, after every step
//! (RePaint, Lugmayr et al. 2022, arXiv:2201.09865).

use crate::controls::{Grid, control_channels, control_map};
use crate::error::{Error, Result};
use crate::munet::{Condition, Conditions, Unet};
use crate::noise::{Noise, Purpose};
use crate::request::{Mode, Request};
use crate::scheduler::{History, Scheduler, SchedulerConfig, SchedulerKind};
use mustool_audio::edit::{Curve, crop, crossfade, replace, with_num_frames};
use mustool_audio::{Waveform, resample};
use mustool_music::Plan;
use mustool_nn::{DType, host, tensor};
use std::ops::Range;

/// Cells of one window: 10.24 s, the length of a training clip.
const WINDOW: usize = 128;
/// Cells from window to window.
const WINDOW_STEP: usize = 64;
/// Cells repeated on either side of a loop, so that its ends see each other.
const LOOP_MARGIN: usize = 16;
/// The UNet halves the time axis twice.
const CELL_MULTIPLE: usize = 4;
/// Crossfade between kept and new audio, in seconds.
const SPLICE_S: f64 = 0.04;

/// What a sampler works with.
pub(crate) struct SamplerParts<'a> {
    pub(crate) unet: &'a Unet,
    pub(crate) scheduler: &'a SchedulerConfig,
    /// Negative prompt, then prompt.
    pub(crate) text: &'a Condition,
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
        encode: impl FnOnce(&Waveform) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let cell_s = parts.grid.frame_s * parts.grid.downscale as f64;
        let duration_s = target_duration_s(request);
        let cells = ((duration_s / cell_s - 1e-6).ceil() as usize).next_multiple_of(CELL_MULTIPLE);
        let looped = matches!(&request.source, Some(source) if source.mode == Mode::Loop);
        let margin = if looped { LOOP_MARGIN.min(cells) } else { 0 };
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
            sampler.keep(&source.waveform, source.mode, cell_s, encode)?;
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
        let (grid, rows) = (self.parts.grid, self.parts.latent[0]);
        let row_len = rows * control_channels(grid);
        let map = control_map(plan, self.cells, grid);
        let total = self.cells + 2 * self.margin;
        let batch = if self.guided() { 2 } else { 1 };
        let first_text = 2 - batch;
        let text = Condition {
            hidden_states: self.parts.text.hidden_states.narrow(0, first_text, batch)?,
            bias: self.parts.text.bias.narrow(0, first_text, batch)?,
        };
        window_ranges(total)
            .into_iter()
            .map(|range| {
                // The unconditional half has neither chords nor beats.
                let mut values = vec![0f32; (batch - 1) * range.len() * row_len];
                for cell in range.clone() {
                    let cell = (cell + self.cells - self.margin) % self.cells;
                    values.extend_from_slice(&map[cell * row_len..(cell + 1) * row_len]);
                }
                let shape = [batch, range.len(), rows, control_channels(grid)];
                let control = tensor(values, &shape, DType::F32)?;
                let conditions = self
                    .parts
                    .unet
                    .prepare(std::slice::from_ref(&text), Some(&control))?;
                Ok((range, conditions))
            })
            .collect()
    }

    /// Takes existing audio in and decides which cells of it stay.
    fn keep(
        &mut self,
        waveform: &Waveform,
        mode: Mode,
        cell_s: f64,
        encode: impl FnOnce(&Waveform) -> Result<Vec<f32>>,
    ) -> Result<()> {
        let mut latents = encode(waveform)?;
        latents.resize(self.cells * self.cell_len(), 0.0);
        let length_s = waveform.duration_s();
        let is_kept = |cell: usize| {
            let (start, end) = (cell as f64 * cell_s, (cell + 1) as f64 * cell_s);
            match mode {
                Mode::Vary { .. } => false,
                Mode::Extend => end <= length_s,
                Mode::Inpaint { start_s, end_s } => end <= start_s || start >= end_s,
                Mode::Loop => end <= length_s - LOOP_MARGIN as f64 * cell_s,
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
                let cell = (cell + self.cells - self.margin) % self.cells;
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

    /// The plan as the decoded spectrogram has it: later by the margin of a loop.
    pub(crate) fn shifted_plan(&self, plan: &Plan) -> Plan {
        let mut shifted = plan.clone();
        let margin_s = (self.margin * self.parts.grid.downscale) as f64 * self.parts.grid.frame_s;
        if margin_s > 0.0 {
            for event in &mut shifted.chords {
                event.time_s += margin_s;
            }
            if let Some(last) = plan.chords.last() {
                let wrapped = mustool_music::ChordEvent {
                    time_s: 0.0,
                    chord: last.chord,
                };
                shifted.chords.insert(0, wrapped);
            }
        }
        shifted
    }

    /// Cuts to length and sets kept audio back in place, with a short crossfade.
    pub(crate) fn finish(&self, waveform: Waveform, request: &Request) -> Result<Waveform> {
        let rate = waveform.sample_rate();
        let frames = |s: f64| (s * f64::from(rate)).round() as usize;
        let margin_s = (self.margin * self.parts.grid.downscale) as f64 * self.parts.grid.frame_s;
        let wanted = frames(target_duration_s(request));
        let start = frames(margin_s);
        let fresh = with_num_frames(&crop(&waveform, start, waveform.num_frames())?, wanted)?;
        let (Some(kept), Some(source)) = (&self.kept, &request.source) else {
            return Ok(fresh);
        };
        let original = resample::resample(&kept.waveform, rate)?;
        let overlap = frames(SPLICE_S);
        match source.mode {
            Mode::Vary { .. } | Mode::Loop => Ok(fresh),
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

/// Overlapping windows over `total` cells; one when they fit.
fn window_ranges(total: usize) -> Vec<Range<usize>> {
    let last = total.saturating_sub(WINDOW);
    let mut starts: Vec<usize> = (0..last).step_by(WINDOW_STEP).collect();
    starts.push(last);
    let range = |start: usize| start..total.min(start + WINDOW);
    starts.into_iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_cell() {
        for total in [4, 127, 128, 129, 200, 256, 1000] {
            let ranges = window_ranges(total);
            assert_eq!(ranges[0].start, 0);
            assert_eq!(ranges.last().unwrap().end, total);
            for pair in ranges.windows(2) {
                assert!(pair[1].start < pair[0].end, "{total}: a gap");
            }
            assert!(ranges.iter().all(|range| range.len() <= WINDOW));
        }
    }
}
