// What the server's model can do. Fields that a server leaves out get the usual values.

import { getJson } from "./client";
import type { Model } from "./types";

type Raw = Record<string, unknown>;

const texts = (value: unknown, otherwise: string[]) =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? (value as string[]) : otherwise;

const number = (...values: unknown[]) => values.find((value) => typeof value === "number") as number | undefined;

/** The first model that the server lists. */
export async function loadModel(): Promise<Model | null> {
  const answer = await getJson<Raw>("/v1/models");
  const [first] = (answer.data ?? answer.models ?? []) as Raw[];
  if (!first) return null;
  const limits = (first.limits ?? {}) as Raw;
  const defaults = (first.defaults ?? {}) as Raw;
  return {
    id: String(first.id),
    max_duration_s: number(first.max_duration_s, limits.max_duration_s) ?? 60,
    sample_rate: number(first.sample_rate) ?? 0,
    schedulers: texts(first.schedulers, ["ddpm", "ddim", "dpm++2m"]),
    formats: texts(first.formats, ["wav", "flac", "mp3", "ogg", "pcm"]),
    default_steps: number(first.default_steps, defaults.steps) ?? null,
    default_guidance_scale: number(first.default_guidance_scale, defaults.guidance_scale) ?? null,
  };
}
