// A stand-in for `mustool serve` with the same words, for states that are hard to reach with a real
// model: full queues, faults, long waits, dead connections. It serves the built page with the
// server's own content security policy and writes down what is asked of it.

import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { GenerationRequest, Job, JobEvent, Problem } from "../../src/api/types";
import { type Plan, readPlan } from "../../src/music/plan";
import { planFor, png, wav } from "./sound";

const DIST = join(import.meta.dirname, "../../dist");
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; " +
  "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";

interface Kept {
  job: Job;
  plan: Plan;
  events: { id: number; event: JobEvent }[];
  listeners: Set<ServerResponse>;
}

export class Mock {
  /** Bodies of the requests for plans and generations, in order. */
  readonly plans: Record<string, unknown>[] = [];
  readonly generations: GenerationRequest[] = [];
  /** The next generation or plan is refused with this. */
  refuseNext: (Problem & { retryAfter?: number }) | null = null;
  /** Requests without this key are refused. */
  key: string | null = null;
  /** New jobs stay where they are until `advance` is called. */
  manual = false;
  url = "";

  private readonly kept = new Map<string, Kept>();
  private server: Server;
  private count = 0;

  constructor() {
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }

  async start(port = 0): Promise<void> {
    await new Promise<void>((ready) => this.server.listen(port, "127.0.0.1", ready));
    const address = this.server.address();
    this.url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  /** Stops listening and breaks every connection; jobs are kept for `start` on the same port. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    this.server.closeAllConnections();
    await closed;
  }

  get jobs(): Job[] {
    return [...this.kept.values()].map(({ job }) => job);
  }

  /** Puts a finished piece into the history. */
  seed(prompt: string, minutesAgo: number): Job {
    const kept = this.create({ prompt, duration_s: 10, seed: 1000 + this.count }, true);
    kept.job.created_at = new Date(Date.now() - minutesAgo * 60_000).toISOString();
    this.finish(kept);
    return kept.job;
  }

  /** Takes a job to a fraction of its work, or to its end. */
  advance(id: string, to: "started" | number | "completed" | "failed"): void {
    const kept = this.kept.get(id)!;
    const total = 20;
    if (to === "completed") return this.finish(kept);
    if (to === "failed") {
      kept.job.status = "failed";
      kept.job.error = {
        code: "invalid_output",
        detail: "The model gave silence. Another seed usually helps.",
      };
      return this.emit(kept, {
        type: "failed",
        problem: { title: "Failed", status: 500, ...kept.job.error },
      });
    }
    kept.job.status = "running";
    kept.job.queue = null;
    if (to === "started") return this.emit(kept, { type: "started", job: kept.job });
    const progress = {
      stage: "denoise",
      step: Math.round(to * total),
      total,
      fraction: to,
      elapsed_ms: 900,
      eta_s: 3 * (1 - to),
    };
    kept.job.progress = progress;
    this.emit(kept, { type: "progress", ...progress });
    this.emit(kept, {
      type: "preview",
      step: progress.step,
      mel_png_url: `/v1/generations/${id}/preview.png?c=${to}`,
    });
  }

  private finish(kept: Kept): void {
    const { job, plan } = kept;
    const n = job.input.n ?? 1;
    job.status = "succeeded";
    job.queue = null;
    job.progress = null;
    job.completed_at = new Date().toISOString();
    job.resolved = { seed: job.input.seed ?? 7, controls_source: "request", ...plan };
    job.outputs = Array.from({ length: n }, (_, index) => ({
      index,
      seed: (job.input.seed ?? 7) + index,
      duration_s: plan.duration_s,
      sample_rate: 16_000,
      channels: 1,
      media_type: "audio/wav",
      bytes: 320_000,
      sha256: "0".repeat(64),
      lufs: -14.02,
      true_peak_dbtp: -1.1,
      url: `/v1/generations/${job.id}/outputs/${index}/audio`,
    }));
    this.emit(kept, { type: "completed", job });
  }

  private create(input: GenerationRequest, silent = false): Kept {
    const id = `gen_${String(++this.count).padStart(8, "0")}`;
    const plan = readPlan(input.plan) ?? planFor(input.seed ?? 1, input.duration_s ?? 10);
    const waiting = this.jobs.filter((job) => job.status === "queued" || job.status === "running").length;
    const job: Job = {
      id,
      status: "queued",
      created_at: new Date(Date.now() + this.count).toISOString(),
      completed_at: null,
      queue: { position: waiting, eta_s: 4 * (waiting + 1) },
      progress: null,
      input,
      resolved: null,
      outputs: [],
      model: { id: "mock" },
      usage: null,
      error: null,
      urls: {
        self: `/v1/generations/${id}`,
        events: `/v1/generations/${id}/events`,
        cancel: `/v1/generations/${id}/cancel`,
      },
    };
    const kept: Kept = { job, plan, events: [], listeners: new Set() };
    this.kept.set(id, kept);
    this.emit(kept, { type: "queued", job: structuredClone(job) });
    if (!this.manual && !silent) void this.work(kept);
    return kept;
  }

  private async work(kept: Kept): Promise<void> {
    const tick = () => new Promise((done) => setTimeout(done, 25));
    for (const to of ["started", 0.2, 0.6, 0.9, "completed"] as const) {
      await tick();
      if (kept.job.status === "canceled") return;
      this.advance(kept.job.id, to);
    }
  }

  private emit(kept: Kept, event: JobEvent): void {
    const entry = { id: kept.events.length + 1, event: structuredClone(event) };
    kept.events.push(entry);
    for (const listener of kept.listeners) this.send(listener, entry);
  }

  private send(response: ServerResponse, { id, event }: { id: number; event: JobEvent }): void {
    const { type, ...data } = event;
    response.write(
      `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(type === "queued" || type === "started" ? (data as { job: Job }).job : data)}\n\n`,
    );
    if (["completed", "failed", "canceled"].includes(type)) response.end();
  }

  private json(
    response: ServerResponse,
    status: number,
    body: unknown,
    headers: Record<string, string> = {},
  ): void {
    const type = status >= 400 ? "application/problem+json" : "application/json";
    response
      .writeHead(status, { "Content-Type": type, "Cache-Control": "no-store", ...headers })
      .end(JSON.stringify(body));
  }

  private async file(path: string, response: ServerResponse): Promise<void> {
    const name = path === "/" ? "/index.html" : path;
    const data = await readFile(join(DIST, name)).catch(() => null);
    if (!data || name.includes("..")) return this.json(response, 404, { title: "Not found", status: 404 });
    response
      .writeHead(200, {
        "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
        "Content-Security-Policy": CSP,
      })
      .end(data);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams } = new URL(request.url!, this.url);
    if (!path.startsWith("/v1/")) return this.file(path, response);
    if (this.key && request.headers.authorization !== `Bearer ${this.key}`) {
      return this.json(response, 401, { title: "Unauthorized", status: 401, code: "unauthorized" });
    }
    let body = "";
    for await (const part of request) body += part as string;
    const input = body ? (JSON.parse(body) as GenerationRequest) : ({} as GenerationRequest);
    if (request.method === "POST" && this.refuseNext && !path.endsWith("/cancel")) {
      const { retryAfter, ...problem } = this.refuseNext;
      this.refuseNext = null;
      return this.json(
        response,
        problem.status,
        problem,
        retryAfter ? { "Retry-After": String(retryAfter) } : {},
      );
    }
    if (path === "/v1/models")
      return this.json(response, 200, {
        object: "list",
        has_more: false,
        next: null,
        data: [
          {
            id: "mock",
            max_duration_s: 60,
            sample_rate: 16_000,
            schedulers: ["ddpm", "ddim"],
            default_steps: 20,
            default_guidance_scale: 3,
          },
        ],
      });
    if (path === "/v1/plans") {
      this.plans.push(input as unknown as Record<string, unknown>);
      return this.json(response, 200, planFor(input.seed ?? 0, input.duration_s ?? 10));
    }
    if (path === "/v1/shares")
      return this.json(response, 201, {
        id: "share_1",
        object: "share",
        url: "/s/token",
        expires_at: new Date().toISOString(),
      });
    if (path === "/v1/generations" && request.method === "POST") {
      this.generations.push(input);
      return this.json(response, 202, this.create(input).job);
    }
    if (path === "/v1/generations") return this.list(searchParams, response);
    const [, id = "", rest = ""] = /^\/v1\/generations\/([^/]+)\/?(.*)$/.exec(path) ?? [];
    const kept = this.kept.get(id);
    if (!kept) return this.json(response, 404, { title: "No such generation", status: 404 });
    this.ofJob(kept, rest, request, response, searchParams);
  }

