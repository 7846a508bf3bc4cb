// Which two takes are being compared.

import { signal } from "@preact/signals";
import type { Job, JobOutput } from "../api/types";
import { toast } from "../state/announce";
import { panel } from "../state/view";

export interface Entry {
  job: Job;
  take: JobOutput;
}

export const compared = signal<Entry[]>([]);

/** Adds a take; with the second one the comparison opens. */
export function addToCompare(job: Job, take: JobOutput): void {
  if (compared.value.some((entry) => entry.take.url === take.url)) {
    return toast("This take is already there. Open another piece and add it.");
  }
  compared.value = [...compared.value.slice(-1), { job, take }];
  if (compared.value.length === 2) panel.value = "compare";
  else toast("Kept as A. Open another take and press Compare again.");
}
