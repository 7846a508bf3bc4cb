// Steps that journeys on the mock and on the real server share.

import { type Locator, type Page, expect } from "@playwright/test";
import { createRequire } from "node:module";

export const PROMPT = "slow bossa nova with nylon guitar, A minor, 96 bpm";

export const promptField = (page: Page) => page.getByLabel("What should it sound like?");
export const renderButton = (page: Page) => page.getByRole("button", { name: "Render", exact: true });
export const chordGrid = (page: Page) => page.getByRole("grid", { name: "Chords" });
export const chordCell = (page: Page, index: number): Locator =>
  chordGrid(page).getByRole("gridcell").nth(index);
export const result = (page: Page) => page.getByRole("region", { name: /^(Result|Take \d)$/ });
export const files = (page: Page) => page.getByRole("group", { name: "Download" });

/** Writes a prompt and asks for its plan. */
export async function makePlan(page: Page, prompt = PROMPT): Promise<void> {
  await promptField(page).fill(prompt);
  await page.getByRole("button", { name: "Plan", exact: true }).click();
  await chordCell(page, 0).waitFor();
}

/** Renames a chord without a mouse. */
export async function renameByKeyboard(page: Page, index: number, symbol: string): Promise<void> {
  await chordCell(page, index).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Chord symbol")).toBeFocused();
  await page.keyboard.insertText(symbol);
  await page.keyboard.press("Enter");
}

/** What the browser hears in an audio file. */
export async function listen(
  page: Page,
  url: string,
): Promise<{ duration: number; rms: number; finite: boolean }> {
  return page.evaluate(async (from) => {
    const bytes = await (await fetch(from)).arrayBuffer();
    const buffer = await new AudioContext().decodeAudioData(bytes);
    const samples = buffer.getChannelData(0);
    const square = samples.reduce((sum, sample) => sum + sample * sample, 0);
    return {
      duration: buffer.duration,
      rms: Math.sqrt(square / samples.length),
      finite: Number.isFinite(square),
    };
  }, url);
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Fails on every accessibility fault that axe-core finds on the page as it is. */
export async function expectAccessible(page: Page): Promise<void> {
  // The page's security policy keeps scripts out; the checker goes in by the developer tools' way.
  if (!(await page.evaluate(() => "axe" in window))) {
    const { readFile } = await import("node:fs/promises");
    await page.evaluate(await readFile(AXE, "utf8"));
  }
  const faults = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run: (
          options: object,
        ) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({ resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) =>
      nodes
        .slice(0, 3)
        .map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 300)}`),
    );
  });
  expect.soft(faults).toEqual([]);
}
