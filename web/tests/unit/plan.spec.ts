// Edits of a plan: chords stay in order and inside the piece, and keep their place in the music.

import { expect, test } from "@playwright/test";
import {
  continued,
  moveBarline,
  setBarLength,
  setDownbeat,
  setDuration,
  setMeter,
  setTempo,
  shiftGrid,
  steadyGrid,
  tappedTempo,
} from "../../src/music/grid";
import {
  type Plan,
  addChord,
  moveChord,
  moveStart,
  readPlan,
  removeChord,
  spans,
  trimmed,
} from "../../src/music/plan";
import { bars, barAndBeat, feltBeats, snap, toBeats, toSeconds } from "../../src/music/time";

const plan = (): Plan => ({
  tempo_bpm: 120,
  time_signature: "4/4",
  key: "A minor",
  duration_s: 8,
  beats: steadyGrid(120, 4, 8),
  chords: [
    { t: 0, symbol: "Am" },
    { t: 2, symbol: "Dm" },
    { t: 4, symbol: "G" },
    { t: 6, symbol: "C" },
  ],
});
const names = (of: Plan) =>
  spans(of)
    .map(({ symbol, startS, endS }) => `${symbol} ${startS}-${endS}`)
    .join(", ");

/** What is wrong with a plan that is to be sent; nothing for every plan there can be. */
function wrongs(of: Plan): string[] {
  const sent = trimmed(of);
  const found: string[] = [];
  for (const list of [sent.beats, sent.chords]) {
    list.forEach(({ t }, i) => {
      if (!(t >= 0 && t < sent.duration_s)) found.push(`${t} is outside`);
      if (i > 0 && !(t > list[i - 1]!.t)) found.push(`${t} after ${list[i - 1]!.t}`);
    });
  }
  for (const { beat } of sent.beats) {
    if (!(beat >= 1 && beat <= feltBeats(sent.time_signature)))
      found.push(`beat ${beat} in ${sent.time_signature}`);
  }
  return found;
}

test("a moved chord covers what is there, and what follows stays", () => {
  expect(names(moveChord(plan(), 1, 3))).toBe("Am 0-3, Dm 3-5, G 5-6, C 6-8");
  expect(names(moveChord(plan(), 0, 5))).toBe("Dm 0-4, G 4-5, Am 5-7, C 7-8");
  expect(names(moveChord(plan(), 3, 0))).toBe("C 0-2, Dm 2-4, G 4-8");
});

test("an edge moves between its neighbours and no further", () => {
  expect(names(moveStart(plan(), 1, 1))).toBe("Am 0-1, Dm 1-4, G 4-6, C 6-8");
  expect(names(moveStart(plan(), 1, -5))).toBe("Am 0-0.25, Dm 0.25-4, G 4-6, C 6-8");
  expect(names(moveStart(plan(), 1, 99))).toBe("Am 0-3.75, Dm 3.75-4, G 4-6, C 6-8");
});

test("a removed chord leaves no hole", () => {
  expect(names(removeChord(plan(), 1))).toBe("Am 0-4, G 4-6, C 6-8");
  expect(names(removeChord(plan(), 0))).toBe("Dm 0-4, G 4-6, C 6-8");
});

test("an added chord lasts to the next one at most", () => {
  expect(names(addChord(plan(), 3, "E7"))).toBe("Am 0-2, Dm 2-3, E7 3-4, G 4-6, C 6-8");
  expect(names(addChord({ ...plan(), chords: [] }, 0, "E7"))).toBe("E7 0-8");
});

test("chords follow the tempo, and come back with it", () => {
  const slow = setTempo(plan(), 60);
  expect(names(slow)).toBe("Am 0-4, Dm 4-8");
  expect(names(setTempo(slow, 120))).toBe(names(plan()));
  const fast = setTempo(plan(), 240);
  expect(names(fast)).toBe("Am 0-1, Dm 1-2, G 2-3, C 3-8");
  expect(trimmed(fast).beats).toHaveLength(32);
});

test("a longer piece gets more beats, a shorter one sends fewer", () => {
  expect(trimmed(setDuration(plan(), 10)).beats.at(-1)).toEqual({ t: 9.5, beat: 4 });
  expect(trimmed(setDuration(plan(), 5)).chords).toHaveLength(3);
});

