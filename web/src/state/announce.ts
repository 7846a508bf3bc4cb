// What is said to screen readers, and the short messages that everybody sees.

import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  tone: "info" | "error";
  action?: { label: string; run: () => void };
}

/** Text of the polite live region. */
export const said = signal("");
export const toasts = signal<Toast[]>([]);

const SHOWN_MS = 6000;
const LEAST_GAP_MS = 1000;
let lastSaid = 0;
let waiting: ReturnType<typeof setTimeout> | undefined;
let count = 0;

/** Says `text` to screen readers, at most once a second; of several the last is said. */
export function announce(text: string): void {
  clearTimeout(waiting);
  const speak = () => {
    lastSaid = performance.now();
    // The same words twice would not be read twice.
    said.value = said.value === text ? `${text}\u00a0` : text;
  };
  const due = lastSaid + LEAST_GAP_MS - performance.now();
  if (due <= 0 || lastSaid === 0) speak();
  else waiting = setTimeout(speak, due);
}

export function toast(text: string, tone: Toast["tone"] = "info", action?: Toast["action"]): void {
  const id = ++count;
  toasts.value = [...toasts.value.slice(-2), { id, text, tone, action }];
  setTimeout(() => dismiss(id), tone === "error" ? 2 * SHOWN_MS : SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}
