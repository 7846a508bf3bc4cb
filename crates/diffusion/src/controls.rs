//! A plan as maps that lie on the latent and on the spectrogram: the default model's controls.
//!
//! Every latent cell covers a stretch of time and a range of semitones, so the map can say for each
//! cell which of its semitones belong to the chord: harmony is local in time and in pitch. The
//! training twin is `tests/reference/default_model/features.py`.

use mustool_music::{Chord, PitchClass, Plan};

/// The grid of latent cells and of spectrogram frames.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Seconds of one spectrogram frame.
    pub frame_s: f64,
    /// Frames (and bands) of one latent cell.
    pub downscale: usize,
    /// Bands of the spectrogram.
    pub num_bands: usize,
    /// MIDI note of the lowest band.
    pub lowest_midi: usize,
}

impl Grid {
    /// Seconds of one cell.
    pub fn cell_s(&self) -> f64 {
        self.frame_s * self.downscale as f64
    }

    /// Cells in so many seconds, to the nearest.
    pub fn cells(&self, seconds: f64) -> usize {
        (seconds / self.cell_s()).round() as usize
    }
}

/// Channels of the latent map for 8 bands a row: 3 × 8 for pitch, 2 for chords, 12 for beats.
pub fn control_channels(grid: &Grid) -> usize {
    3 * grid.downscale + 14
}

/// What sounds in one frame.
#[derive(Debug, Clone, Copy, Default)]
struct Sounding {
    tones: [f32; 12],
    root: Option<usize>,
    bass: Option<usize>,
}

impl Sounding {
    fn of(chord: &Chord) -> Self {
        let mut tones = [0f32; 12];
        for pitch in chord.pitch_classes().iter() {
            tones[usize::from(pitch.value())] = 1.0;
        }
        let index = |pitch: PitchClass| usize::from(pitch.value());
        Self {
            tones,
            root: chord.root().map(|note| index(note.pitch_class())),
            bass: chord.bass().map(|note| index(note.pitch_class())),
        }
    }
}

/// The chord of every frame; silence before the first.
fn chord_frames(plan: &Plan, frames: usize, frame_s: f64) -> Vec<Sounding> {
    let mut sounding = vec![Sounding::default(); frames];
    let first_frame = |t: f64| ((t / frame_s - 1e-6).ceil().max(0.0) as usize).min(frames);
    for (i, event) in plan.chords.iter().enumerate() {
        let end = plan
            .chords
            .get(i + 1)
            .map_or(frames, |next| first_frame(next.time_s));
        let start = first_frame(event.time_s).min(end);
        sounding[start..end].fill(Sounding::of(&event.chord));
    }
    sounding
}

/// Controls of the vocoder, `[frames][24]`: chord tones, then the bass note.
pub fn vocoder_controls(plan: &Plan, frames: usize, grid: &Grid) -> Vec<f32> {
    chord_frames(plan, frames, grid.frame_s)
        .iter()
        .flat_map(|s| {
            let bass = s.bass;
            s.tones
                .into_iter()
                .chain((0..12).map(move |i| f32::from(u8::from(bass == Some(i)))))
        })
        .collect()
}

/// Controls of the UNet, `[cells][rows][control_channels]`.
pub fn control_map(plan: &Plan, cells: usize, grid: &Grid) -> Vec<f32> {
    let step = grid.downscale;
    let (rows, channels) = (grid.num_bands / step, control_channels(grid));
    let frames = chord_frames(plan, cells * step, grid.frame_s);
    let cell_s = grid.frame_s * step as f64;
    let mut map = vec![0f32; cells * rows * channels];
    let share = 1.0 / step as f32;
    for (cell, frames) in frames.chunks_exact(step).enumerate() {
        for row in 0..rows {
            let at = (cell * rows + row) * channels;
            let target = &mut map[at..at + channels];
            for sounding in frames {
                for band in 0..step {
                    let pitch = (row * step + band + grid.lowest_midi) % 12;
                    target[band] += share * sounding.tones[pitch];
                    target[step + band] += share * flag(sounding.root == Some(pitch));
                    target[2 * step + band] += share * flag(sounding.bass == Some(pitch));
                }
                target[3 * step + 1] += share * flag(sounding.root.is_some());
            }
        }
    }
    let mut set = |cell: usize, channel: usize, value: f32| {
        for row in 0..rows {
            map[(cell * rows + row) * channels + 3 * step + channel] = value;
        }
    };
    let cell_of = |t: f64| ((t / cell_s + 1e-6).floor() as usize).min(cells);
    for event in plan.chords.iter().filter(|event| event.time_s > 0.0) {
        if cell_of(event.time_s) < cells {
            set(cell_of(event.time_s), 0, 1.0);
        }
    }
    if plan.beats.is_empty() {
        return map;
    }
    let per_bar = plan.felt_beats_per_bar();
    for cell in 0..cells {
        let position = beat_position(plan, (cell as f64 + 0.5) * cell_s);
        let waves = [1.0, 2.0, 4.0].map(|k| (std::f64::consts::TAU * k * position).sin_cos());
        for (i, (sin, cos)) in waves.into_iter().enumerate() {
            set(cell, 2 + 2 * i, sin as f32);
            set(cell, 3 + 2 * i, cos as f32);
        }
        let in_bar = position + f64::from(plan.beats[0].number) - 1.0;
        let (sin, cos) = (std::f64::consts::TAU * in_bar / f64::from(per_bar)).sin_cos();
        set(cell, 8, sin as f32);
        set(cell, 9, cos as f32);
        set(cell, 12, 1.0);
        set(
            cell,
            13,
            match per_bar {
                3 => 1.0,
                2 => -1.0,
                _ => 0.0,
            },
        );
    }
    for beat in plan.beats.iter().filter(|beat| beat.time_s >= 0.0) {
        let cell = cell_of(beat.time_s);
        if cell < cells {
            set(cell, 10, 1.0);
            if beat.number == 1 {
                set(cell, 11, 1.0);
            }
        }
    }
    map
}

