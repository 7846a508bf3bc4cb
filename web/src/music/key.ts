// Keys: reading them in words or annotation style, the chords that belong to them, and where a
// chord stands in them (Roman numerals).

import { parseChord, readNote } from "./chord";

export interface Key {
  tonic: number;
  /** Spelled tonic: `Bb`. */
  name: string;
  mode: Mode;
}

export type Mode = keyof typeof SCALES;

const SCALES = {
  major: [0, 2, 4, 5, 7, 9, 11],
  minor: [0, 2, 3, 5, 7, 8, 10],
  dorian: [0, 2, 3, 5, 7, 9, 10],
  phrygian: [0, 1, 3, 5, 7, 8, 10],
  lydian: [0, 2, 4, 6, 7, 9, 11],
  mixolydian: [0, 2, 4, 5, 7, 9, 10],
  locrian: [0, 1, 3, 5, 6, 8, 10],
} as const;

export const MODES = Object.keys(SCALES) as Mode[];
export const TONICS = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B", "C#", "D#", "G#"];

/** Reads `A minor`, `A:min`, `Bb`, `F#m`; null where it is no key. */
export function parseKey(text: string | null | undefined): Key | null {
  const trimmed = (text ?? "").trim().replaceAll("♭", "b").replaceAll("♯", "#");
  const note = readNote(trimmed.charAt(0).toUpperCase() + trimmed.slice(1));
  if (!note) return null;
  const word = note.rest.replace(/^[\s:]+/, "").toLowerCase();
  const mode = word === "" ? "major" : word === "m" ? "minor" : MODES.find((m) => m.startsWith(word));
  return mode ? { tonic: note.pitch, name: note.name, mode } : null;
}

export const printKey = (key: Key) => `${key.name} ${key.mode}`;

const LETTERS = "CDEFGAB";
const NATURAL = [0, 2, 4, 5, 7, 9, 11];

/** The scale's notes, each letter once. */
function spelledScale(key: Key): string[] {
  const first = LETTERS.indexOf(key.name.charAt(0));
  return SCALES[key.mode].map((step, degree) => {
    const letter = (first + degree) % 7;
    const shift = ((key.tonic + step - NATURAL[letter]! + 18) % 12) - 6;
    return LETTERS.charAt(letter) + (shift < 0 ? "b".repeat(-shift) : "#".repeat(shift));
  });
}

/** The triads of a key from its first degree to its seventh, with the dominant seventh that minor
 * keys borrow. */
export function chordsInKey(key: Key): string[] {
  const scale = SCALES[key.mode];
  const names = spelledScale(key);
  const above = (degree: number, steps: number) => (scale[(degree + steps) % 7]! - scale[degree]! + 12) % 12;
  const triads = names.map((name, degree) => {
    const third = above(degree, 2);
    const fifth = above(degree, 4);
    const quality = third === 4 ? (fifth === 8 ? "aug" : "") : fifth === 6 ? "dim" : "m";
    return name + quality;
  });
  return key.mode === "minor" ? [...triads, `${names[4]}7`] : triads;
}

const NUMERALS = ["I", "II", "III", "IV", "V", "VI", "VII"];

/** Roman numeral of a chord in a key: `ii7`, `iiø7`, `I△7`, `♭VII`; empty where it cannot be said. */
export function numeral(symbol: string, key: Key | null): string {
  const chord = parseChord(symbol);
  if (!key || !chord || chord.root === null) return "";
  const scale: readonly number[] = SCALES[key.mode];
  const step = (chord.root - key.tonic + 12) % 12;
  const exact = scale.indexOf(step);
  // Between two degrees it is the upper one lowered, but the leading note of minor is its seventh raised.
  const raised = step === 11 && exact < 0;
  const degree = exact >= 0 ? exact : raised ? 6 : scale.indexOf((step + 1) % 12);
  if (degree < 0) return "";
  const minor = chord.intervals.includes(3) && !chord.intervals.includes(4);
  const name = NUMERALS[degree]!;
  const suffix = /(?:maj|m)?(13|11|9|7)/.exec(symbol.replace(/^[A-G][#b]*/, ""))?.[1] ?? "";
  const has = (interval: number) => chord.intervals.includes(interval);
  const fallen = has(6) && !has(7) && minor ? (has(10) ? "ø" : "°") : "";
  const leading = suffix && has(11) ? "△" : "";
  return (
    (exact >= 0 ? "" : raised ? "♯" : "♭") + (minor ? name.toLowerCase() : name) + fallen + leading + suffix
  );
}

/** A symbol `semitones` higher, spelled with flats or sharps as the new key asks. */
export function transposed(symbol: string, semitones: number, flats: boolean): string {
  const names = flats
    ? ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]
    : ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
  const move = (text: string) => {
    const note = readNote(text);
    return note ? names[(note.pitch + semitones + 12) % 12]! + note.rest : text;
  };
  const slash = symbol.lastIndexOf("/");
  const overNote = slash > 0 && readNote(symbol.slice(slash + 1))?.rest === "";
  if (!overNote) return move(symbol);
  return `${move(symbol.slice(0, slash))}/${move(symbol.slice(slash + 1))}`;
}

/** Whether a key's signature has flats. */
export function hasFlats(key: Key): boolean {
  const relative = SCALES[key.mode].includes(4 as never) ? key.tonic : (key.tonic + 3) % 12;
  return key.name.includes("b") || [5, 10, 3, 8, 1].includes(relative);
}
