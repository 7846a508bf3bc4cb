// Server-sent events over `fetch`, because `EventSource` cannot send a key
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). A broken stream is taken up
// again after the last event that was seen.

import { ApiError, request } from "./client";
import type { JobEvent } from "./types";

interface Message {
  id: string | null;
  event: string;
  data: string;
}

/** Splits a stream's text into messages; what is not complete yet stays in the buffer. */
export function parseEvents(buffer: string): { messages: Message[]; rest: string } {
  const blocks = buffer.replaceAll("\r\n", "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  const messages = blocks.flatMap((block) => {
    const message: Message = { id: null, event: "message", data: "" };
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "id") message.id = value;
      if (field === "event") message.event = value;
      if (field === "data") data.push(value);
    }
    return data.length ? [{ ...message, data: data.join("\n") }] : [];
  });
  return { messages, rest };
}

/** A job's event from a message; the job may be wrapped or the data itself. */
function toEvent({ event, data }: Message): JobEvent | null {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(data) as Record<string, unknown>;
  } catch {
    return null;
  }
  const wrap = ["completed", "snapshot", "canceled"].includes(event) && !value.job && value.id;
  const problem = event === "failed" && !value.problem ? { problem: value } : {};
  return { ...(wrap ? { job: value } : value), ...problem, type: event } as JobEvent;
}

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 5000;

const pause = (ms: number, abort: AbortSignal) =>
  new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    abort.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

/**
 * Follows a job until `onEvent` says that it is over (returns true), `abort` fires or the server no
 * longer knows the job. Reconnects for as long as it takes.
 */
export async function follow(
  path: string,
  onEvent: (event: JobEvent) => boolean,
  abort: AbortSignal,
): Promise<void> {
  let lastId: string | null = null;
  let wait = FIRST_PAUSE_MS;
  while (!abort.aborted) {
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId !== null) headers["Last-Event-ID"] = lastId;
      const response = await request(path, { headers, signal: abort });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      for (let buffer = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        wait = FIRST_PAUSE_MS;
        const { messages, rest } = parseEvents(buffer + value);
        buffer = rest;
        for (const message of messages) {
          if (message.id !== null) lastId = message.id;
          const event = toEvent(message);
          if (event && onEvent(event)) return void reader.cancel();
        }
      }
    } catch (error) {
      if (abort.aborted) return;
      if (error instanceof ApiError && [401, 403, 404, 410].includes(error.status)) throw error;
    }
    await pause(wait, abort);
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}