fn flag(yes: bool) -> f32 {
    f32::from(u8::from(yes))
}

/// Beats since the first, with fractions; beyond the ends the neighbouring interval goes on.
fn beat_position(plan: &Plan, time_s: f64) -> f64 {
    let times: Vec<f64> = match plan.beats.as_slice() {
        [only] => vec![only.time_s, only.time_s + 0.5],
        beats => beats.iter().map(|beat| beat.time_s).collect(),
    };
    let after = times.partition_point(|&t| t <= time_s);
    let i = after.saturating_sub(1).min(times.len() - 2);
    i as f64 + (time_s - times[i]) / (times[i + 1] - times[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_music::Meter;

    const GRID: Grid = Grid {
        frame_s: 0.01,
        downscale: 8,
        num_bands: 96,
        lowest_midi: 31,
    };

    fn plan(chords: &str) -> Plan {
        let mut plan = Plan::steady(120.0, Meter::FOUR_FOUR, 5.12);
        plan.chords = plan.chords_from_symbols(chords).unwrap();
        plan
    }

    #[test]
    fn the_map_marks_the_chord_tones_of_every_octave() {
        let map = control_map(&plan("C@0 Am@2.56"), 64, &GRID);
        let tone = |cell: usize, midi: usize| {
            let band = midi - 31;
            map[(cell * 12 + band / 8) * 38 + band % 8]
        };
        for octave in 0..6 {
            let c = 36 + 12 * octave;
            assert_eq!([0, 4, 7, 9].map(|n| tone(3, c + n)), [1.0, 1.0, 1.0, 0.0]);
            assert_eq!([0, 4, 7, 9].map(|n| tone(40, c + n)), [1.0, 1.0, 0.0, 1.0]);
        }
        assert_eq!(map[(32 * 12) * 38 + 24], 1.0, "the change is marked");
    }

    #[test]
    fn transposing_an_octave_changes_nothing_and_a_semitone_shifts() {
        let base = plan("Dm7@0 G7@2.56");
        let map = control_map(&base, 64, &GRID);
        assert_eq!(map, control_map(&base.transpose(12), 64, &GRID));
        assert_ne!(map, control_map(&base.transpose(1), 64, &GRID));
    }

    #[test]
    fn beats_and_downbeats_fall_into_their_cells() {
        let map = control_map(&plan("C"), 64, &GRID);
        let channel = |cell: usize, channel: usize| map[cell * 12 * 38 + 24 + channel];
        let beats: Vec<usize> = (0..64).filter(|&c| channel(c, 10) == 1.0).collect();
        assert_eq!(beats, [0, 6, 12, 18, 25, 31, 37, 43, 50, 56, 62]);
        let downbeats: Vec<usize> = (0..64).filter(|&c| channel(c, 11) == 1.0).collect();
        assert_eq!(downbeats, [0, 25, 50]);
        assert!((0..64).all(|c| map[c * 12 * 38..][..38].iter().all(|x| x.is_finite())));
    }

    #[test]
    fn a_plan_without_chords_or_beats_is_all_zero() {
        let mut silent = plan("C");
        silent.chords.clear();
        silent.beats.clear();
        assert!(control_map(&silent, 16, &GRID).iter().all(|&x| x == 0.0));
        assert!(
            vocoder_controls(&silent, 100, &GRID)
                .iter()
                .all(|&x| x == 0.0)
        );
    }
}
