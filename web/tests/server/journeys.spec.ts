// Journeys on the real server with the real model: what is heard is decoded and measured.

import { readFile } from "node:fs/promises";
import { type Page, expect, test as base } from "@playwright/test";
import type { Job } from "../../src/api/types";
import {
  PROMPT,
  chordCell,
  expectAccessible,
  files,
  listen,
  makePlan,
  promptField,
  renameByKeyboard,
  renderButton,
  result,
} from "../journeys";
import { watchPage } from "../mock/fixtures";
import { Server } from "./server";

const test = base.extend<{ desk: Page }, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = new Server();
      await server.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  desk: async ({ page, server }, use) => {
    const wrongs = watchPage(page, () => server.url);
    await page.goto(server.url);
    await promptField(page).waitFor();
    await use(page);
    base.expect(wrongs).toEqual([]);
  },
});

const RENDERED = { timeout: 60_000 };

/** The newest job as the server has it. */
async function newest(server: Server): Promise<Job> {
  const page = (await (await fetch(`${server.url}/v1/generations?limit=1`)).json()) as { data: Job[] };
  return page.data[0]!;
}

async function setLength(page: Page, seconds: number): Promise<void> {
  await page.getByLabel("Length").fill(String(seconds));
  await page.getByLabel("Length").press("Enter");
}

test("plan, edit by keyboard, render: exactly that plan sounds", async ({ desk, server }) => {
  await setLength(desk, 5);
  await makePlan(desk);
  await expectAccessible(desk);
  await renameByKeyboard(desk, 0, "F#m7b5/E");
  await desk.keyboard.press("Control+Enter");
  await expect(desk.getByRole("progressbar", { name: "Rendering" })).toBeVisible();
  await expect(result(desk)).toBeVisible(RENDERED);
  const job = await newest(server);
  expect(job.input.plan?.chords[0]?.symbol).toBe("F#m7b5/E");
  expect((job.resolved as unknown as { chords: { symbol: string }[] }).chords[0]?.symbol).toBe("F#m7b5/E");
  const heard = await listen(desk, `${job.outputs[0]!.url}?format=wav`);
  expect(heard.finite).toBe(true);
  expect(heard.rms).toBeGreaterThan(0.005);
  expect(Math.abs(heard.duration - 5)).toBeLessThan(0.02);
  await expect(desk.locator("canvas.mel")).toBeVisible();
  await expectAccessible(desk);
  await desk.getByRole("button", { name: "Play", exact: true }).click();
  await expect
    .poll(async () =>
      Number(await desk.getByRole("slider", { name: "Playhead" }).getAttribute("aria-valuenow")),
    )
    .toBeGreaterThan(0.1);
});

test("edit by mouse: the request holds it", async ({ desk, server }) => {
  await setLength(desk, 6);
  await makePlan(desk, "funk, chords Em7 A7 Em7 B7, 120 bpm");
  const box = (await chordCell(desk, 1).boundingBox())!;
  const beatPx = await desk.evaluate(() => document.querySelector(".bar")!.getBoundingClientRect().width / 4);
  await desk.mouse.move(box.x + 3, box.y + 30);
  await desk.mouse.down();
  await desk.mouse.move(box.x + 3 - beatPx, box.y + 30, { steps: 4 });
  await desk.mouse.up();
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible(RENDERED);
  const { input } = await newest(server);
  expect(input.plan!.chords[1]!.t).toBeCloseTo(input.plan!.beats[3]!.t, 3);
});

test("cancel stops it", async ({ desk, server }) => {
  await setLength(desk, 30);
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await expect(desk.getByText("Painting the sound").first()).toBeVisible(RENDERED);
  await desk.getByRole("button", { name: "Cancel", exact: true }).click();
  await expect.poll(async () => (await newest(server)).status, RENDERED).toBe("canceled");
  await expect(desk.getByRole("progressbar")).toHaveCount(0);
});

