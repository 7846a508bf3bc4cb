// Chord symbols: reads what lead sheets write (`Am7`, `B♭-7/A♭`, `C7(b9,#11)`) into the notes that
// sound, and splits a symbol into the parts that are typeset.
//
// The spellings follow the server's own reader, which has the last word: it also takes Harte
// notation, which people do not type.

/** A chord that was understood. `N` (no chord) has no notes. */
export interface Chord {
  /** The symbol as it is sent, in plain ASCII. */
  symbol: string;
  /** Pitch class of the root, 0 = C; null where nothing sounds. */
  root: number | null;
  /** Semitones above the root, ascending, the root itself included. */
  intervals: number[];
  /** Pitch class of the bass where it is not the root. */
  bass: number | null;
}

const LETTERS: Record<string, number> = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const NO_CHORD = /^(N|NC|N\.C\.?|n\.c\.|no chord)$/i;
const MAX_SYMBOL_CHARS = 64;

/** Musical signs as the ASCII that means the same. */
function plain(text: string): string {
  const signs: Record<string, string> = {
    "♯": "#",
    "♭": "b",
    "△": "^",
    Δ: "^",
    "∆": "^",
    ø: "h",
    Ø: "h",
    "°": "o",
    º: "o",
    "−": "-",
    "–": "-",
    "⁷": "7",
    "⁶": "6",
    "⁹": "9",
    "⁵": "5",
    "⁴": "4",
    "²": "2",
  };
  return [...text.trim()].map((sign) => signs[sign] ?? sign).join("");
}

