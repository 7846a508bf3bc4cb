// Bar numbers above the lanes, which is also where the playhead is set, and the playhead itself.

import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { position, seek } from "../../audio/player";
import { type Bar, bars, clock, spokenPosition, toBeats, toSeconds } from "../../music/time";
import { plan } from "../../state/plan";
import { lengthS, pxPerS } from "../../state/view";
import { startDrag } from "./drag";

/** Steps the playhead by beats, or by bars. */
export function step(direction: number, wholeBar: boolean): void {
  const of = plan.peek();
  const end = lengthS.peek();
  if (!of || of.beats.length < 2) return seek(Math.min(Math.max(position.peek() + direction, 0), end));
  if (wholeBar) {
    const starts = bars(of.beats, end).map((bar) => bar.startS);
    const at = position.peek();
    const next = direction > 0 ? starts.find((t) => t > at + 0.01) : starts.findLast((t) => t < at - 0.01);
    return seek(next ?? (direction > 0 ? end : 0));
  }
  const at = toBeats(of.beats, position.peek());
  const next = direction > 0 ? Math.floor(at + 0.01) + 1 : Math.ceil(at - 0.01) - 1;
  seek(Math.min(Math.max(toSeconds(of.beats, next), 0), end));
}

/** Every how many bars a number fits. */
function stride(all: Bar[]): number {
  const px = all.length ? (lengthS.value * pxPerS.value) / all.length : 1;
  return [1, 2, 4, 8, 16].find((every) => every * px >= 28) ?? 32;
}

export function Ruler() {
  const of = plan.value;
  const ruler = useRef<HTMLDivElement>(null);
  const all = of ? bars(of.beats, lengthS.value) : [];
  const every = stride(all);
  const seconds = Array.from({ length: Math.floor(lengthS.value) + 1 }, (_, s) => s);
  useSignalEffect(() => {
    const node = ruler.current;
    if (!node) return;
    const at = position.value;
    node.setAttribute("aria-valuenow", at.toFixed(2));
    node.setAttribute("aria-valuetext", plan.value ? spokenPosition(plan.value.beats, at) : clock(at));
  });
  const press = (event: PointerEvent) => {
    const box = ruler.current!.getBoundingClientRect();
    const start = (event.clientX - box.left) / pxPerS.peek();
    const to = (t: number) => seek(Math.min(Math.max(t, 0), lengthS.peek()));
    to(start);
    startDrag(event, { move: (byS) => to(start + byS) });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (direction) step(direction, event.shiftKey);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(lengthS.peek());
    else return;
    event.preventDefault();
  };
  return (
    <div
      ref={ruler}
      class="ruler"
      role="slider"
      tabIndex={0}
      aria-label="Playhead"
      aria-valuemin={0}
      aria-valuemax={lengthS.value}
      aria-valuenow={0}
      aria-description="Arrows move by a beat, with Shift by a bar"
      onPointerDown={press}
      onKeyDown={onKey}
    >
      {all.length > 0
        ? all.map((bar, index) => (
            <span key={index} class="tick" style={{ left: `${bar.startS * pxPerS.value}px` }}>
              {index % every === 0 ? bar.number : ""}
            </span>
          ))
        : seconds.map((s) => (
            <span key={s} class="tick" style={{ left: `${s * pxPerS.value}px` }}>
              {s % Math.ceil(40 / pxPerS.value) === 0 ? `${s} s` : ""}
            </span>
          ))}
    </div>
  );
}

/** The line that shows what is heard, over all lanes. It moves without drawing the page anew. */
export function Playhead() {
  const line = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    line.current?.style.setProperty("transform", `translateX(${position.value * pxPerS.value}px)`);
  });
  return <div class="playhead" ref={line} aria-hidden="true" />;
}
