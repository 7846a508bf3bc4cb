// The plan as it will be heard, drawn where the sound will be: lines on bars and beats, and the notes
// of every chord at their height. Under finished sound only the bar lines stay.

import { useEffect, useRef } from "preact/hooks";
import { chordHue, parseChord } from "../../music/chord";
import { type Plan, spans } from "../../music/plan";
import { plan } from "../../state/plan";
import { pxPerS } from "../../state/view";
import { dark } from "../theme";

const WAVE_PX = 92;
const MEL_PX = 131;
/** Semitones from the bottom of the pitch lane to its top; the bottom is C1. */
const SEMITONES = 96;
const MAX_CANVAS_PX = 8192;

function drawNotes(context: CanvasRenderingContext2D, of: Plan, scale: number, lightness: number): void {
  const step = MEL_PX / SEMITONES;
  for (const { symbol, startS, endS } of spans(of)) {
    const chord = parseChord(symbol);
    if (!chord || chord.root === null) continue;
    context.fillStyle = `oklch(${lightness} 0.12 ${chordHue(chord.root)})`;
    const pitches = new Set(chord.intervals.map((interval) => (chord.root! + interval) % 12));
    for (let note = 12; note < 72; note++) {
      if (!pitches.has(note % 12)) continue;
      // Loudest in the middle, as most instruments are.
      context.globalAlpha = 0.75 * Math.exp(-(((note - 36) / 22) ** 2));
      const y = WAVE_PX + MEL_PX - (note + 1) * step;
      context.fillRect(startS * scale + 2, y, (endS - startS) * scale - 3, 2);
    }
  }
  context.globalAlpha = 1;
}

function draw(canvas: HTMLCanvasElement, of: Plan, pictured: boolean, lightness: number): void {
  const ratio = Math.min(window.devicePixelRatio || 1, MAX_CANVAS_PX / canvas.clientWidth);
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  const scale = canvas.clientWidth / of.duration_s;
  context.fillStyle = getComputedStyle(canvas).color;
  for (const { t, beat } of of.beats) {
    if (t >= of.duration_s || t === 0) continue;
    const down = beat === 1;
    if (pictured && !down) continue;
    context.globalAlpha = down ? 0.55 : 0.4;
    const height = down ? WAVE_PX + MEL_PX : 10;
    context.fillRect(Math.round(t * scale), down ? 0 : WAVE_PX / 2 - 5, 1, height);
  }
  if (!pictured) drawNotes(context, of, scale, lightness);
}

/** `pictured` leaves out what a picture shows better. */
export function Ghost({ pictured }: { pictured: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const of = plan.value!;
  const scale = pxPerS.value;
  const lightness = dark.value ? 0.72 : 0.6;
  useEffect(() => draw(canvas.current!, of, pictured, lightness), [of, scale, pictured, lightness]);
  return <canvas ref={canvas} class="ghost" aria-hidden="true" />;
}
