// Sound and pictures for the mock server: a WAV file with tags, a PNG of bands, a plan.

import { deflateSync } from "node:zlib";
import type { Plan } from "../../src/music/plan";
import { steadyGrid } from "../../src/music/grid";
import { parseChord } from "../../src/music/chord";

const RATE = 16_000;

function chunk(id: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, "latin1");
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

/** The chord and the beat that sound at every moment, asked in order of time. */
function reader(plan: Plan) {
  const chords = plan.chords.map(({ t, symbol }) => ({ t, chord: parseChord(symbol) }));
  let [chord, beat] = [-1, -1];
  return (t: number) => {
    if (t < (chords[chord]?.t ?? 0)) [chord, beat] = [-1, -1];
    while (chords[chord + 1] && chords[chord + 1]!.t <= t) chord++;
    while (plan.beats[beat + 1] && plan.beats[beat + 1]!.t <= t) beat++;
    const { t: begun = 0, chord: parsed = null } = chords[chord] ?? {};
    return {
      root: parsed?.root ?? null,
      intervals: parsed?.intervals ?? [],
      sinceChord: t - begun,
      sinceBeat: t - (plan.beats[beat]?.t ?? 0),
    };
  };
}

/** The roots of a plan as decaying tones with a pulse on every beat, in a WAV file. */
export function wav(plan: Plan, tags: Record<string, string>): Buffer {
  const samples = Buffer.alloc(Math.round(plan.duration_s * RATE) * 2);
  const at = reader(plan);
  for (let i = 0; i < samples.length / 2; i++) {
    const t = i / RATE;
    const { root, sinceChord, sinceBeat } = at(t);
    const tone =
      root === null ? 0 : Math.sin(2 * Math.PI * 130.81 * 2 ** (root / 12) * t) * Math.exp(-sinceChord / 1.5);
    const pulse = Math.sin(2 * Math.PI * 60 * t) * Math.exp(-sinceBeat / 0.05);
    samples.writeInt16LE(Math.round(9000 * tone + 7000 * pulse), i * 2);
  }
  const format = Buffer.alloc(16);
  format.writeUInt16LE(1, 0);
  format.writeUInt16LE(1, 2);
  format.writeUInt32LE(RATE, 4);
  format.writeUInt32LE(RATE * 2, 8);
  format.writeUInt16LE(2, 12);
  format.writeUInt16LE(16, 14);
  const mtag = chunk("mtag", Buffer.from(JSON.stringify(tags)));
  return chunk(
    "RIFF",
    Buffer.concat([Buffer.from("WAVE"), chunk("fmt ", format), mtag, chunk("data", samples)]),
  );
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function crc(data: Buffer): number {
  let c = 0xffffffff;
  for (const byte of data) c = CRC[(c ^ byte) & 255]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(8 + body.length);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc(body), out.length - 4);
  return out;
}

/** A grey picture of the plan's harmonics; `clarity` 0 is noise, 1 is finished. */
export function png(plan: Plan, clarity: number): Buffer {
  const [width, height] = [400, 96];
  const rows = Buffer.alloc((width + 1) * height);
  let seed = 1;
  const noise = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const at = reader(plan);
  for (let x = 0; x < width; x++) {
    const { root, intervals, sinceBeat } = at((x / width) * plan.duration_s);
    for (let y = 0; y < height; y++) {
      const note = height - y;
      const sounds = root !== null && intervals.some((i) => (note - root - i) % 12 === 0);
      const fade = Math.exp(-sinceBeat * 2.5) * Math.exp(-note / 45);
      const level = (sounds ? 0.45 : 0.06) + 0.55 * fade * (sounds ? 1 : 0.35);
      rows[y * (width + 1) + 1 + x] = Math.min(255, 255 * (clarity * level + (1 - clarity) * 0.7 * noise()));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    pngChunk("IHDR", header),
    pngChunk("IDAT", deflateSync(rows)),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

const PROGRESSIONS = [
  ["Am7", "Dm7", "G7", "Cmaj7"],
  ["Am", "F", "C", "G/B"],
  ["Am9", "D7", "Fmaj7", "E7b9"],
];

/** A plan in A minor, another one for another seed. */
export function planFor(seed: number, durationS: number): Plan {
  const tempo = 90 + (seed % 4) * 2;
  const chords = PROGRESSIONS[seed % PROGRESSIONS.length]!;
  const barS = 240 / tempo;
  return {
    tempo_bpm: tempo,
    time_signature: "4/4",
    key: "A minor",
    duration_s: durationS,
    beats: steadyGrid(tempo, 4, durationS),
    chords: Array.from({ length: Math.ceil(durationS / barS) }, (_, bar) => ({
      t: Math.round(bar * barS * 1e4) / 1e4,
      symbol: chords[bar % chords.length]!,
    })),
    style: "bossa nova",
    instruments: ["nylon guitar", "brushed drums", "upright bass"],
  };
}
