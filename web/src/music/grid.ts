// Edits of the beat grid: tempo, metre, where the bars begin and how long they are. Chords keep
// their place in the music, so they move along with the beats.

import { type ChordEvent, type Plan } from "./plan";
import { type Beat, bars, feltBeats, toBeats, toSeconds } from "./time";

export const TEMPO_RANGE_BPM = [30, 300] as const;
const MAX_BEATS = 2048;
/** Shortest beat that a change of tempo makes. */
const LEAST_BEAT_S = 0.1;

const round = (t: number) => Math.round(t * 1e4) / 1e4;

/** An even grid from 0, where a plan has no beats yet. */
export function steadyGrid(tempoBpm: number, perBar: number, durationS: number): Beat[] {
  const count = Math.min(MAX_BEATS, Math.ceil((durationS * tempoBpm) / 60 - 1e-6));
  return Array.from({ length: count }, (_, i) => ({
    t: round((i * 60) / tempoBpm),
    beat: (i % perBar) + 1,
  }));
}

/** Beats added at the end so that the grid reaches the end of the piece, and before its first beat
 * where there is room for one. */
function filled(beats: Beat[], plan: Plan): Beat[] {
  const perBar = feltBeats(plan.time_signature);
  if (beats.length < 2) return steadyGrid(plan.tempo_bpm, perBar, plan.duration_s);
  const grid = [...beats];
  for (let gap = grid[1]!.t - grid[0]!.t; grid[0]!.t - gap >= -1e-6 && grid.length < MAX_BEATS;) {
    const beat = grid[0]!.beat === 1 ? perBar : grid[0]!.beat - 1;
    grid.unshift({ t: round(Math.max(0, grid[0]!.t - gap)), beat });
  }
  const gap = grid.at(-1)!.t - grid.at(-2)!.t;
  while (grid.at(-1)!.t + gap < plan.duration_s - 1e-6 && grid.length < MAX_BEATS) {
    const last = grid.at(-1)!;
    grid.push({ t: round(last.t + gap), beat: last.beat >= perBar ? 1 : last.beat + 1 });
  }
  return grid;
}

/** Of chords that begin together the last. */
const apart = (chords: ChordEvent[]) => chords.filter((c, i) => !(chords[i + 1] && chords[i + 1]!.t <= c.t));

/** Chords at the same place in the music on a new grid. */
function follow(chords: ChordEvent[], from: Beat[], to: Beat[]): ChordEvent[] {
  const moved = chords.map((chord) => ({
    ...chord,
    t: round(Math.max(0, toSeconds(to, toBeats(from, chord.t)))),
  }));
  return apart(moved);
}

/** Another tempo from the first beat on; every bar keeps its share. */
export function setTempo(plan: Plan, tempoBpm: number): Plan {
  const [low, high] = TEMPO_RANGE_BPM;
  const gaps = plan.beats.slice(1).map((beat, i) => beat.t - plan.beats[i]!.t);
  // Where bars were squeezed, their beats stay apart too.
  const fastest = (plan.tempo_bpm * Math.min(...gaps, Infinity)) / LEAST_BEAT_S;
  const tempo = Math.min(Math.max(tempoBpm, low), high, Math.max(fastest, low));
  const start = plan.beats[0]?.t ?? 0;
  const ratio = plan.tempo_bpm / tempo;
  const scaled = plan.beats.map((b) => ({ ...b, t: round(start + (b.t - start) * ratio) }));
  const next = { ...plan, tempo_bpm: Math.round(tempo * 100) / 100 };
  return { ...next, beats: filled(scaled, next), chords: follow(plan.chords, plan.beats, scaled) };
}

export function setDuration(plan: Plan, durationS: number): Plan {
  const next = { ...plan, duration_s: durationS };
  return { ...next, beats: filled(plan.beats, next) };
}

/** A longer piece whose chords begin again where they ended, as a verse does. */
export function continued(plan: Plan, durationS: number): Plan {
  const longer = setDuration(plan, durationS);
  const period = plan.beats.filter(({ t }) => t < plan.duration_s - 1e-6).length;
  const verse = plan.chords.filter(({ t }) => t < plan.duration_s);
  if (period < 2 || verse.length === 0) return longer;
  const chords: ChordEvent[] = [];
  for (let shift = 0; chords.length < MAX_BEATS; shift += period) {
    const turn = verse.map((chord) => ({
      ...chord,
      t: round(toSeconds(longer.beats, toBeats(plan.beats, chord.t) + shift)),
    }));
    chords.push(...turn.filter(({ t }) => t < durationS - 1e-6));
    if (!(turn[0]!.t < durationS)) break;
  }
  return { ...longer, chords };
}

