// What the server's model can do.

import { getJson } from "./client";
import type { Model, Page } from "./types";

/** The first model that the server lists. */
export async function loadModel(): Promise<Model | null> {
  return (await getJson<Page<Model>>("/v1/models")).data[0] ?? null;
}
