// A sketch of a plan in sound: its chords on a soft electric piano, a bass note and a click on the
// beats, so that an edit can be heard before anything is rendered.

import { parseChord } from "../music/chord";
import { type Plan, spans } from "../music/plan";

const SAMPLE_RATE = 22_050;
/** Chords are voiced around this MIDI note: F3. */
const CENTRE = 53;

const hertz = (midi: number) => 440 * 2 ** ((midi - 69) / 12);

/** Notes of a chord as MIDI numbers, bass first, the rest close around the middle. */
export function voicing(symbol: string): number[] {
  const chord = parseChord(symbol);
  if (!chord || chord.root === null) return [];
  const root = chord.root;
  const bass = 36 + (((chord.bass ?? root) + 8) % 12) - 8 + 12;
  const upper = chord.intervals
    .filter((interval) => interval !== 0 || chord.intervals.length < 3)
    .map((interval) => {
      const pitch = (root + interval) % 12;
      const octave = Math.round((CENTRE + 6 - pitch) / 12) * 12;
      return pitch + octave;
    });
  return [bass, ...[...new Set(upper)].sort((a, b) => a - b).slice(0, 5)];
}

function note(context: BaseAudioContext, midi: number, at: number, lengthS: number, level: number): void {
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(level, at + 0.008);
  gain.gain.setTargetAtTime(level * 0.35, at + 0.01, 0.45);
  gain.gain.setTargetAtTime(0, at + lengthS - 0.05, 0.03);
  gain.connect(context.destination);
  // A sine and a quiet, quickly fading bell above it: the sound of a tine.
  const body = new OscillatorNode(context, { type: "sine", frequency: hertz(midi) });
  const bell = new OscillatorNode(context, { type: "sine", frequency: hertz(midi) * 3 });
  const bellGain = new GainNode(context, { gain: 0.22 });
  bellGain.gain.setValueAtTime(0.22, at);
  bellGain.gain.setTargetAtTime(0, at, 0.12);
  body.connect(gain);
  bell.connect(bellGain).connect(gain);
  for (const oscillator of [body, bell]) {
    oscillator.start(at);
    oscillator.stop(at + lengthS + 0.15);
  }
}

function click(context: BaseAudioContext, at: number, strong: boolean): void {
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(strong ? 0.16 : 0.07, at);
  gain.gain.setTargetAtTime(0, at, 0.012);
  const oscillator = new OscillatorNode(context, { type: "triangle", frequency: strong ? 1760 : 1175 });
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.08);
}

function strum(context: BaseAudioContext, symbol: string, at: number, lengthS: number): void {
  voicing(symbol).forEach((midi, index) => {
    const level = index === 0 ? 0.22 : 0.11;
    note(context, midi, at + index * 0.006, lengthS, level);
  });
}

/** The whole plan as sound. */
export async function sketch(plan: Plan): Promise<AudioBuffer> {
  const frames = Math.ceil(plan.duration_s * SAMPLE_RATE);
  const context = new OfflineAudioContext(1, frames, SAMPLE_RATE);
  for (const span of spans(plan)) strum(context, span.symbol, span.startS, span.endS - span.startS);
  for (const beat of plan.beats) {
    if (beat.t < plan.duration_s) click(context, beat.t, beat.beat === 1);
  }
  return context.startRendering();
}

/** One chord, now. */
export function audition(context: AudioContext, symbol: string): void {
  strum(context, symbol, context.currentTime + 0.02, 0.9);
}
