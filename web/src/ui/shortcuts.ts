// Keys that work everywhere on the page. Those without Ctrl can be turned off (WCAG 2.1.4).

import { position, stop } from "../audio/player";
import { announce } from "../state/announce";
import { render } from "../state/actions";
import { cancel, openJob } from "../state/jobs";
import { isActive } from "../api/types";
import { toggle } from "../state/listening";
import { redo, selectedChord, undo } from "../state/plan";
import { lengthS, panel, preferences, selection } from "../state/view";
import { selectedBar } from "./timeline/bar-focus";
import { step } from "./timeline/ruler";

const WRITES = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const PRESSES = "button, a, summary, [role=slider], input";

/** Moves one end of the selection to the playhead. */
function mark(end: "startS" | "endS"): void {
  const at = position.value;
  const old = selection.value ?? { startS: 0, endS: lengthS.value };
  const next = { ...old, [end]: at };
  if (next.endS - next.startS < 0.1) return;
  selection.value = next;
  selectedChord.value = selectedBar.value = -1;
  announce(`Selected ${next.startS.toFixed(1)} to ${next.endS.toFixed(1)} seconds`);
}

function withControl(event: KeyboardEvent, writing: boolean): (() => void) | undefined {
  const key = event.key.toLowerCase();
  if (key === "enter") return () => void render();
  if (writing) return undefined;
  if (key === "z") return event.shiftKey ? redo : undo;
  if (key === "y") return redo;
}

function single(event: KeyboardEvent, target: Element): (() => void) | undefined {
  if (event.key === " " && !target.closest(PRESSES)) return () => void toggle();
  switch (event.key) {
    case "k":
      return stop;
    case "j":
      return () => step(-1, true);
    case "l":
      return () => step(1, true);
    case "[":
      return () => mark("startS");
    case "]":
      return () => mark("endS");
    case "?":
      return () => (panel.value = "help");
  }
}

function onEscape(): void {
  const job = openJob.value;
  if (selection.value) selection.value = null;
  else if (job && isActive(job.status)) void cancel(job.id);
}

export function onKey(event: KeyboardEvent): void {
  const target = event.target as Element;
  if (event.defaultPrevented || panel.value !== null) return;
  const writing = target.matches?.(WRITES) ?? false;
  const control = event.ctrlKey || event.metaKey;
  const act = control
    ? withControl(event, writing)
    : writing || event.altKey
      ? undefined
      : event.key === "Escape"
        ? onEscape
        : preferences.value.singleKeys
          ? single(event, target)
          : undefined;
  if (!act) return;
  event.preventDefault();
  act();
}
