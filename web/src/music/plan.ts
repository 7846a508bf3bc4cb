// The plan of a piece and the edits a musician makes to its chords. Every edit gives a new plan and
// leaves the old one alone, which is what undo rests on. Edits of the beats are in `grid.ts`.
//
// Chords and beats may lie behind the end of the piece: they are kept while the length or the tempo
// is tried out, and left out of what is sent.

import { printKey, parseKey } from "./key";
import { type Beat, snap, toBeats, toSeconds } from "./time";

export interface ChordEvent {
  /** Seconds from the start. A chord lasts until the next. */
  t: number;
  symbol: string;
}

export interface Plan {
  tempo_bpm: number;
  time_signature: string;
  key: string | null;
  duration_s: number;
  beats: Beat[];
  chords: ChordEvent[];
  style?: string;
  instruments?: string[];
}

export interface Span {
  index: number;
  symbol: string;
  startS: number;
  endS: number;
}

/** Times nearer than this are the same moment. */
const SAME_S = 0.012;
const MAX_CHORDS = 256;
const MAX_BEATS = 512;

const round = (t: number) => Math.round(t * 1e4) / 1e4;

/** The chords as stretches of time, cut at the end of the piece. */
export function spans(plan: Plan): Span[] {
  return plan.chords.flatMap((chord, index) => {
    const endS = Math.min(plan.chords[index + 1]?.t ?? plan.duration_s, plan.duration_s);
    return chord.t < plan.duration_s ? [{ index, symbol: chord.symbol, startS: chord.t, endS }] : [];
  });
}

/** Index of the chord that sounds at `t`, −1 before the first. */
export const chordAt = (plan: Plan, t: number) => plan.chords.findLastIndex((chord) => chord.t <= t + SAME_S);

const sorted = (chords: ChordEvent[]) => [...chords].sort((a, b) => a.t - b.t);

/** Lays a chord over `startS` to `endS`: what was there gives way, what follows stays in place. */
function overlay(plan: Plan, symbol: string, startS: number, endS: number): ChordEvent[] {
  const resumed = plan.chords[chordAt(plan, endS)];
  const kept = plan.chords.filter((c) => c.t < startS - SAME_S || c.t > endS + SAME_S);
  const after = plan.chords.find((c) => Math.abs(c.t - endS) <= SAME_S);
  const tail = after ?? (resumed && { t: round(endS), symbol: resumed.symbol });
  const tails = tail && endS < plan.duration_s - SAME_S ? [tail] : [];
  return sorted([...kept, { t: round(startS), symbol }, ...tails]);
}

export function renameChord(plan: Plan, index: number, symbol: string): Plan {
  const chords = plan.chords.map((chord, i) => (i === index ? { ...chord, symbol } : chord));
  return { ...plan, chords };
}

/** Puts a chord at `t`, to the next chord or for `lengthBeats`, whichever is shorter. */
export function addChord(plan: Plan, t: number, symbol: string, lengthBeats = 4): Plan {
  if (plan.chords.length >= MAX_CHORDS) return plan;
  const startS = Math.max(0, Math.min(t, plan.duration_s - 0.05));
  const next = plan.chords.find((chord) => chord.t > startS + SAME_S)?.t ?? plan.duration_s;
  const wanted = toSeconds(plan.beats, toBeats(plan.beats, startS) + lengthBeats);
  return { ...plan, chords: overlay(plan, symbol, startS, Math.min(next, wanted)) };
}

/** Takes a chord away; the one before it sounds on, or the one after begins earlier. */
export function removeChord(plan: Plan, index: number): Plan {
  const gone = plan.chords[index];
  const chords = plan.chords.filter((_, i) => i !== index);
  if (gone && index === 0 && chords[0]) chords[0] = { ...chords[0], t: gone.t };
  return { ...plan, chords };
}