test("an extended piece plays its chords again", () => {
  expect(names(continued(plan(), 12))).toBe("Am 0-2, Dm 2-4, G 4-6, C 6-8, Am 8-10, Dm 10-12");
  expect(names(continued(plan(), 9))).toBe("Am 0-2, Dm 2-4, G 4-6, C 6-8, Am 8-9");
});

test("metre, downbeat and bar lengths renumber the beats", () => {
  const numbers = (of: Plan) => of.beats.map(({ beat }) => beat).join("");
  expect(numbers(setMeter(plan(), "3/4"))).toBe("1231231231231231");
  expect(numbers(setMeter(plan(), "6/8"))).toBe("1212121212121212");
  expect(numbers(setDownbeat(plan(), 2))).toBe("3412341234123412");
  expect(numbers(setBarLength(plan(), 1, 2))).toBe("1234121234123412");
  expect(numbers(setBarLength(setBarLength(plan(), 1, 2), 1, 4))).toBe(numbers(plan()));
});

test("a moved bar line shares the room evenly and takes the chords along", () => {
  const moved = moveBarline(plan(), 1, 2.4);
  expect(bars(moved.beats, 8).map(({ startS }) => startS)).toEqual([0, 2.4, 4, 6]);
  expect(moved.beats[1]!.t).toBeCloseTo(0.6, 4);
  expect(moved.beats[5]!.t).toBeCloseTo(2.8, 4);
  expect(names(moved)).toBe("Am 0-2.4, Dm 2.4-4, G 4-6, C 6-8");
});

test("a shifted grid keeps the first chord at the start", () => {
  const later = shiftGrid(plan(), 0.1);
  expect(later.beats[0]!.t).toBeCloseTo(0.1, 4);
  expect(names(later)).toBe("Am 0-2.1, Dm 2.1-4.1, G 4.1-6.1, C 6.1-8");
});

test("every edit of every chord and bar gives a plan that can be sent", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  let of = plan();
  for (let i = 0; i < 2000; i++) {
    const chord = Math.floor(random() * of.chords.length);
    const t = random() * 10 - 1;
    const edits: (() => Plan)[] = [
      () => moveChord(of, chord, snap(of.beats, Math.min(Math.max(t, 0), of.duration_s))),
      () => moveStart(of, chord, t),
      () => removeChord(of, chord),
      () => addChord(of, t, "Em7"),
      () => setTempo(of, 40 + random() * 200),
      () => setDuration(of, 1 + Math.floor(random() * 20)),
      () => setMeter(of, ["4/4", "3/4", "6/8", "7/8"][i % 4]!),
      () => setBarLength(of, Math.floor(random() * 4), 1 + Math.floor(random() * 5)),
      () => moveBarline(of, Math.floor(random() * 4), t),
      () => shiftGrid(of, random() * 0.2 - 0.1),
    ];
    const choice = Math.floor(random() * edits.length);
    const before = of;
    of = edits[choice]!();
    const found = wrongs(of);
    if (found.length)
      throw new Error(`edit ${choice}: ${found.slice(0, 3).join("; ")}, from ${JSON.stringify(before)}`);
    if (i % 100 === 99) of = plan();
  }
});

test("beats and seconds are each other's inverse, also beyond the grid", () => {
  const { beats } = moveBarline(plan(), 1, 2.3);
  for (const t of [-1, 0, 0.3, 2.3, 3.1, 7.9, 12])
    expect(toSeconds(beats, toBeats(beats, t))).toBeCloseTo(t, 9);
  expect(barAndBeat(beats, 2.3)).toMatchObject({ bar: 2, beat: 1 });
});

test("taps give their tempo", () => {
  expect(tappedTempo([0, 0.5])).toBeNull();
  expect(tappedTempo([0, 0.5, 1.01, 1.5, 2])).toBe(120);
  expect(tappedTempo([0, 10, 20])).toBeNull();
});

test("a plan that cannot be played is refused", () => {
  expect(readPlan(null)).toBeNull();
  expect(readPlan({ tempo_bpm: "fast" })).toBeNull();
  expect(readPlan({ tempo_bpm: 90, chords: [{ t: Number.NaN, symbol: "C" }] })).toBeNull();
  expect(readPlan({ tempo_bpm: 90, meter: "3/4", key: "A:min", beats: [] })).toMatchObject({
    time_signature: "3/4",
    key: "A minor",
  });
});
