// What is being written: the prompt and the settings of the next piece. It outlives a reload.

import { computed, effect, signal } from "@preact/signals";
import type { Model } from "../api/types";

export interface Draft {
  prompt: string;
  negative_prompt: string;
  duration_s: number;
  /** null draws a new one for every piece. */
  seed: number | null;
  n: number;
  format: string;
  /** null leaves it to the model. */
  steps: number | null;
  guidance_scale: number | null;
  scheduler: string | null;
}

export const MAX_PROMPT_CHARS = 2000;
export const MAX_SEED = Number.MAX_SAFE_INTEGER;

const EMPTY: Draft = {
  prompt: "",
  negative_prompt: "",
  duration_s: 10,
  seed: null,
  n: 1,
  format: "wav",
  steps: null,
  guidance_scale: null,
  scheduler: null,
};

const STORED = "mustool.draft";

/** JSON from the browser's store; nothing where it is damaged or the store is closed. */
export function stored<T>(name: string): Partial<T> {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "{}") as Partial<T>;
  } catch {
    return {};
  }
}

export function store(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A full or closed store costs the draft after a reload, nothing else.
  }
}

export const draft = signal<Draft>({ ...EMPTY, ...stored<Draft>(STORED) });
export const model = signal<Model | null>(null);

/** Faults that the server found, by JSON pointer. */
export const faults = signal<Record<string, string>>({});

export function change(part: Partial<Draft>): void {
  draft.value = { ...draft.value, ...part };
  const touched = Object.keys(part).map((field) => `/${field}`);
  if (touched.some((pointer) => pointer in faults.value)) {
    const rest = Object.entries(faults.value).filter(([pointer]) => !touched.includes(pointer));
    faults.value = Object.fromEntries(rest);
  }
}

export const maxDuration = computed(() => Math.min(60, model.value?.max_duration_s ?? 60));

/** A seed that people can read aloud. */
export const drawSeed = () => Math.floor(Math.random() * 1_000_000);

effect(() => store(STORED, draft.value));