  private list(parameters: URLSearchParams, response: ServerResponse): void {
    const words = (parameters.get("q") ?? "").toLowerCase();
    const all = this.jobs
      .filter((job) => job.input.prompt.toLowerCase().includes(words))
      .sort((a, b) => b.created_at.localeCompare(a.created_at));
    const after = parameters.get("after");
    const from = after ? all.findIndex((job) => job.id === after) + 1 : 0;
    const data = all.slice(from, from + Number(parameters.get("limit") ?? 20));
    this.json(response, 200, {
      object: "list",
      data,
      has_more: from + data.length < all.length,
      next: from + data.length < all.length ? data.at(-1)!.id : null,
    });
  }

  private ofJob(
    kept: Kept,
    rest: string,
    request: IncomingMessage,
    response: ServerResponse,
    parameters: URLSearchParams,
  ): void {
    const { job, plan } = kept;
    const bytes = (type: string, data: Buffer) =>
      void response.writeHead(200, { "Content-Type": type }).end(data);
    if (rest === "" && request.method === "DELETE")
      return (this.kept.delete(job.id), void response.writeHead(204).end());
    if (rest === "") return this.json(response, 200, job);
    if (rest === "cancel") {
      if (job.status === "queued" || job.status === "running") {
        job.status = "canceled";
        this.emit(kept, { type: "canceled", job });
      }
      return this.json(response, 202, job);
    }
    if (rest === "events") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      const seen = Number(request.headers["last-event-id"] ?? 0);
      for (const entry of kept.events.filter(({ id }) => id > seen)) this.send(response, entry);
      kept.listeners.add(response);
      return void response.on("close", () => kept.listeners.delete(response));
    }
    if (rest === "preview.png") return bytes("image/png", png(plan, Number(parameters.get("c") ?? 1)));
    if (rest.endsWith("/mel.png")) return bytes("image/png", png(plan, 1));
    if (rest.endsWith("/controls.json")) return this.json(response, 200, plan);
    if (rest.endsWith("/controls.mid"))
      return bytes("audio/midi", Buffer.from("MThd\0\0\0\x06\0\0\0\x01\0\x60", "latin1"));
    if (rest.endsWith("/audio")) {
      const tags = {
        prompt: job.input.prompt,
        seed: String(job.resolved?.seed),
        plan: JSON.stringify(plan),
        settings: JSON.stringify(job.input),
      };
      return bytes("audio/wav", wav(plan, tags));
    }
    this.json(response, 404, { title: "Not found", status: 404 });
  }
}