/** Numbers the beats anew: one length for every bar, the first of them at beat `first`. */
function renumbered(beats: Beat[], first: number, lengths: number[], usual: number): Beat[] {
  const numbers = beats.map(() => 0);
  for (let i = first - 1; i >= 0; i--) numbers[i] = usual - ((first - 1 - i) % usual);
  for (let i = first, bar = 0; i < beats.length; bar++) {
    const length = Math.max(1, lengths[bar] ?? usual);
    for (let beat = 1; beat <= length && i < beats.length; beat++, i++) numbers[i] = beat;
  }
  return beats.map((beat, i) => ({ ...beat, beat: numbers[i]! }));
}

export function setMeter(plan: Plan, signature: string): Plan {
  const perBar = feltBeats(signature);
  const first = Math.max(
    0,
    plan.beats.findIndex((beat) => beat.beat === 1),
  );
  return { ...plan, time_signature: signature, beats: renumbered(plan.beats, first, [], perBar) };
}

/** Makes beat `index` the first of a bar; all bars are whole from there. */
export function setDownbeat(plan: Plan, index: number): Plan {
  return { ...plan, beats: renumbered(plan.beats, index, [], feltBeats(plan.time_signature)) };
}

/** Gives one bar another number of beats; the bars after it keep theirs. At most the metre's. */
export function setBarLength(plan: Plan, barIndex: number, numBeats: number): Plan {
  const usual = feltBeats(plan.time_signature);
  const all = bars(plan.beats, Infinity);
  const wanted = Math.min(Math.max(1, numBeats), usual);
  const lengths = all.map((bar, i) => (i === barIndex ? wanted : bar.numBeats));
  // A last bar that the end cuts short is a whole one with beats missing.
  if (lengths.length - 1 !== barIndex) lengths[lengths.length - 1] = usual;
  return { ...plan, beats: renumbered(plan.beats, 0, lengths, usual) };
}

/** Moves the whole grid and its chords; what falls before the start is dropped. */
export function shiftGrid(plan: Plan, byS: number): Plan {
  const moved = plan.beats.map((beat) => ({ ...beat, t: round(beat.t + byS) }));
  const beats = filled(
    moved.filter((beat) => beat.t >= -1e-6).map((b) => ({ ...b, t: Math.max(0, b.t) })),
    plan,
  );
  const chords = plan.chords.map((chord, i) => ({
    ...chord,
    // The first chord covers the start whatever the grid does.
    t: i === 0 && chord.t < 0.05 ? chord.t : round(Math.max(0, chord.t + byS)),
  }));
  return { ...plan, beats, chords: apart(chords) };
}

/** Moves the line at which bar `barIndex` begins; the beats of the bars on both sides share the
 * room evenly, so the music speeds up on one side and slows down on the other. */
export function moveBarline(plan: Plan, barIndex: number, t: number): Plan {
  const all = bars(plan.beats, Infinity);
  const [before, bar] = [all[barIndex - 1], all[barIndex]];
  if (!before || !bar) return plan;
  const last = plan.beats.length - 1;
  const endIndex = bar.first + bar.numBeats;
  const gap = plan.beats[last]!.t - plan.beats[last - 1]!.t;
  const endS = plan.beats[endIndex]?.t ?? plan.beats[last]!.t + gap;
  // No beat becomes shorter than a tempo of 300 allows.
  const least = 60 / TEMPO_RANGE_BPM[1];
  const low = before.startS + before.numBeats * least;
  const high = endS - bar.numBeats * least;
  if (low > high) return plan;
  const at = Math.min(Math.max(t, low), high);
  const spread = (from: number, to: number, i: number, count: number) => from + ((to - from) * i) / count;
  const beats = plan.beats.map((beat, i) => {
    if (i >= before.first && i < bar.first) {
      return { ...beat, t: round(spread(before.startS, at, i - before.first, before.numBeats)) };
    }
    if (i < bar.first || i >= endIndex) return beat;
    return { ...beat, t: round(spread(at, endS, i - bar.first, bar.numBeats)) };
  });
  return { ...plan, beats, chords: follow(plan.chords, plan.beats, beats) };
}

/** Tempo of taps (times in seconds): the median of the last eight intervals; null below three taps. */
export function tappedTempo(taps: number[]): number | null {
  if (taps.length < 3) return null;
  const recent = taps.slice(-9);
  const gaps = recent
    .slice(1)
    .map((tap, i) => tap - recent[i]!)
    .sort((a, b) => a - b);
  const middle = gaps.length >> 1;
  const gap = gaps.length % 2 ? gaps[middle]! : (gaps[middle - 1]! + gaps[middle]!) / 2;
  const tempo = Math.round(60 / gap);
  return tempo >= TEMPO_RANGE_BPM[0] && tempo <= TEMPO_RANGE_BPM[1] ? tempo : null;
}
