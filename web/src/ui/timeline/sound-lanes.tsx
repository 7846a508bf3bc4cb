// The sound under the plan: waveform and spectrogram of the open take on the same time axis, the
// unfinished picture while a piece is being made, and selecting a stretch by dragging.

import { useEffect, useRef, useState } from "preact/hooks";
import { seek } from "../../audio/player";
import { isActive } from "../../api/types";
import { chordHue, parseChord } from "../../music/chord";
import { type Plan, chordAt } from "../../music/plan";
import { snap } from "../../music/time";
import { announce } from "../../state/announce";
import { openJob, planOf, previews } from "../../state/jobs";
import { loadingTake, openOutput, takeBuffer } from "../../state/listening";
import { plan, selectedChord } from "../../state/plan";
import { lengthS, pxPerS, selection } from "../../state/view";
import { dark } from "../theme";
import { selectedBar } from "./bar-focus";
import { startDrag } from "./drag";
import { Ghost } from "./ghost";
import { RAMPS, loadPicture, paint } from "./mel";

/** Widest canvas that browsers draw reliably. */
const MAX_CANVAS_PX = 8192;

/** Lowest and highest sample of every column. */
export function envelope(samples: Float32Array, columns: number): [number, number][] {
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * samples.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * samples.length) / columns));
    let [low, high] = [0, 0];
    for (let i = from; i < to; i++) {
      const sample = samples[i] ?? 0;
      if (sample < low) low = sample;
      if (sample > high) high = sample;
    }
    return [low, high];
  });
}

/** Draws the wave in the colours of the chords that were played. */
function drawWave(canvas: HTMLCanvasElement, buffer: AudioBuffer, width: number, played: Plan | null): void {
  const scale = Math.min(window.devicePixelRatio || 1, MAX_CANVAS_PX / width);
  const height = canvas.clientHeight * scale;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height);
  const context = canvas.getContext("2d")!;
  const lightness = getComputedStyle(canvas).getPropertyValue("--wave");
  const colours = (played?.chords ?? []).map(({ symbol }) => {
    const root = parseChord(symbol)?.root;
    return root == null ? `oklch(${lightness} 0 0)` : `oklch(${lightness} 0.13 ${chordHue(root)})`;
  });
  const columns = envelope(buffer.getChannelData(0), canvas.width);
  const peak = Math.max(0.05, ...columns.map(([low, high]) => Math.max(-low, high)));
  const reach = (height / 2 - 2 * scale) / peak;
  columns.forEach(([low, high], x) => {
    const chord = played ? chordAt(played, (x / columns.length) * buffer.duration) : -1;
    context.fillStyle = colours[chord] ?? `oklch(${lightness} 0 0)`;
    const top = height / 2 - high * reach;
    context.fillRect(x, top, 1, Math.max(scale, (high - low) * reach));
  });
}

function Wave() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const buffer = takeBuffer.value;
  const width = buffer ? buffer.duration * pxPerS.value : 0;
  const played = openJob.value && planOf(openJob.value);
  const theme = dark.value;
  useEffect(() => {
    if (buffer && canvas.current) drawWave(canvas.current, buffer, width, played);
  }, [buffer, width, theme]);
  return buffer && <canvas ref={canvas} class="wave" style={{ width: `${width}px` }} aria-hidden="true" />;
}

/** What lies behind the picture lane: the finished spectrogram or the latest preview. */
function useMel(): ImageBitmap | null {
  const [picture, setPicture] = useState<ImageBitmap | null>(null);
  const job = openJob.value;
  const preview = job ? previews.value[job.id] : undefined;
  const finished = openOutput.value?.url.replace(/\/audio(\?.*)?$/, "/mel.png");
  const from = finished ?? preview;
  useEffect(() => {
    let current = true;
    if (!from) return setPicture(null);
    loadPicture(from)
      .then((loaded) => current && setPicture(loaded))
      .catch(() => current && setPicture(null));
    return () => void (current = false);
  }, [from]);
  return picture;
}

function Mel() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useMel();
  const theme = dark.value ? "dark" : "light";
  const length = openOutput.value?.duration_s ?? lengthS.value;
  useEffect(() => {
    if (picture && canvas.current) paint(canvas.current, picture, RAMPS[theme]);
  }, [picture, theme]);
  if (!picture) return null;
  const unfinished = openOutput.value === null;
  return (
    <canvas
      ref={canvas}
      class={unfinished ? "mel unfinished" : "mel"}
      style={{ width: `${length * pxPerS.value}px` }}
      aria-hidden="true"
    />
  );
}

/** Selects by dragging, on the beats unless Alt is held; a click sets the playhead. */
function pressSound(event: PointerEvent): void {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const start = (event.clientX - box.left) / pxPerS.peek();
  const end = lengthS.peek();
  startDrag(event, {
    move: (byS, now) => {
      const beats = plan.peek()?.beats ?? [];
      const place = (t: number) => Math.min(Math.max(now.altKey ? t : snap(beats, t), 0), end);
      const [a, b] = [place(start), place(start + byS)];
      selection.value = a === b ? null : { startS: Math.min(a, b), endS: Math.max(a, b) };
      selectedChord.value = selectedBar.value = -1;
    },
    end: (moved) => {
      if (!moved) {
        seek(Math.min(start, end));
        selection.value = null;
      } else if (selection.value) {
        announce(
          `Selected ${selection.value.startS.toFixed(1)} to ${selection.value.endS.toFixed(1)} seconds`,
        );
      }
    },
  });
}

export function SoundLanes() {
  const job = openJob.value;
  const busy = job !== null && isActive(job.status);
  const silent = !busy && !takeBuffer.value && !loadingTake.value;
  return (
    <div class="sound" onPointerDown={pressSound}>
      <div class="wave-lane">
        <Wave />
      </div>
      <div class="mel-lane">
        <Mel />
      </div>
      {plan.value && (
        <Ghost pictured={openOutput.value !== null || (job !== null && job.id in previews.value)} />
      )}
      {silent && (
        <p class="lane-note">
          {plan.value
            ? "No sound yet. Play the sketch, or render."
            : "Sound and picture of the piece appear here."}
        </p>
      )}
      {loadingTake.value && <p class="lane-note">Loading…</p>}
    </div>
  );
}

export function SelectionMark() {
  const chosen = selection.value;
  if (!chosen) return null;
  const scale = pxPerS.value;
  return (
    <div
      class="selection"
      aria-hidden="true"
      style={{
        transform: `translateX(${chosen.startS * scale}px)`,
        width: `${(chosen.endS - chosen.startS) * scale}px`,
      }}
    />
  );
}
