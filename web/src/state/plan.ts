// The plan on the desk, with undo and redo, and the outcome of the last edit in words.

import { computed, effect, signal } from "@preact/signals";
import { type Plan, readPlan } from "../music/plan";
import { announce } from "./announce";
import { store, stored } from "./draft";

/** A plan and the prompt it was made from. */
interface Sheet {
  plan: Plan | null;
  /** Prompt and settings that the plan answers; another prompt may want another plan. */
  madeFrom: string;
}

const STORED = "mustool.plan";
const MOST_UNDO = 200;
/** Edits of one kind within this time are one step of undo; a drag is one however long it takes. */
const MERGE_MS = 800;

const kept = stored<Sheet>(STORED);
const sheet = signal<Sheet>({
  plan: readPlan(kept.plan),
  madeFrom: kept.madeFrom ?? "",
});
const past = signal<Sheet[]>([]);
const future = signal<Sheet[]>([]);
let lastEdit = { kind: "", at: 0 };

export const plan = computed(() => sheet.value.plan);
export const madeFrom = computed(() => sheet.value.madeFrom);
export const canUndo = computed(() => past.value.length > 0);
export const canRedo = computed(() => future.value.length > 0);
/** Index of the chord that is selected, −1 for none. */
export const selectedChord = signal(-1);

function push(next: Sheet, kind: string): void {
  const now = performance.now();
  const soon = now - lastEdit.at < MERGE_MS || kind.startsWith("drag");
  const merges = kind !== "" && kind === lastEdit.kind && soon;
  if (!merges) past.value = [...past.value.slice(-MOST_UNDO), sheet.value];
  lastEdit = { kind, at: now };
  future.value = [];
  sheet.value = next;
}

/** Puts a plan from the server on the desk; undo brings the old one back. */
export function setPlan(next: Plan | null, prompt: string): void {
  push({ plan: next, madeFrom: prompt }, "");
  selectedChord.value = -1;
}

/** One edit. `said` is announced; edits of the same `kind` in quick succession undo together. */
export function edit(next: Plan, said = "", kind = ""): void {
  if (next === sheet.value.plan) return;
  push({ ...sheet.value, plan: next }, kind);
  if (said) announce(said);
}

/** Ends a run of merged edits, such as one drag. */
export function endEdit(): void {
  lastEdit = { kind: "", at: 0 };
}

export function undo(): void {
  const before = past.value.at(-1);
  if (!before) return;
  future.value = [...future.value, sheet.value];
  past.value = past.value.slice(0, -1);
  sheet.value = before;
  endEdit();
  announce("Undone");
}

export function redo(): void {
  const after = future.value.at(-1);
  if (!after) return;
  past.value = [...past.value, sheet.value];
  future.value = future.value.slice(0, -1);
  sheet.value = after;
  endEdit();
  announce("Redone");
}

effect(() => store(STORED, sheet.value));
