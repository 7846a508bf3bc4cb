// What the buttons do: ask for a plan, render it, rework a finished take, take up old settings.

import { signal } from "@preact/signals";
import { ApiError, explain, postJson } from "../api/client";
import type { GenerationRequest, Job, SourceMode } from "../api/types";
import { continued } from "../music/grid";
import { type Plan, readPlan, trimmed } from "../music/plan";
import { announce, toast } from "./announce";
import { change, draft, drawSeed, faults } from "./draft";
import { open, openId, planOf, remember, watch } from "./jobs";
import { edit, plan, setPlan } from "./plan";
import { selection } from "./view";

export const planning = signal(false);
export const sending = signal(false);
/** Facts that a new plan must keep from the old one. */
export const pinned = signal<ReadonlySet<"tempo_bpm" | "key" | "time_signature">>(new Set());

/** Puts the faults of a refused request to their fields; the rest is said in a message. */
function showFaults(error: unknown): void {
  const found = error instanceof ApiError ? (error.problem.errors ?? []) : [];
  faults.value = Object.fromEntries(found.map(({ pointer, detail }) => [pointer, detail]));
  const first = found[0];
  // A server that is away has its own banner.
  if (error instanceof ApiError && error.status === 0) return announce(error.message);
  if (!first) return toast(explain(error), "error");
  toast(
    found.length === 1 ? `Please check: ${first.detail}` : `Please check ${found.length} fields.`,
    "error",
  );
  // After the page has shown the messages, go to the first.
  requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}

function promptIsThere(): boolean {
  if (draft.value.prompt.trim() !== "") return true;
  faults.value = { "/prompt": "Say what the music should sound like." };
  document.getElementById("prompt")?.focus();
  return false;
}

function pinnedControls(current: Plan | null): NonNullable<GenerationRequest["controls"]> {
  if (!current) return {};
  const kept = [...pinned.value].flatMap((field) => (current[field] ? [[field, current[field]]] : []));
  return Object.fromEntries(kept) as NonNullable<GenerationRequest["controls"]>;
}

/** Asks for a plan of the prompt. Asked again for the same prompt, it is another one. */
export async function makePlan(again = false): Promise<void> {
  if (!promptIsThere() || planning.value) return;
  planning.value = true;
  faults.value = {};
  const { prompt, duration_s, seed } = draft.value;
  try {
    const answer = await postJson<Record<string, unknown>>("/v1/plans", {
      prompt,
      duration_s,
      seed: again || seed === null ? drawSeed() : seed,
      controls: pinnedControls(plan.value),
    });
    const next = readPlan({ duration_s, ...answer });
    if (!next) throw new Error("The server’s plan could not be read.");
    setPlan(next, prompt);
    announce(
      `Plan ready: ${Math.round(next.tempo_bpm)} beats per minute, ${next.key ?? "no key"}, ${next.chords.length} chords`,
    );
  } catch (error) {
    showFaults(error);
  } finally {
    planning.value = false;
  }
}

/** The request that the desk stands for; `seed` is null where none is fixed. */
export function requestOf(seed: number | null): GenerationRequest {
  const { prompt, negative_prompt, duration_s, n, format, steps, guidance_scale, scheduler } = draft.value;
  return {
    prompt,
    ...(negative_prompt.trim() ? { negative_prompt } : {}),
    duration_s,
    ...(seed === null ? {} : { seed }),
    ...(n === 1 ? {} : { n }),
    ...(steps === null ? {} : { steps }),
    ...(guidance_scale === null ? {} : { guidance_scale }),
    ...(scheduler === null ? {} : { scheduler }),
    ...(plan.value ? { plan: trimmed(plan.value) } : {}),
    output: { format, previews: true },
  };
}

/** Names one submission. `randomUUID` is missing where a page comes without TLS from another machine. */
const freshKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function submit(body: GenerationRequest): Promise<Job | null> {
  if (sending.value) return null;
  sending.value = true;
  faults.value = {};
  try {
    // A lost answer may be asked for again without making the piece twice.
    const job = await postJson<Job>("/v1/generations", body, { "Idempotency-Key": freshKey() });
    remember(job);
    open(job.id);
    selection.value = null;
    announce("Rendering started");
    void watch(job.id);
    return job;
  } catch (error) {
    showFaults(error);
    return null;
  } finally {
    sending.value = false;
  }
}

/** Renders what is on the desk. */
export async function render(): Promise<void> {
  if (!promptIsThere()) return;
  await submit(requestOf(draft.value.seed ?? drawSeed()));
}

export interface Rework {
  mode: SourceMode;
  strength?: number;
  start_s?: number;
  end_s?: number;
  duration_s?: number;
}

/** Makes a new piece from output `take` of `job`. */
export async function rework(job: Job, take: number, { duration_s, ...how }: Rework): Promise<void> {
  const length = duration_s ?? job.outputs[take]?.duration_s ?? draft.value.duration_s;
  if (duration_s !== undefined) {
    change({ duration_s });
    if (plan.value) edit(continued(plan.value, duration_s));
  }
  const onDesk =
    plan.value && Math.abs(plan.value.duration_s - length) < 1e-6 ? { plan: trimmed(plan.value) } : {};
  await submit({
    prompt: draft.value.prompt.trim() || job.input.prompt,
    duration_s: length,
    seed: draft.value.seed ?? drawSeed(),
    ...onDesk,
    input_audio: { file_id: `${job.id}/${take}`, ...how },
    output: { format: draft.value.format, previews: true },
  });
}

/** Puts the settings and the plan of an old piece on the desk. */
export function takeUp(input: GenerationRequest, itsPlan: Plan | null, seed: number | null): void {
  change({
    prompt: input.prompt,
    negative_prompt: input.negative_prompt ?? "",
    duration_s: input.duration_s ?? itsPlan?.duration_s ?? 10,
    n: input.n ?? 1,
    steps: input.steps ?? null,
    guidance_scale: input.guidance_scale ?? null,
    scheduler: input.scheduler ?? null,
    ...(input.output?.format ? { format: input.output.format } : {}),
    ...(seed === null ? {} : { seed }),
  });
  if (itsPlan) setPlan(itsPlan, input.prompt);
}

/** Opens a piece of the history: its sound, its plan, its settings. */
export function openPiece(job: Job, take = 0): void {
  if (openId.value !== job.id) takeUp({ ...job.input, seed: undefined }, planOf(job), null);
  open(job.id, take);
}

/** Settings found in a dropped file. */
export function restore(tags: Record<string, string>, name: string): boolean {
  const json = (text: string | undefined): unknown => {
    try {
      return text ? JSON.parse(text) : null;
    } catch {
      return null;
    }
  };
  const settings = (json(tags.settings ?? tags.request) ?? {}) as Partial<GenerationRequest>;
  const prompt = settings.prompt ?? tags.prompt;
  if (!prompt) return false;
  const itsPlan = readPlan(json(tags.plan) ?? settings.plan);
  const seed = Number(tags.seed ?? settings.seed ?? Number.NaN);
  takeUp({ ...settings, prompt }, itsPlan, Number.isSafeInteger(seed) ? seed : null);
  open(null);
  toast(`Restored the settings of ${name}`);
  return true;
}
