// Requests to the server that this page came from, and what goes wrong with them in plain words.

import { signal } from "@preact/signals";
import type { Problem } from "./types";

const KEY = "mustool.api_key";

/** The API key, for as long as the tab is open; servers on the own machine need none. */
export const apiKey = signal(sessionStorage.getItem(KEY) ?? "");
/** Whether the server answers. */
export const online = signal(true);

export function setApiKey(key: string): void {
  apiKey.value = key.trim();
  if (apiKey.value) sessionStorage.setItem(KEY, apiKey.value);
  else sessionStorage.removeItem(KEY);
}

/** An answer other than success, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    /** Seconds until another try makes sense, where the server says so. */
    readonly retryAfterS: number | null = null,
  ) {
    super(problem.detail || problem.title);
  }

  get status(): number {
    return this.problem.status;
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get("Retry-After") ?? Number.NaN);
  const plain = { title: response.statusText || "The server refused", status: response.status };
  const body = await response.json().catch(() => plain);
  const problem = { ...plain, ...(body as Problem) };
  return new ApiError(problem, Number.isFinite(wait) ? wait : null);
}

/** `fetch` with the key; throws [`ApiError`] for everything but success. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (apiKey.value) headers.set("Authorization", `Bearer ${apiKey.value}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (cause) {
    if ((cause as Error).name === "AbortError") throw cause;
    online.value = false;
    throw new ApiError({
      title: "Can’t reach the server",
      status: 0,
      detail: "The server does not answer. Your work is safe; I keep trying.",
    });
  }
  online.value = true;
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function getJson<T>(path: string): Promise<T> {
  return (await (await request(path)).json()) as T;
}

export async function postJson<T>(path: string, body: unknown, headers: HeadersInit = {}): Promise<T> {
  const answer = await request(path, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as T;
}

/** A message for people, from whatever was thrown. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return String((error as Error)?.message ?? error);
  if (error.status === 401) return "This server wants an API key. Add yours in the settings.";
  if (error.status === 403) return "Your API key does not allow this.";
  const wait = error.retryAfterS === null ? "" : ` Try again in ${Math.ceil(error.retryAfterS)} s.`;
  if (error.status === 429) return `The server is busy: its queue is full.${wait}`;
  return error.message + wait;
}
