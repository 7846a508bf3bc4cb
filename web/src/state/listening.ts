// What is heard: the open take, or a sketch of the plan where there is none or where it is asked
// for. Loads the sound when it changes.

import { computed, effect, signal } from "@preact/signals";
import { explain, request } from "../api/client";
import * as player from "../audio/player";
import { sketch } from "../audio/sketch";
import { type Plan, trimmed } from "../music/plan";
import { toast } from "./announce";
import { openJob, planOf, takeIndex } from "./jobs";
import { plan } from "./plan";
import { selection } from "./view";

/** `take` is the rendered sound, `sketch` the plan on a simple piano. */
export const source = signal<"take" | "sketch">("take");
/** Sound of the open take. */
export const takeBuffer = signal<AudioBuffer | null>(null);
export const loadingTake = signal(false);

/** The open output, where it is finished. */
export const openOutput = computed(() => {
  const job = openJob.value;
  return job?.status === "succeeded" ? (job.outputs[takeIndex.value] ?? job.outputs[0] ?? null) : null;
});

const cache = new Map<string, Promise<AudioBuffer>>();
const MOST_CACHED = 8;

/** The decoded sound of an output. */
export function soundOf(url: string): Promise<AudioBuffer> {
  const known = cache.get(url);
  if (known) return known;
  const sound = request(`${url}?format=wav`)
    .then((response) => response.arrayBuffer())
    .then(player.decode);
  cache.set(url, sound);
  sound.catch(() => cache.delete(url));
  if (cache.size > MOST_CACHED) cache.delete(cache.keys().next().value!);
  return sound;
}

/** Whether the plan on the desk is another than the one that the open take played. */
export const changedSince = computed(() => {
  const job = openJob.value;
  const played = job && openOutput.value && planOf(job);
  if (!played || !plan.value) return false;
  const music = ({ tempo_bpm, time_signature, beats, chords, duration_s }: Plan) =>
    JSON.stringify([tempo_bpm, time_signature, duration_s, beats, chords]);
  return music(trimmed(played)) !== music(trimmed(plan.value));
});

let sketched: typeof plan.value = null;

/** Plays or stops what is heard now. */
export async function toggle(): Promise<void> {
  if (player.playing.value) return player.stop();
  if (!hearsTake.value) {
    if (!plan.value) return;
    if (sketched !== plan.value || !player.isLoaded()) await loadSketch();
  }
  await player.play();
}

/** Whether the take is heard rather than the sketch. */
export const hearsTake = computed(() => source.value === "take" && takeBuffer.value !== null);

async function loadSketch(): Promise<void> {
  const wanted = plan.value;
  if (!wanted) return;
  const sound = await sketch(wanted);
  if (wanted !== plan.value || hearsTake.value) return;
  sketched = wanted;
  player.load([sound]);
}

const takeUrl = computed(() => openOutput.value?.url ?? null);

effect(() => {
  const url = takeUrl.value;
  takeBuffer.value = null;
  if (!url) return;
  let current = true;
  loadingTake.value = true;
  soundOf(url)
    .then((sound) => {
      if (!current) return;
      takeBuffer.value = sound;
      source.value = "take";
    })
    .catch((error: unknown) => current && toast(explain(error), "error"))
    .finally(() => current && (loadingTake.value = false));
  return () => {
    current = false;
    loadingTake.value = false;
  };
});

effect(() => {
  if (hearsTake.value) {
    player.load([takeBuffer.value!]);
    sketched = null;
  } else if (player.playing.peek()) {
    // An edit is heard at once, at the same place.
    const next = plan.value;
    const timer = setTimeout(() => void (next && loadSketch()), 120);
    return () => clearTimeout(timer);
  } else {
    player.load([]);
    sketched = null;
    void plan.value;
  }
});

effect(() => player.setRegion(selection.value));