test("a reload while it runs, and a server killed while it runs", async ({ desk, server }) => {
  // Long enough to be killed on the way.
  await setLength(desk, 30);
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await expect(desk.getByRole("progressbar")).toBeVisible();
  await desk.reload();
  await expect(promptField(desk)).toHaveValue(PROMPT);
  await expect(desk.getByRole("progressbar").or(result(desk)).first()).toBeVisible();
  const { id } = await newest(server);
  await server.kill();
  await expect(desk.getByText("The server does not answer.")).toBeVisible();
  await server.start();
  await expect(result(desk)).toBeVisible({ timeout: 90_000 });
  const job = await newest(server);
  expect(job).toMatchObject({ id, status: "succeeded" });
});

test("every format is saved and can be decoded; a file gives its settings back", async ({ desk, server }) => {
  await setLength(desk, 4);
  await desk.getByLabel("Seed", { exact: true }).fill("77");
  await makePlan(desk, "calm piano waltz in F major, 3/4");
  const symbol = (await chordCell(desk, 0).locator(".sr-only").textContent())!;
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible(RENDERED);
  const saved: Record<string, Buffer> = {};
  for (const name of await files(desk)
    .getByRole("button")
    .evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")!))) {
    const saving = desk.waitForEvent("download");
    await files(desk).getByRole("button", { name, exact: true }).click();
    const download = await saving;
    saved[download.suggestedFilename().split(".").at(-1)!] = await readFile(await download.path());
  }
  const starts: Record<string, string> = { wav: "RIFF", flac: "fLaC", ogg: "OggS", mid: "MThd" };
  for (const [ending, magic] of Object.entries(starts))
    expect(saved[ending]?.toString("latin1", 0, 4), ending).toBe(magic);
  expect(JSON.parse(saved.json!.toString())).toHaveProperty("chords");
  const { outputs } = await newest(server);
  for (const format of ["flac", "mp3", "ogg"]) {
    const heard = await listen(desk, `${outputs[0]!.url}?format=${format}`);
    expect(heard.rms, format).toBeGreaterThan(0.005);
    // Lossy encoders pad by up to a frame.
    expect(Math.abs(heard.duration - 4), format).toBeLessThan(format === "flac" ? 0.02 : 0.12);
  }
  for (const ending of ["wav", "flac"]) {
    await promptField(desk).fill("something else");
    await desk.getByLabel("Seed", { exact: true }).fill("");
    await desk
      .getByLabel("choose one")
      .setInputFiles({ name: `piece.${ending}`, mimeType: `audio/${ending}`, buffer: saved[ending]! });
    await expect(promptField(desk)).toHaveValue("calm piano waltz in F major, 3/4");
    await expect(desk.getByLabel("Seed", { exact: true })).toHaveValue("77");
    await expect(chordCell(desk, 0)).toHaveAccessibleName(symbol);
  }
});

test("two pieces are compared and one is varied", async ({ desk, server }) => {
  await desk.reload();
  const first = desk.getByRole("complementary").getByRole("button", { name: /^Compare / });
  await first.nth(0).click({ force: true });
  await first.nth(1).click({ force: true });
  await expect(desk.getByRole("dialog", { name: "Compare" })).toBeVisible();
  await expectAccessible(desk);
  await desk.getByRole("dialog").getByRole("button", { name: "Open this one" }).first().click();
  await expect(result(desk)).toBeVisible();
  await desk.getByRole("button", { name: "Variation" }).click();
  await expect.poll(async () => (await newest(server)).input.input_audio?.mode).toBe("vary");
  await expect.poll(async () => (await newest(server)).status, RENDERED).toBe("succeeded");
});

test("the server's faults stand at their fields", async ({ desk }) => {
  await makePlan(desk);
  await desk.getByText("More settings").click();
  await desk.getByLabel("Steps").fill("999");
  await renderButton(desk).click();
  await expect(desk.getByLabel("Steps")).toHaveAttribute("aria-invalid", "true");
});
