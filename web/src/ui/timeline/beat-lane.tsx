// The bars and their beats: drag a bar line to stretch the bar before it, or work on the selected
// bar with the arrows and the buttons below the timeline.

import { useLayoutEffect, useRef } from "preact/hooks";
import { moveBarline, setBarLength } from "../../music/grid";
import type { Plan } from "../../music/plan";
import { type Bar, bars } from "../../music/time";
import { announce } from "../../state/announce";
import { edit, endEdit, plan, selectedChord } from "../../state/plan";
import { lengthS, pxPerS } from "../../state/view";
import { startDrag } from "./drag";
import { focusBar, pendingBar, selectedBar } from "./bar-focus";

/** Step of a bar line by keyboard, in seconds. */
export const LINE_STEP_S = 0.01;

export function nudgeLine(of: Plan, index: number, byS: number): void {
  const bar = bars(of.beats, of.duration_s)[index];
  if (!bar || index === 0) return announce("The first bar begins with the piece; shift the grid instead");
  edit(
    moveBarline(of, index, bar.startS + byS),
    `Bar ${index + 1} at ${(bar.startS + byS).toFixed(2)} seconds`,
    `line ${index}`,
  );
}

export function resizeBar(of: Plan, index: number, by: number): void {
  const bar = bars(of.beats, of.duration_s)[index];
  if (!bar) return;
  const next = setBarLength(of, index, bar.numBeats + by);
  const now = bars(next.beats, next.duration_s)[index]?.numBeats ?? 0;
  edit(next, `Bar ${index + 1} has ${now} ${now === 1 ? "beat" : "beats"}`);
}

function onBarKey(event: KeyboardEvent, of: Plan, index: number, count: number): void {
  const direction = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  const done = (act: () => void) => (event.preventDefault(), event.stopPropagation(), act());
  if (event.ctrlKey || event.metaKey) return;
  if (direction && event.altKey)
    return done(() => nudgeLine(of, index, direction * LINE_STEP_S * (event.shiftKey ? 5 : 1)));
  if (direction) return done(() => focusBar(Math.min(Math.max(index + direction, 0), count - 1)));
  if (event.key === "Home") return done(() => focusBar(0));
  if (event.key === "End") return done(() => focusBar(count - 1));
  if (event.key === "+" || event.key === "=") return done(() => resizeBar(of, index, 1));
  if (event.key === "-") return done(() => resizeBar(of, index, -1));
}

function BarCell({
  of,
  bar,
  index,
  count,
  focusable,
}: {
  of: Plan;
  bar: Bar;
  index: number;
  count: number;
  focusable: boolean;
}) {
  const cell = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (pendingBar.value !== index) return;
    cell.current?.focus();
    pendingBar.value = -1;
  });
  const beats = of.beats.slice(bar.first, bar.first + bar.numBeats);
  const local = beats.length > 1 ? (60 * (beats.length - 1)) / (beats.at(-1)!.t - bar.startS) : of.tempo_bpm;
  const drag = (event: PointerEvent) => {
    event.stopPropagation();
    event.preventDefault();
    selectedBar.value = index;
    const before = of;
    startDrag(event, {
      move: (byS) => edit(moveBarline(before, index, bar.startS + byS), "", `drag line ${index}`),
      end: (moved) => {
        endEdit();
        if (moved) announce(`Bar ${index + 1} moved`);
      },
    });
  };
  return (
    <div
      ref={cell}
      role="gridcell"
      class={`bar${selectedBar.value === index ? " selected" : ""}`}
      style={{ left: `${bar.startS * pxPerS.value}px`, width: `${(bar.endS - bar.startS) * pxPerS.value}px` }}
      tabIndex={focusable ? 0 : -1}
      aria-selected={selectedBar.value === index}
      aria-colindex={index + 1}
      aria-description="Alt and arrows move the bar line, plus and minus change the number of beats"
      onFocus={() => ((selectedBar.value = index), (selectedChord.value = -1))}
      onPointerDown={() => (selectedBar.value = index)}
      onKeyDown={(event) => onBarKey(event, of, index, count)}
    >
      <span class="sr-only">
        Bar {index + 1}, {bar.numBeats} beats, {Math.round(local)} beats per minute, from{" "}
        {bar.startS.toFixed(2)} seconds
      </span>
      {beats.map((beat) => (
        <span
          key={beat.t}
          aria-hidden="true"
          class={beat.beat === 1 ? "beat down" : "beat"}
          style={{ left: `${(beat.t - bar.startS) * pxPerS.value}px` }}
        >
          {beat.beat}
        </span>
      ))}
      {index > 0 && <span class="line-handle" onPointerDown={drag} />}
    </div>
  );
}

export function BeatLane() {
  const of = plan.value!;
  const all = bars(of.beats, lengthS.value);
  const focusable = selectedBar.value >= 0 && selectedBar.value < all.length ? selectedBar.value : 0;
  return (
    <div class="beat-lane" role="grid" aria-label="Bars" aria-rowcount={1} aria-colcount={all.length}>
      <div role="row" class="bar-row">
        {all.map((bar, index) => (
          <BarCell
            key={index}
            of={of}
            bar={bar}
            index={index}
            count={all.length}
            focusable={index === focusable}
          />
        ))}
      </div>
    </div>
  );
}
