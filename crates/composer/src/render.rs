//! Rendering a score: the synthesizer, then tone and level.

use crate::error::{Error, Result};
use crate::score::{Mix, Part, Score};
use crate::soundbank::SoundBank;
use crate::style::Role;
use crate::timeline::PREROLL_S;
use mustool_audio::Waveform;
use rustysynth::{Synthesizer, SynthesizerSettings};

/// Voices that may sound at once.
const POLYPHONY: usize = 192;
/// The root mean square level that clips are brought to, about −18 dBFS.
const TARGET_RMS: f32 = 0.126;
/// The highest sample value.
const MAX_PEAK: f32 = 0.9;

/// Renders a score as mono, exactly as long as its plan.
///
/// The level is set so that the root mean square is −18 dBFS unless the peak would then pass 0.9:
/// then the peak is 0.9. Nothing is clipped. A score without notes is silence.
pub fn render(score: &Score, bank: &SoundBank) -> Result<Waveform> {
    let rate = f64::from(bank.sample_rate());
    let num_frames = (score.plan.duration_s * rate).round() as usize;
    let preroll = (PREROLL_S * rate).round() as usize;
    let mut synthesizer = synthesizer(score, bank)?;
    let total = preroll + num_frames;
    let (mut left, mut right) = (vec![0.0; total], vec![0.0; total]);
    let mut at = 0;
    for event in events(score, preroll, rate) {
        let frame = event.frame.clamp(at, total);
        synthesizer.render(&mut left[at..frame], &mut right[at..frame]);
        at = frame;
        if event.velocity == 0 {
            synthesizer.note_off(event.channel, event.pitch);
        } else {
            synthesizer.note_on(event.channel, event.pitch, event.velocity);
        }
    }
    synthesizer.render(&mut left[at..], &mut right[at..]);
    let mut samples: Vec<f32> = left[preroll..]
        .iter()
        .zip(&right[preroll..])
        .map(|(l, r)| 0.5 * (l + r))
        .collect();
    tilt(&mut samples, score.mix.tilt_db, rate);
    level(&mut samples);
    Ok(Waveform::mono(samples, bank.sample_rate())?)
}

struct Strike {
    frame: usize,
    channel: i32,
    pitch: i32,
    /// 0 releases the key.
    velocity: i32,
}

/// All key presses and releases in order; releases come first within a frame.
fn events(score: &Score, preroll: usize, rate: f64) -> Vec<Strike> {
    let frame = |time_s: f64| (time_s * rate + preroll as f64).round().max(0.0) as usize;
    let mut strikes = Vec::new();
    for (channel, part) in channels(&score.parts) {
        for note in &part.notes {
            let pitch = i32::from(note.pitch);
            let on = frame(note.start_s);
            let off = frame(note.start_s + note.duration_s).max(on + 1);
            strikes.push(Strike {
                frame: on,
                channel,
                pitch,
                velocity: i32::from(note.velocity),
            });
            strikes.push(Strike {
                frame: off,
                channel,
                pitch,
                velocity: 0,
            });
        }
    }
    strikes.sort_by_key(|strike| {
        (
            strike.frame,
            strike.velocity > 0,
            strike.channel,
            strike.pitch,
        )
    });
    strikes
}

/// Parts with their MIDI channels; channel 9 is for drums.
pub(crate) fn channels(parts: &[Part]) -> impl Iterator<Item = (i32, &Part)> {
    let mut free = (0..16).filter(|&channel| channel != 9);
    parts.iter().filter_map(move |part| {
        let channel = if part.role == Role::Drums {
            9
        } else {
            free.next()?
        };
        Some((channel, part))
    })
}

/// The controller value (0 to 127) for a level in decibels: General MIDI's 40 log10(v / 127).
pub(crate) fn volume(level_db: f64) -> i32 {
    (127.0 * 10f64.powf(level_db / 40.0))
        .round()
        .clamp(0.0, 127.0) as i32
}

/// The controller value for a pan of −1 to 1.
pub(crate) fn pan(pan: f64) -> i32 {
    (64.0 + 63.0 * pan).round().clamp(0.0, 127.0) as i32
}

fn synthesizer(score: &Score, bank: &SoundBank) -> Result<Synthesizer> {
    let Mix { reverb, chorus, .. } = score.mix;
    let mut settings = SynthesizerSettings::new(bank.sample_rate() as i32);
    settings.maximum_polyphony = POLYPHONY;
    settings.enable_reverb_and_chorus = reverb > 0.0 || chorus > 0.0;
    let mut synthesizer =
        Synthesizer::new(bank.font(), &settings).map_err(|error| Error::BadSoundFont {
            reason: error.to_string(),
        })?;
    for (channel, part) in channels(&score.parts) {
        let wet = |amount: f64| (127.0 * amount).clamp(0.0, 127.0) as i32;
        let chorused = matches!(part.role, Role::Comping | Role::Pad);
        let dryness = if part.role == Role::Bass { 0.3 } else { 1.0 };
        synthesizer.process_midi_message(channel, 0xC0, i32::from(part.program), 0);
        synthesizer.process_midi_message(channel, 0xB0, 0x07, volume(part.level_db));
        synthesizer.process_midi_message(channel, 0xB0, 0x0A, pan(part.pan));
        synthesizer.process_midi_message(channel, 0xB0, 0x5B, wet(reverb * dryness));
        synthesizer.process_midi_message(
            channel,
            0xB0,
            0x5D,
            wet(if chorused { chorus } else { 0.0 }),
        );
    }
    Ok(synthesizer)
}

/// Tilts the spectrum around 800 Hz: a one-pole split, low part down and high part up.
fn tilt(samples: &mut [f32], tilt_db: f64, rate: f64) {
    let gain = |db: f64| 10f64.powf(db / 20.0) as f32;
    let (low_gain, high_gain) = (gain(-tilt_db / 2.0), gain(tilt_db / 2.0));
    let smoothing = (1.0 - (-std::f64::consts::TAU * 800.0 / rate).exp()) as f32;
    let mut low = 0.0f32;
    for sample in samples {
        low += smoothing * (*sample - low);
        *sample = low_gain * low + high_gain * (*sample - low);
    }
}

fn level(samples: &mut [f32]) {
    let energy: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    let rms = (energy / samples.len().max(1) as f64).sqrt() as f32;
    let peak = samples.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
    if rms > 1e-6 && peak > 1e-6 {
        let gain = (TARGET_RMS / rms).min(MAX_PEAK / peak);
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_follow_general_midi() {
        assert_eq!([volume(0.0), volume(-12.04), volume(-100.0)], [127, 64, 0]);
        assert_eq!([pan(-1.0), pan(0.0), pan(1.0)], [1, 64, 127]);
    }

    #[test]
    fn a_quiet_clip_is_raised_and_a_spiky_one_is_not_clipped() {
        let mut quiet: Vec<f32> = (0..1000).map(|i| 0.001 * (i as f32 * 0.3).sin()).collect();
        level(&mut quiet);
        let mean: f32 = quiet.iter().map(|s| s * s).sum::<f32>() / 1000.0;
        assert!((mean.sqrt() - TARGET_RMS).abs() < 1e-3);
        let mut spiky = vec![0.0; 1000];
        spiky[500] = 0.5;
        level(&mut spiky);
        assert!((spiky[500] - MAX_PEAK).abs() < 1e-6);
    }
}