/** Moves a chord with its length to `t`, over whatever is there. */
export function moveChord(plan: Plan, index: number, t: number): Plan {
  const span = spans(plan).find((s) => s.index === index);
  if (!span) return plan;
  const length = toBeats(plan.beats, span.endS) - toBeats(plan.beats, span.startS);
  const startS = Math.max(0, Math.min(t, plan.duration_s - 0.05));
  if (Math.abs(startS - span.startS) < SAME_S) return plan;
  const endS = toSeconds(plan.beats, toBeats(plan.beats, startS) + length);
  const without = removeChord(plan, index);
  return { ...plan, chords: overlay(without, span.symbol, startS, endS) };
}

/** Shifts the boundary at which chord `index` begins; its neighbours keep at least `least` beats. */
export function moveStart(plan: Plan, index: number, t: number, least = 0.5): Plan {
  const before = plan.chords[index - 1];
  const after = plan.chords[index + 1]?.t ?? plan.duration_s;
  const step = (time: number, by: number) => toSeconds(plan.beats, toBeats(plan.beats, time) + by);
  const low = before ? step(before.t, least) : 0;
  const high = step(after, -least);
  if (low > high) return plan;
  const at = round(Math.min(Math.max(t, low), high));
  return { ...plan, chords: plan.chords.map((c, i) => (i === index ? { ...c, t: at } : c)) };
}

/** Index of the chord nearest to `t`: where the focus goes after an edit. */
export function nearestChord(plan: Plan, t: number): number {
  const distances = plan.chords.map((chord) => Math.abs(chord.t - t));
  return distances.indexOf(Math.min(...distances));
}

/** Shifts `t` by beats, on the grid. */
export function stepBeats(plan: Plan, t: number, by: number): number {
  const to = toSeconds(plan.beats, toBeats(plan.beats, t) + by);
  return Math.max(0, Math.min(snap(plan.beats, to, Math.abs(by) < 1 ? 0.5 : 1), plan.duration_s));
}

/** A plan as the server sends it; fields that are missing get sensible values. */
export function readPlan(value: unknown): Plan | null {
  if (typeof value !== "object" || value === null) return null;
  const raw = value as Record<string, unknown>;
  const tempo = Number(raw.tempo_bpm);
  const beats = (Array.isArray(raw.beats) ? raw.beats : []) as Beat[];
  const chords = (Array.isArray(raw.chords) ? raw.chords : []) as ChordEvent[];
  const good = (t: unknown) => typeof t === "number" && Number.isFinite(t) && t >= 0;
  if (!(tempo > 0) || !beats.every((b) => good(b.t)) || !chords.every((c) => good(c.t))) return null;
  const key = parseKey(raw.key as string | null);
  const last = Math.max(beats.at(-1)?.t ?? 0, chords.at(-1)?.t ?? 0);
  return {
    tempo_bpm: tempo,
    time_signature: String(raw.time_signature ?? raw.meter ?? "4/4"),
    key: key ? printKey(key) : null,
    duration_s: good(raw.duration_s) ? (raw.duration_s as number) : Math.max(10, Math.ceil(last)),
    beats: beats.map(({ t, beat }) => ({ t, beat: Number(beat) })),
    chords: chords.map(({ t, symbol }) => ({ t, symbol: String(symbol) })),
    ...(typeof raw.style === "string" ? { style: raw.style } : {}),
    ...(Array.isArray(raw.instruments) ? { instruments: raw.instruments.map(String) } : {}),
  };
}

/** The plan to send: what lies within the piece, times to a tenth of a millisecond. */
export function trimmed(plan: Plan): Plan {
  const inside = <T extends { t: number }>(events: T[]) =>
    events.filter(({ t }) => t < plan.duration_s - 1e-6).map((event) => ({ ...event, t: round(event.t) }));
  return {
    ...plan,
    beats: inside(plan.beats).slice(0, MAX_BEATS),
    chords: inside(plan.chords),
  };
}
