// Musical time: between seconds and beats, bars, snapping, and how a position is said.

export interface Beat {
  /** Seconds from the start. */
  t: number;
  /** Place in the bar; 1 is the downbeat. */
  beat: number;
}

/** A bar: its beats and where it begins and ends. The first may be cut short by the start. */
export interface Bar {
  /** 1 for the first. */
  number: number;
  /** Index of its first beat in the plan's beats. */
  first: number;
  numBeats: number;
  startS: number;
  endS: number;
}

/** Felt beats in a bar: 3 in 3/4, 2 in 6/8. */
export function feltBeats(signature: string): number {
  const [above = 4, below = 4] = signature.split("/").map(Number);
  return below >= 8 && above > 3 && above % 3 === 0 ? above / 3 : above;
}

/** Length of the beat after `index`, the last interval going on for ever. */
function interval(beats: Beat[], index: number): number {
  const at = Math.min(Math.max(index, 0), beats.length - 2);
  return beats[at + 1]!.t - beats[at]!.t;
}

/** Position in beats, 0 at the first beat; between beats in proportion. */
export function toBeats(beats: Beat[], t: number): number {
  if (beats.length < 2) return t;
  let index = beats.findLastIndex((beat) => beat.t <= t + 1e-9);
  index = Math.min(Math.max(index, 0), beats.length - 1);
  return index + (t - beats[index]!.t) / interval(beats, index);
}

/** Seconds of a position in beats: the inverse of [`toBeats`]. */
export function toSeconds(beats: Beat[], position: number): number {
  if (beats.length < 2) return position;
  const index = Math.min(Math.max(Math.floor(position), 0), beats.length - 1);
  return beats[index]!.t + (position - index) * interval(beats, index);
}

/** The nearest multiple of `grid` beats. */
export function snap(beats: Beat[], t: number, grid = 1): number {
  if (beats.length < 2) return t;
  return toSeconds(beats, Math.round(toBeats(beats, t) / grid) * grid);
}

/** The bars of a grid within `durationS`. */
export function bars(beats: Beat[], durationS: number): Bar[] {
  const inside = beats.filter((beat) => beat.t < durationS - 1e-9);
  const starts = inside.flatMap((beat, index) => (beat.beat === 1 || index === 0 ? [index] : []));
  return starts.map((first, index) => {
    const next = starts[index + 1] ?? inside.length;
    return {
      number: index + 1,
      first,
      numBeats: next - first,
      startS: inside[first]!.t,
      endS: inside[next]?.t ?? durationS,
    };
  });
}

/** `2.3` for the third beat of the second bar; a remainder is written as a fraction. */
export function barAndBeat(beats: Beat[], t: number): { bar: number; beat: number; rest: number } {
  const position = Math.max(0, toBeats(beats, t) + 1e-6);
  const index = Math.min(Math.floor(position), Math.max(beats.length - 1, 0));
  const bar = beats.slice(0, index + 1).filter((beat, i) => beat.beat === 1 || i === 0).length;
  return { bar, beat: beats[index]?.beat ?? 1, rest: Math.max(0, position - index) };
}

/** A position in words: "bar 2, beat 3 and a half". */
export function spokenPosition(beats: Beat[], t: number): string {
  if (beats.length < 2) return `${t.toFixed(2)} seconds`;
  const { bar, beat, rest } = barAndBeat(beats, t);
  const part = rest < 0.1 ? "" : Math.abs(rest - 0.5) < 0.1 ? " and a half" : ` plus ${rest.toFixed(2)}`;
  return `bar ${bar}, beat ${beat}${part}`;
}

/** `0:07.3` */
export function clock(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const rest = (tenths % 600) / 10;
  return `${Math.floor(tenths / 600)}:${rest.toFixed(1).padStart(4, "0")}`;
}
