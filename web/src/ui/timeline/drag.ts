// Dragging on the timeline with mouse, pen or finger: from a press to its release, in seconds.

import { pxPerS } from "../../state/view";

interface Drag {
  /** Called for every movement beyond a few pixels, with the distance in seconds. */
  move: (byS: number, event: PointerEvent) => void;
  /** Called at the end; `moved` is false for a mere click. */
  end?: (moved: boolean) => void;
}

/** A hand that trembles within this many pixels clicks. */
const CLICK_PX = 4;

/** Follows the pointer that pressed until it is released, wherever it goes and even if what it
 * pressed is drawn anew; Esc gives the drag up at its start. */
export function startDrag(event: PointerEvent, { move, end }: Drag): void {
  if (event.button !== 0) return;
  const startX = event.clientX;
  const scale = pxPerS.peek();
  let moved = false;
  const onMove = (now: PointerEvent) => {
    if (now.pointerId !== event.pointerId) return;
    const byPx = now.clientX - startX;
    if (!moved && Math.abs(byPx) < CLICK_PX) return;
    moved = true;
    move(byPx / scale, now);
  };
  const onKey = (key: KeyboardEvent) => {
    if (key.key !== "Escape") return;
    key.stopPropagation();
    move(0, event);
    finish();
  };
  const finish = () => {
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", finish);
    window.removeEventListener("pointercancel", finish);
    window.removeEventListener("keydown", onKey, true);
    end?.(moved);
  };
  window.addEventListener("pointermove", onMove);
  window.addEventListener("pointerup", finish);
  window.addEventListener("pointercancel", finish);
  window.addEventListener("keydown", onKey, true);
}
