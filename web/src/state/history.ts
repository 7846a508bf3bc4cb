// Pieces that the server keeps: pages of them, and searching their prompts.

import { computed, effect, signal } from "@preact/signals";
import { explain, getJson, online } from "../api/client";
import { type Job, type Page, isActive } from "../api/types";
import { jobs, openId, remember, watch } from "./jobs";

const PAGE = 30;

export const query = signal("");
export const loading = signal(false);
export const failure = signal("");
const ids = signal<string[]>([]);
const more = signal<string | null>(null);

export const hasMore = computed(() => more.value !== null);

/** What is listed, newest first: the server's answer and what has been made since. */
export const listed = computed(() => {
  const wanted = query.value.trim().toLowerCase();
  const fresh = [...jobs.value.values()].filter(
    (job) => !ids.value.includes(job.id) && (!wanted || job.input.prompt.toLowerCase().includes(wanted)),
  );
  const kept = ids.value.flatMap((id) => jobs.value.get(id) ?? []);
  return [...fresh, ...kept].sort((a, b) => b.created_at.localeCompare(a.created_at));
});

let asked = 0;

/** Reads the first page, or the next one. */
export async function loadHistory(next = false): Promise<void> {
  const turn = ++asked;
  loading.value = true;
  const parameters = new URLSearchParams({ limit: String(PAGE) });
  if (query.value.trim()) parameters.set("q", query.value.trim());
  if (next && more.value) parameters.set("after", more.value);
  try {
    const page = await getJson<Page<Job>>(`/v1/generations?${parameters}`);
    if (turn !== asked) return;
    remember(...page.data);
    const found = page.data.map((job) => job.id);
    ids.value = next ? [...ids.value, ...found] : found;
    more.value = page.has_more ? page.next : null;
    failure.value = "";
    for (const job of page.data) if (isActive(job.status)) void watch(job.id);
  } catch (error) {
    failure.value = explain(error);
  } finally {
    if (turn === asked) loading.value = false;
  }
}

/** The job that lay open before a reload, if it is on a later page. */
export async function recall(): Promise<void> {
  const id = openId.value;
  if (!id || jobs.value.has(id)) return;
  try {
    const job = await getJson<Job>(`/v1/generations/${encodeURIComponent(id)}`);
    remember(job);
    if (isActive(job.status)) void watch(id);
  } catch {
    openId.value = null;
  }
}

const TYPING_PAUSE_MS = 250;
const RETRY_MS = 2500;

let typing: ReturnType<typeof setTimeout> | undefined;

export function search(text: string): void {
  query.value = text;
  clearTimeout(typing);
  typing = setTimeout(() => void loadHistory(), TYPING_PAUSE_MS);
}

// While the server is away, knock until it is back.
effect(() => {
  if (online.value) return;
  const timer = setInterval(() => void loadHistory(), RETRY_MS);
  return () => clearInterval(timer);
});
