// Pieces that are finished: finding, reworking, comparing, saving and taking them up again.

import { readFile } from "node:fs/promises";
import {
  PROMPT,
  chordCell,
  chordGrid,
  files,
  makePlan,
  promptField,
  renderButton,
  result,
} from "../journeys";
import { expect, test } from "./fixtures";

test("history is searched and opened", async ({ desk, mock }) => {
  for (let i = 0; i < 40; i++) mock.seed(i % 5 ? `piece ${i}` : `rare waltz ${i}`, 10 + i);
  await desk.reload();
  const pieces = desk.getByRole("complementary", { name: "Pieces" });
  await expect(pieces.getByRole("listitem")).toHaveCount(30);
  await desk.getByRole("button", { name: "Older pieces" }).click();
  await expect(pieces.getByRole("listitem")).toHaveCount(40);
  await desk.getByLabel("Search your pieces").fill("waltz");
  await expect(pieces.getByRole("listitem")).toHaveCount(8);
  await pieces.getByRole("button", { name: /^rare waltz 10/ }).click();
  await expect(result(desk)).toBeVisible();
  await expect(promptField(desk)).toHaveValue("rare waltz 10");
  await expect(chordGrid(desk)).toBeVisible();
});

test("typing stays quick beside two hundred pieces", async ({ desk, mock }) => {
  for (let i = 0; i < 200; i++) mock.seed(`piece ${i}`, i);
  await desk.reload();
  for (let page = 1; page < 7; page++) {
    await desk.getByRole("button", { name: "Older pieces" }).click();
    await expect(desk.getByRole("complementary").getByRole("listitem")).toHaveCount(
      Math.min(200, 30 * (page + 1)),
    );
  }
  const delay = await desk.evaluate(async () => {
    const field = document.querySelector<HTMLTextAreaElement>("#prompt")!;
    const delays: number[] = [];
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      field.value = "x".repeat(i);
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      await Promise.resolve();
      delays.push(performance.now() - start);
    }
    return delays.sort((a, b) => a - b)[10]!;
  });
  expect(delay).toBeLessThan(100);
});

test("a selected part is made anew, a piece varied, extended and looped", async ({ desk, mock }) => {
  await makePlan(desk);
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  const lane = (await desk.locator(".wave-lane").boundingBox())!;
  await desk.mouse.move(lane.x + lane.width * 0.26, lane.y + 30);
  await desk.mouse.down();
  await desk.mouse.move(lane.x + lane.width * 0.5, lane.y + 30, { steps: 4 });
  await desk.mouse.up();
  await desk.getByRole("button", { name: "Make this part anew" }).click();
  await expect.poll(() => mock.generations.length).toBe(2);
  const source = mock.jobs[0]!.id;
  const part = mock.generations[1]!.input_audio!;
  const beats = mock.generations[0]!.plan!.beats.map(({ t }) => t);
  expect(part).toMatchObject({ file_id: `${source}/0`, mode: "inpaint" });
  for (const edge of [part.start_s!, part.end_s!])
    expect(Math.min(...beats.map((t) => Math.abs(t - edge)))).toBeLessThan(1e-3);
  await expect(result(desk)).toBeVisible();
  await desk.getByRole("button", { name: "Variation" }).click();
  await expect.poll(() => mock.generations[2]?.input_audio).toMatchObject({ mode: "vary", strength: 0.6 });
  await expect(result(desk)).toBeVisible();
  await desk.getByRole("button", { name: "Extend" }).click();
  await expect
    .poll(() => mock.generations[3])
    .toMatchObject({ duration_s: 15, plan: { duration_s: 15 }, input_audio: { mode: "extend" } });
  await expect(result(desk)).toBeVisible();
  await desk.getByRole("button", { name: "Make it loop" }).click();
  await expect.poll(() => mock.generations[4]?.input_audio?.mode).toBe("loop");
});

test("a saved file gives its settings back", async ({ desk, mock }) => {
  await makePlan(desk);
  await chordCell(desk, 1).dblclick();
  await desk.getByLabel("Chord symbol").fill("Bb13");
  await desk.keyboard.press("Enter");
  await desk.getByLabel("Seed", { exact: true }).fill("4242");
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  const saving = desk.waitForEvent("download");
  await files(desk).getByRole("button", { name: "Download WAV" }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe("slow-bossa-nova-with-nylon-guitar-4242.wav");
  const bytes = await readFile(await saved.path());
  await promptField(desk).fill("something else");
  await desk.getByLabel("Seed", { exact: true }).fill("");
  await desk
    .getByLabel("choose one")
    .setInputFiles({ name: "piece.wav", mimeType: "audio/wav", buffer: bytes });
  await expect(promptField(desk)).toHaveValue(PROMPT);
  await expect(desk.getByLabel("Seed", { exact: true })).toHaveValue("4242");
  await expect(chordCell(desk, 1)).toHaveAccessibleName(/^B flat 13/);
  await desk
    .getByLabel("choose one")
    .setInputFiles({ name: "noise.wav", mimeType: "audio/wav", buffer: Buffer.from("RIFFxxxx") });
  await expect(desk.getByRole("alert")).toContainText("no mustool settings in noise.wav");
  expect(mock.generations).toHaveLength(1);
});

test("two takes are compared, also blind", async ({ desk, mock }) => {
  mock.seed("first take", 2);
  mock.seed("second take", 1);
  await desk.reload();
  await desk.getByRole("button", { name: "Compare first take" }).click({ force: true });
  await desk.getByRole("button", { name: "Compare second take" }).click({ force: true });
  const dialog = desk.getByRole("dialog", { name: "Compare" });
  await expect(dialog).toContainText("first take");
  await desk.keyboard.press("b");
  await expect(dialog.getByRole("button", { name: "Hear B" })).toHaveAttribute("aria-pressed", "true");
  await dialog.getByLabel("Blind").check();
  await expect(dialog).not.toContainText("first take");
  await dialog.getByRole("button", { name: "I prefer A" }).click();
  await expect(dialog.getByRole("status")).toContainText(/You preferred A: seed 100\d/);
  await desk.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
});

test("a piece as code holds what is on the desk", async ({ desk }) => {
  await makePlan(desk, "it's a blues");
  await desk.getByRole("button", { name: "Code" }).click();
  const code = desk.locator("#snippet");
  await expect(code).toContainText(`it'\\''s a blues`);
  await expect(code).toContainText('"symbol"');
  for (const [name, words] of [
    ["Python", "urllib.request"],
    ["JavaScript", "await fetch"],
    ["Command line", "mustool generate"],
  ] as const) {
    await desk.getByRole("button", { name, exact: true }).click();
    await expect(code).toContainText(words);
    await expect(code).not.toContainText("MUSTOOL_KEY");
  }
});

test("a piece is shared by a link", async ({ desk, mock, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  mock.seed("shared piece", 1);
  await desk.reload();
  await desk.getByRole("button", { name: /^shared piece/ }).click();
  await desk.getByRole("button", { name: "Share", exact: true }).click();
  await expect(desk.getByText("The link is copied. It works for a week.")).toBeVisible();
  expect(await desk.evaluate(() => navigator.clipboard.readText())).toBe(`${mock.url}/s/token`);
});

test("deleted pieces are gone", async ({ desk, mock }) => {
  mock.seed("old piece", 5);
  await desk.reload();
  desk.on("dialog", (dialog) => void dialog.accept());
  await desk.getByRole("button", { name: "Delete old piece" }).click({ force: true });
  await expect.poll(() => mock.jobs.length).toBe(0);
  await expect(desk.getByText("What you render is kept here.")).toBeVisible();
});
