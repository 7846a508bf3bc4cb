// The server's words: requests, jobs, events and problems, as its OpenAPI document has them. Only
// what the page uses is here.

import type { ChordEvent, Plan } from "../music/plan";
import type { Beat } from "../music/time";

export type Status = "queued" | "running" | "succeeded" | "failed" | "canceled" | "expired";
export type SourceMode = "vary" | "extend" | "inpaint" | "loop";

export interface GenerationRequest {
  model?: string;
  prompt: string;
  negative_prompt?: string;
  duration_s?: number;
  seed?: number;
  n?: number;
  steps?: number;
  guidance_scale?: number;
  scheduler?: string;
  /** Single facts; what they leave open the model chooses. */
  controls?: {
    tempo_bpm?: number;
    time_signature?: string;
    key?: string;
    beats?: Beat[];
    chords?: ChordEvent[];
  };
  /** The whole plan, to be played as it is. */
  plan?: Plan;
  input_audio?: InputAudio;
  output?: { format?: string; previews?: boolean };
}

export interface InputAudio {
  /** An output of a job as `gen_…/0`, or an upload. */
  file_id: string;
  mode: SourceMode;
  strength?: number;
  start_s?: number;
  end_s?: number;
}

export interface JobOutput {
  index: number;
  seed: number;
  duration_s: number;
  sample_rate: number;
  channels: number;
  media_type: string;
  bytes: number;
  lufs: number | null;
  true_peak_dbtp: number | null;
  url: string;
}

export interface Progress {
  stage: string;
  step: number;
  total: number;
  fraction: number;
  elapsed_ms?: number;
  eta_s?: number | null;
}

export interface Job {
  id: string;
  status: Status;
  created_at: string;
  completed_at: string | null;
  queue: { position: number; eta_s: number | null } | null;
  progress: Progress | null;
  input: GenerationRequest;
  /** The plan that was played, once it is known; read with `readPlan`. */
  resolved: ({ seed: number } & Record<string, unknown>) | null;
  outputs: JobOutput[];
  model: { id: string } | null;
  usage: { compute_s: number | null } | null;
  error: { code: string; detail: string } | null;
  urls: { self: string; events: string; cancel: string };
}

export interface Page<T> {
  data: T[];
  has_more: boolean;
  /** What `after` must be for the next page. */
  next: string | null;
}

export interface Model {
  id: string;
  max_duration_s: number;
  sample_rate: number;
  schedulers: string[];
  default_steps: number;
  default_guidance_scale: number;
}

/** Kinds of audio files. */
export const FORMATS = ["wav", "flac", "mp3", "ogg", "pcm"] as const;

/** RFC 9457, with the place of every fault. */
export interface Problem {
  title: string;
  status: number;
  detail?: string;
  code?: string;
  request_id?: string;
  errors?: { pointer: string; detail: string }[];
}

/** An event of a job's stream. */
export type JobEvent =
  | {
      type: "queued" | "started" | "canceled" | "snapshot" | "completed";
      job?: Job;
      position?: number;
      eta_s?: number;
    }
  | ({ type: "progress" } & Progress)
  | { type: "preview"; step: number; mel_png_url: string }
  | { type: "failed"; problem: Problem };

export const isActive = (status: Status) => status === "queued" || status === "running";
