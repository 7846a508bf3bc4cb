// Which bar is selected, and which one takes the focus once it is drawn.

import { signal } from "@preact/signals";

export const selectedBar = signal(-1);
export const pendingBar = signal(-1);

export function focusBar(index: number): void {
  selectedBar.value = index;
  pendingBar.value = index;
}