/** A note name such as `F#` or `Bbb` at the start of `text`. */
export function readNote(text: string): { pitch: number; name: string; rest: string } | null {
  const found = /^([A-G])(#{1,2}|b{1,2}|)/.exec(text);
  if (!found) return null;
  const [name, letter = "", signs = ""] = found;
  const shift = signs.startsWith("#") ? signs.length : -signs.length;
  return { pitch: (LETTERS[letter]! + shift + 12) % 12, name, rest: text.slice(name.length) };
}

/** What has been read of a quality, from left to right. */
class Quality {
  third: number[] = [4];
  fifth = 7;
  seventh: number | null = null;
  tensions = new Set<number>();
  omitted = new Set<number>();
  private thirdSaid = false;
  private diminished = false;

  /** Reads one element; gives its length, 0 where nothing is known. */
  step(text: string): number {
    for (const [pattern, act] of STEPS) {
      const found = pattern.exec(text);
      if (found && act(this, found) !== false) return found[0].length;
    }
    return 0;
  }

  setThird(third: number[]): boolean {
    if (this.thirdSaid) return false;
    this.third = third;
    this.thirdSaid = true;
    return true;
  }

  diminish(): boolean {
    this.fifth = 6;
    this.diminished = true;
    return this.setThird([3]);
  }

  /** Stacks thirds up to `number`: 7, 9, 11 or 13. */
  stack(number: number, major: boolean): boolean {
    if (this.seventh !== null) return false;
    this.seventh = major ? 11 : this.diminished ? 9 : 10;
    if (number >= 9) this.tensions.add(14);
    if (number === 11) this.tensions.add(17);
    if (number >= 13) this.tensions.add(21);
    return true;
  }

  /** `maj` alone: after a number a major seventh, otherwise the triad. */
  major(): boolean {
    if (this.seventh === 10) this.seventh = 11;
    else return this.setThird([4]);
    return true;
  }

  alter(sign: string, degree: number): boolean {
    const shift = sign === "b" || sign === "-" ? -1 : 1;
    if (degree === 5) this.fifth = 7 + shift;
    else this.tensions.add({ 9: 14, 11: 17, 4: 17, 13: 21, 6: 21, 2: 14 }[degree]! + shift);
    return true;
  }

  intervals(): number[] {
    const notes = [0, ...this.third, this.fifth, ...(this.seventh === null ? [] : [this.seventh])];
    const kept = [...notes, ...this.tensions].filter((note) => !this.omitted.has(note));
    return [...new Set(kept)].sort((a, b) => a - b);
  }
}

type Act = (quality: Quality, found: RegExpExecArray) => boolean | void;

const ADDED: Record<string, number> = {
  "2": 14,
  "9": 14,
  b9: 13,
  "#9": 15,
  "4": 17,
  "11": 17,
  "#11": 18,
  "6": 9,
  "13": 21,
  b13: 20,
};

const STEPS: [RegExp, Act][] = [
  [/^[\s,()]+/, () => undefined],
  [/^(?:minor|min|MIN|Min|mi|Mi|MI|m(?!aj|a[^d]|a$))/, (q) => q.setThird([3])],
  // `C-7` is minor, the `-5` of `C7-5` an altered fifth.
  [/^-/, (q) => q.seventh === null && q.setThird([3])],
  [/^(?:major|Major|maj|Maj|MAJ|ma|Ma|M)(7|9|11|13)/, (q, f) => q.stack(Number(f[1]), true)],
  [/^(?:major|Major|maj|Maj|MAJ|ma|Ma|M)(6)/, (q) => void q.tensions.add(9)],
  [/^(?:major|Major|maj|Maj|MAJ|ma|Ma|M)/, (q) => q.major()],
  [/^\^(7|9|11|13)?/, (q, f) => q.stack(Number(f[1] ?? 7), true)],
  [
    /^(?:hdim|h)(7|9|11)?/,
    (q, f) => {
      q.fifth = 6;
      return q.setThird([3]) && q.stack(Number(f[1] ?? 7), false);
    },
  ],
  [/^(?:dim|Dim|DIM|o)/, (q) => q.diminish()],
  [/^(?:aug|Aug|AUG|\+(?!\d))/, (q) => void (q.fifth = 8)],
  [/^(?:sus|Sus|SUS)(?:24|42)/, (q) => q.setThird([2, 5])],
  [/^(?:sus|Sus|SUS)2/, (q) => q.setThird([2])],
  [/^(?:sus|Sus|SUS)4?/, (q) => q.setThird([5])],
  [
    /^(?:add|Add|ADD)\s*([b#]?(?:13|11|9|6|4|2))/,
    (q, f) => {
      const note = ADDED[f[1]!];
      if (note === undefined) return false;
      q.tensions.add(note);
    },
  ],
  [/^(?:no|omit)3/, (q) => void [3, 4].forEach((note) => q.omitted.add(note))],
  [/^(?:no|omit)5/, (q) => void [6, 7, 8].forEach((note) => q.omitted.add(note))],
  [
    /^alt/,
    (q) => {
      if (q.seventh === null) q.stack(7, false);
      q.omitted.add(7);
      [13, 15, 18, 20].forEach((note) => q.tensions.add(note));
    },
  ],
  [/^6\/?9/, (q) => void [9, 14].forEach((note) => q.tensions.add(note))],
  [/^([b#+-])(13|11|9|5|6|4|2)/, (q, f) => q.alter(f[1]!, Number(f[2]))],
  [/^(?:dom)?(13|11|9|7)/, (q, f) => q.stack(Number(f[1]), false)],
  [/^6/, (q) => void q.tensions.add(9)],
  [/^5/, (q) => q.setThird([])],
  [/^2/, (q) => void q.tensions.add(14)],
  [/^4/, (q) => q.setThird([5])],
];

function readQuality(text: string): number[] | null {
  const quality = new Quality();
  for (let rest = text; rest !== "";) {
    const length = quality.step(rest);
    if (length === 0) return null;
    rest = rest.slice(length);
  }
  return quality.intervals();
}

/** Reads a symbol; null where it is no chord that we know. */
export function parseChord(text: string): Chord | null {
  if (text.length > MAX_SYMBOL_CHARS) return null;
  const symbol = plain(text);
  if (NO_CHORD.test(symbol)) return { symbol: "N", root: null, intervals: [], bass: null };
  // People type `am7` and mean `Am7`.
  const capital = symbol.charAt(0).toUpperCase() + symbol.slice(1);
  const root = readNote(capital);
  if (!root) return null;
  const slash = /^(.*)\/([A-G](?:#{1,2}|b{1,2}|))$/.exec(root.rest);
  const intervals = readQuality(slash ? slash[1]! : root.rest);
  if (!intervals) return null;
  const bass = slash ? readNote(slash[2]!)!.pitch : null;
  return {
    symbol: capital
      .replace(/\^(\d*)/, (_, number: string) => `maj${number || "7"}`)
      .replace(/h(?:dim)?7?(?=$|\/)/, "m7b5"),
    root: root.pitch,
    intervals,
    bass: bass === root.pitch ? null : bass,
  };
}

/** The parts of a symbol as they are typeset: root large, the rest raised. */
export interface Typeset {
  root: string;
  accidental: string;
  /** The small m of a minor chord, which stands on the line. */
  minor: string;
  quality: string;
  bass: string;
}

const pretty = (text: string) => text.replaceAll("#", "♯").replace(/b(?=[\d]|$)/g, "♭");

/** Splits a symbol for display: `F#m7/E` → F, ♯, m, 7, E. */
export function typeset(symbol: string): Typeset {
  const text = plain(symbol);
  const root = readNote(text);
  if (!root) return { root: text === "N" ? "N.C." : text, accidental: "", minor: "", quality: "", bass: "" };
  const slash = /^(.*)\/([A-G](?:#{1,2}|b{1,2}|))$/.exec(root.rest);
  const written = (slash ? slash[1]! : root.rest).replace(/m7b5/, "ø7");
  const minor = /^m(?!aj)/.test(written) ? "m" : "";
  const quality = written.slice(minor.length);
  return {
    minor,
    root: root.name.charAt(0),
    accidental: pretty(root.name.slice(1)),
    quality: pretty(quality.replace(/maj(?=\d)/gi, "△").replace(/dim(?=7)/, "°")),
    bass: slash ? slash[2]!.charAt(0) + pretty(slash[2]!.slice(1)) : "",
  };
}

/** A symbol in words, for screen readers: `B♭m7/E` → "B flat minor 7 over E". */
export function spoken(symbol: string): string {
  const text = plain(symbol);
  if (NO_CHORD.test(text)) return "no chord";
  const root = readNote(text);
  if (!root) return text;
  const note = (name: string) => name.replace(/#/g, " sharp").replace(/(?<=[A-G])b+/g, " flat");
  const slash = /^(.*)\/([A-G](?:#{1,2}|b{1,2}|))$/.exec(root.rest);
  const words = (slash ? slash[1]! : root.rest)
    .replace(/m7b5/, " half-diminished")
    .replace(/maj/gi, " major ")
    .replace(/(?<!-)dim/, " diminished ")
    .replace(/aug|\+/, " augmented ")
    .replace(/sus/, " suspended ")
    .replace(/add/, " add ")
    .replace(/^m(?!a)/, " minor ")
    .replace(/b(?=\d)/g, " flat ")
    .replace(/#(?=\d)/g, " sharp ");
  const over = slash ? ` over ${note(slash[2]!)}` : "";
  return `${note(root.name)} ${words}${over}`.replace(/\s+/g, " ").trim();
}

/** Hue of a root in degrees, by its place on the circle of fifths: near keys have near hues. */
export const chordHue = (root: number) => (75 + 30 * ((root * 7) % 12)) % 360;
