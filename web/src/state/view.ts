// How the timeline is looked at: zoom, selection, and who may see what.

import { computed, signal } from "@preact/signals";
import type { Region } from "../audio/player";
import { draft, store, stored } from "./draft";
import { plan } from "./plan";

export type Theme = "system" | "light" | "dark";
export type Panel = "compare" | "snippets" | "help" | "settings" | null;

interface Preferences {
  theme: Theme;
  /** Keys without Ctrl, such as Space and J, K, L. */
  singleKeys: boolean;
  numerals: boolean;
}

const STORED = "mustool.preferences";

export const preferences = signal<Preferences>({
  theme: "system",
  singleKeys: true,
  numerals: true,
  ...stored<Preferences>(STORED),
});

export function prefer(part: Partial<Preferences>): void {
  preferences.value = { ...preferences.value, ...part };
  store(STORED, preferences.value);
}

/** Which dialog is open. */
export const panel = signal<Panel>(null);
/** The selected stretch, for looping and for making it anew. */
export const selection = signal<Region | null>(null);
/** Width of the visible timeline in pixels, and magnification of it. */
export const viewportPx = signal(800);
export const zoom = signal(1);
/** Whether the chords are shown as a table. */
export const asTable = signal(false);
/** Edits snap to half beats rather than whole ones. */
export const fineGrid = signal(false);

/** Least width of a beat, so that chords can be hit with a finger. */
const LEAST_BEAT_PX = 22;

export const lengthS = computed(() => plan.value?.duration_s ?? draft.value.duration_s);

export const pxPerS = computed(() => {
  const fit = viewportPx.value / lengthS.value;
  const beatsPerS = (plan.value?.tempo_bpm ?? 0) / 60;
  return Math.max(fit, beatsPerS * LEAST_BEAT_PX) * zoom.value;
});

export function zoomBy(factor: number): void {
  zoom.value = Math.min(16, Math.max(1, zoom.value * factor));
}
