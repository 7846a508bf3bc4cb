// Chord symbols and keys: spellings that mean the same, notes, Roman numerals, transposition.

import { expect, test } from "@playwright/test";
import { parseChord, spoken, typeset } from "../../src/music/chord";
import { chordsInKey, hasFlats, numeral, parseKey, transposed } from "../../src/music/key";

const NOTES: [string[], number[]][] = [
  [
    ["C", "CM", "Cmaj", "Cmajor"],
    [0, 4, 7],
  ],
  [
    ["Cm", "C-", "Cmin", "Cmi", "C−"],
    [0, 3, 7],
  ],
  [
    ["Cmaj7", "CM7", "C△7", "C△", "C^7", "CMaj7", "C△⁷"],
    [0, 4, 7, 11],
  ],
  [
    ["Cm7", "C-7", "Cmin7", "Cmi7"],
    [0, 3, 7, 10],
  ],
  [
    ["C7", "Cdom7"],
    [0, 4, 7, 10],
  ],
  [
    ["Cm7b5", "Cø", "Cø7", "C-7b5", "Cm7-5", "Cm7(b5)", "Cm7♭5"],
    [0, 3, 6, 10],
  ],
  [
    ["Cdim", "Co", "C°"],
    [0, 3, 6],
  ],
  [
    ["Cdim7", "C°7"],
    [0, 3, 6, 9],
  ],
  [
    ["Caug", "C+"],
    [0, 4, 8],
  ],
  [
    ["CmMaj7", "Cmmaj7"],
    [0, 3, 7, 11],
  ],
  [
    ["Csus4", "Csus"],
    [0, 5, 7],
  ],
  [["Csus2"], [0, 2, 7]],
  [["C7sus4"], [0, 5, 7, 10]],
  [["C6"], [0, 4, 7, 9]],
  [
    ["C6/9", "C69"],
    [0, 4, 7, 9, 14],
  ],
  [["C9"], [0, 4, 7, 10, 14]],
  [
    ["Cadd9", "Cadd2"],
    [0, 4, 7, 14],
  ],
  [["Cmadd9"], [0, 3, 7, 14]],
  [
    ["C7b9", "C7(b9)"],
    [0, 4, 7, 10, 13],
  ],
  [["C7(b9,#11)"], [0, 4, 7, 10, 13, 18]],
  [["C13"], [0, 4, 7, 10, 14, 21]],
  [["C5"], [0, 7]],
  [["C7alt"], [0, 4, 10, 13, 15, 18, 20]],
];

test("spellings of the same chord sound the same", () => {
  for (const [symbols, intervals] of NOTES) {
    for (const symbol of symbols) expect(parseChord(symbol)?.intervals, symbol).toEqual(intervals);
  }
});

test("roots and basses are pitch classes", () => {
  expect(parseChord("B♭-7/A♭")).toEqual({ symbol: "Bb-7/Ab", root: 10, intervals: [0, 3, 7, 10], bass: 8 });
  expect(parseChord("am7")).toMatchObject({ symbol: "Am7", root: 9 });
  expect(parseChord("C/C")?.bass).toBeNull();
  expect(parseChord("N.C.")).toEqual({ symbol: "N", root: null, intervals: [], bass: null });
});

test("what is no chord is refused", () => {
  for (const text of ["", "H", "Cxyz", "hello", "7", "C/Q", "Am7!", "<b>", "C".repeat(65)]) {
    expect(parseChord(text), text).toBeNull();
  }
});

test("symbols are typeset and spoken", () => {
  expect(typeset("F#m7/E")).toEqual({ root: "F", accidental: "♯", minor: "m", quality: "7", bass: "E" });
  expect(typeset("Bbmaj7")).toMatchObject({ root: "B", accidental: "♭", minor: "", quality: "△7" });
  expect(spoken("Bbm7/E")).toBe("B flat minor 7 over E");
  expect(spoken("F#m7b5/E")).toBe("F sharp half-diminished over E");
  expect(spoken("N")).toBe("no chord");
});

test("keys are read in words and in annotations", () => {
  expect(parseKey("A minor")).toEqual(parseKey("A:min"));
  expect(parseKey("Bb")).toEqual({ tonic: 10, name: "Bb", mode: "major" });
  expect(parseKey("D dorian")?.mode).toBe("dorian");
  expect(parseKey("sad")).toBeNull();
  expect(parseKey(null)).toBeNull();
});

test("the chords of a key are spelled with each letter once", () => {
  expect(chordsInKey(parseKey("A minor")!)).toEqual(["Am", "Bdim", "C", "Dm", "Em", "F", "G", "E7"]);
  expect(chordsInKey(parseKey("Db major")!)).toEqual(["Db", "Ebm", "Fm", "Gb", "Ab", "Bbm", "Cdim"]);
  for (const tonic of ["C", "F#", "Eb", "B"]) {
    const key = parseKey(`${tonic} major`)!;
    expect(chordsInKey(key).map((symbol) => numeral(symbol, key))).toEqual([
      "I",
      "ii",
      "iii",
      "IV",
      "V",
      "vi",
      "vii°",
    ]);
  }
});

test("numerals tell sevenths apart", () => {
  const key = parseKey("A minor")!;
  const said = ["Am7", "AmM7", "Fmaj7", "Bm7b5", "G#dim7", "E7", "Bb"].map((symbol) => numeral(symbol, key));
  expect(said).toEqual(["i7", "i△7", "VI△7", "iiø7", "♯vii°7", "V7", "♭II"]);
  const major = parseKey("C major")!;
  expect(["Cmaj7", "Bdim7", "Bm7b5", "G7b5"].map((symbol) => numeral(symbol, major))).toEqual([
    "I△7",
    "vii°7",
    "viiø7",
    "V7",
  ]);
});

test("transposing by twelve semitones changes nothing that sounds", () => {
  for (const symbol of ["Am7", "F#m7b5/E", "Bb13", "C6/9"]) {
    let moved = symbol;
    for (let i = 0; i < 12; i++) moved = transposed(moved, 1, false);
    const [before, after] = [parseChord(symbol)!, parseChord(moved)!];
    expect([after.root, after.bass, after.intervals]).toEqual([before.root, before.bass, before.intervals]);
  }
  expect(transposed("Am7/E", 1, hasFlats(parseKey("F minor")!))).toBe("Bbm7/F");
  expect(transposed("N", 5, true)).toBe("N");
});
