// The jobs of this server that the page knows: their progress while they run, and which of them
// lies open on the desk.

import { computed, signal } from "@preact/signals";
import { ApiError, explain, getJson, postJson, request } from "../api/client";
import { follow } from "../api/events";
import { type Job, type JobEvent, isActive } from "../api/types";
import { type Plan, readPlan } from "../music/plan";
import { announce, toast } from "./announce";
import { plan, setPlan } from "./plan";

export const jobs = signal<ReadonlyMap<string, Job>>(new Map());
/** Job that lies open, and which of its outputs. */
export const openId = signal<string | null>(sessionStorage.getItem("mustool.open"));
export const takeIndex = signal(0);
/** Latest picture of unfinished pieces, by job. */
export const previews = signal<Readonly<Record<string, Blob>>>({});

export const openJob = computed(() => (openId.value ? (jobs.value.get(openId.value) ?? null) : null));
export const activeJobs = computed(() =>
  [...jobs.value.values()]
    .filter((job) => isActive(job.status))
    .sort((a, b) => a.created_at.localeCompare(b.created_at)),
);

const watching = new Map<string, AbortController>();

export const STAGES: Record<string, string> = {
  text_encode: "Reading the prompt",
  predict_controls: "Writing the plan",
  denoise: "Painting the sound",
  vae_decode: "Developing the picture",
  vocode: "Turning it into sound",
  encode: "Writing the file",
};

/** Where a job stands, in a few words. */
export function standing(job: Job): string {
  switch (job.status) {
    case "queued": {
      const ahead = job.queue?.position ?? 0;
      return ahead > 0 ? `Waiting, ${ahead} ahead` : "Next in line";
    }
    case "running":
      return STAGES[job.progress?.stage ?? ""] ?? "Starting";
    case "succeeded":
      return "Done";
    case "failed":
      return "Failed";
    case "canceled":
      return "Canceled";
    case "expired":
      return "Ran out of time";
  }
}

/** The plan that a job played, with what its request says of style and instruments. */
export function planOf(job: Job): Plan | null {
  const length = job.outputs[0]?.duration_s ?? job.input.duration_s;
  return readPlan(job.resolved && { ...job.input.plan, duration_s: length, ...job.resolved });
}

export function remember(...known: Job[]): void {
  const next = new Map(jobs.value);
  for (const job of known) next.set(job.id, job);
  jobs.value = next;
}

export function forget(id: string): void {
  const next = new Map(jobs.value);
  next.delete(id);
  jobs.value = next;
  if (openId.value === id) open(null);
}

export function open(id: string | null, take = 0): void {
  openId.value = id;
  takeIndex.value = take;
  if (id) sessionStorage.setItem("mustool.open", id);
  else sessionStorage.removeItem("mustool.open");
}

function update(id: string, part: Partial<Job>): void {
  const job = jobs.value.get(id);
  if (job) remember({ ...job, ...part });
}

async function showPreview(id: string, url: string): Promise<void> {
  try {
    const blob = await (await request(url)).blob();
    previews.value = { ...previews.value, [id]: blob };
  } catch {
    // The next picture comes soon, and the piece itself does not depend on it.
  }
}

function dropPreview(id: string): void {
  const { [id]: _, ...rest } = previews.value;
  previews.value = rest;
}

/** Takes in one event; true where it was the last. */
function receive(id: string, event: JobEvent): boolean {
  switch (event.type) {
    case "progress": {
      const before = jobs.value.get(id)?.progress?.stage;
      update(id, { status: "running", progress: event, queue: null });
      if (id === openId.value && event.stage !== before) announce(STAGES[event.stage] ?? event.stage);
      return false;
    }
    case "preview":
      void showPreview(id, event.mel_png_url);
      return false;
    case "completed":
    case "failed":
    case "canceled":
      return true;
    default: {
      const job = event.job ?? (event as Partial<Job>);
      if (job.status) update(id, job);
      else if (event.type === "started") update(id, { status: "running", queue: null });
      return event.type === "snapshot" && !!job.status && !isActive(job.status);
    }
  }
}

function tellEnd(job: Job): void {
  const name = job.input.prompt.slice(0, 60);
  if (job.status === "succeeded") announce(`Ready: ${name}`);
  else if (job.status === "failed")
    toast(`It did not work: ${job.error?.detail ?? "no reason given"}`, "error");
  else announce(`${standing(job)}: ${name}`);
}

const RETRY_MS = 1000;

/** A job as it stands, however long the server is away. */
async function readJob(id: string, abort: AbortSignal): Promise<Job> {
  for (;;) {
    try {
      return await getJson<Job>(`/v1/generations/${id}`);
    } catch (error) {
      const away = error instanceof ApiError && (error.status === 0 || error.status >= 500);
      if (!away || abort.aborted) throw error;
      await new Promise((next) => setTimeout(next, RETRY_MS));
    }
  }
}

/** Follows a job to its end, across broken connections and restarts of the server. */
export async function watch(id: string): Promise<void> {
  if (watching.has(id)) return;
  const abort = new AbortController();
  watching.set(id, abort);
  try {
    await follow(`/v1/generations/${id}/events`, (event) => receive(id, event), abort.signal);
    const job = await readJob(id, abort.signal);
    remember(job);
    tellEnd(job);
    // A piece that was rendered without a plan brings its own.
    const played = job.status === "succeeded" && id === openId.value && plan.value === null && planOf(job);
    if (played) setPlan(played, job.input.prompt);
  } catch (error) {
    if (!abort.signal.aborted) toast(explain(error), "error");
  } finally {
    watching.delete(id);
    dropPreview(id);
  }
}

export async function cancel(id: string): Promise<void> {
  try {
    remember(await postJson<Job>(`/v1/generations/${id}/cancel`, {}));
  } catch (error) {
    toast(explain(error), "error");
  }
}

/** Deletes a finished job and its audio for good. */
export async function remove(id: string): Promise<boolean> {
  try {
    await request(`/v1/generations/${id}`, { method: "DELETE" });
    forget(id);
    return true;
  } catch (error) {
    toast(explain(error), "error");
    return false;
  }
}
