// From a prompt to a piece, and everything that can go wrong on the way.

import {
  PROMPT,
  chordCell,
  chordGrid,
  listen,
  makePlan,
  promptField,
  renderButton,
  result,
} from "../journeys";
import { expect, test } from "./fixtures";

test("plans, renders and plays", async ({ desk, mock }) => {
  await makePlan(desk);
  expect(mock.plans[0]).toMatchObject({ prompt: PROMPT, duration_s: 10 });
  await expect(desk.getByLabel("Tempo in beats per minute")).not.toHaveValue("");
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  expect(mock.generations[0]?.plan?.chords).toHaveLength(4);
  expect(mock.generations[0]?.output).toEqual({ format: "wav", previews: true });
  const heard = await listen(desk, mock.jobs[0]!.outputs[0]!.url);
  expect(heard.finite).toBe(true);
  expect(heard.rms).toBeGreaterThan(0.01);
  await desk.getByRole("button", { name: "Play", exact: true }).click();
  await expect(desk.getByRole("button", { name: "Pause", exact: true })).toBeVisible();
  await expect
    .poll(async () =>
      Number(await desk.getByRole("slider", { name: "Playhead" }).getAttribute("aria-valuenow")),
    )
    .toBeGreaterThan(0.1);
});

test("a piece rendered from the prompt alone brings its plan", async ({ desk, mock }) => {
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  expect(mock.generations[0]!.plan).toBeUndefined();
  await expect(chordGrid(desk).getByRole("gridcell")).not.toHaveCount(0);
});

test("an edit by keyboard is in the request and is announced", async ({ desk, mock }) => {
  await makePlan(desk);
  const before = await chordGrid(desk).getByRole("gridcell").count();
  await chordCell(desk, 0).focus();
  await desk.keyboard.press("ArrowRight");
  await expect(chordCell(desk, 1)).toBeFocused();
  await desk.keyboard.press("Enter");
  await desk.keyboard.insertText("F#m7b5/E");
  await desk.keyboard.press("Enter");
  await expect(chordCell(desk, 1)).toBeFocused();
  await expect(chordCell(desk, 1)).toHaveAccessibleName(/^F sharp half-diminished over E, bar 2, beat 1/);
  await desk.keyboard.press("Alt+ArrowRight");
  await expect(chordCell(desk, 1)).toHaveAccessibleName(/bar 2, beat 2/);
  await expect(desk.locator("[aria-live=polite]")).toContainText("bar 2, beat 2");
  await desk.keyboard.press("Alt+Shift+ArrowLeft");
  await expect(chordCell(desk, 1)).toHaveAccessibleName(/3 beats/);
  await desk.keyboard.press("Delete");
  await expect(chordGrid(desk).getByRole("gridcell")).toHaveCount(before - 1);
  await desk.keyboard.press("Control+z");
  await expect(chordGrid(desk).getByRole("gridcell")).toHaveCount(before);
  await desk.keyboard.press("Control+Enter");
  await expect(result(desk)).toBeVisible();
  const sent = mock.generations[0]!.plan!;
  expect(sent.chords[1]).toMatchObject({ symbol: "F#m7b5/E" });
  expect(sent.chords[1]!.t).toBeCloseTo(sent.beats[5]!.t, 3);
});

test("an edit by mouse is in the request", async ({ desk, mock }) => {
  await makePlan(desk);
  const beatPx = await desk.evaluate(() => document.querySelector(".bar")!.getBoundingClientRect().width / 4);
  const box = (await chordCell(desk, 1).boundingBox())!;
  // The left edge goes a beat to the left.
  await desk.mouse.move(box.x + 3, box.y + 30);
  await desk.mouse.down();
  await desk.mouse.move(box.x + 3 - beatPx, box.y + 30, { steps: 5 });
  await desk.mouse.up();
  await expect(chordCell(desk, 1)).toHaveAccessibleName(/bar 1, beat 4, 5 beats/);
  // The last chord moves two beats to the left.
  const last = (await chordCell(desk, 3).boundingBox())!;
  await desk.mouse.move(last.x + 40, last.y + 40);
  await desk.mouse.down();
  await desk.mouse.move(last.x + 40 - 2 * beatPx, last.y + 40, { steps: 5 });
  await desk.mouse.up();
  await expect(chordCell(desk, 3)).toHaveAccessibleName(/bar 3, beat 3/);
  await chordCell(desk, 2).dblclick();
  await desk.getByLabel("Chord symbol").fill("not a chord");
  await desk.keyboard.press("Enter");
  await expect(desk.getByRole("alert")).toContainText("not a chord I know");
  await desk.getByLabel("Chord symbol").fill("Bbmaj7");
  await desk.keyboard.press("Enter");
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  const sent = mock.generations[0]!.plan!;
  expect(sent.chords[1]!.t).toBeCloseTo(sent.beats[3]!.t, 3);
  expect(sent.chords[2]!.symbol).toBe("Bbmaj7");
});

test("bars, tempo and metre are edited without a mouse", async ({ desk, mock }) => {
  await makePlan(desk);
  const bars = desk.getByRole("grid", { name: "Bars" }).getByRole("gridcell");
  await bars.nth(1).focus();
  await desk.keyboard.press("-");
  await expect(bars.nth(1)).toHaveAccessibleName(/3 beats/);
  await desk.keyboard.press("Alt+ArrowRight");
  await expect(bars.nth(1)).toBeFocused();
  await desk.getByLabel("Tempo in beats per minute").fill("120");
  await desk.getByLabel("Tempo in beats per minute").press("Enter");
  await desk.getByLabel("Metre", { exact: true }).selectOption("3/4");
  await desk.getByLabel("Key, tonic").selectOption("C");
  await desk.getByRole("button", { name: "Show chords as a table" }).click();
  await desk.getByLabel("Chord 2", { exact: true }).fill("Ebmaj7");
  await desk.getByLabel("Chord 2", { exact: true }).press("Enter");
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  const sent = mock.generations[0]!.plan!;
  expect(sent).toMatchObject({ tempo_bpm: 120, time_signature: "3/4", key: "C minor" });
  expect(Math.max(...sent.beats.map(({ beat }) => beat))).toBe(3);
  expect(sent.chords[1]!.symbol).toBe("Ebmaj7");
});

test("faults stand at their fields", async ({ desk, mock }) => {
  await renderButton(desk).click();
  await expect(promptField(desk)).toHaveAttribute("aria-invalid", "true");
  await expect(promptField(desk)).toHaveAccessibleDescription("Say what the music should sound like.");
  await makePlan(desk);
  mock.refuseNext = {
    title: "Invalid request",
    status: 422,
    code: "validation",
    errors: [
      { pointer: "/duration_s", detail: "must be 47 or less with this model" },
      { pointer: "/plan/chords/2/symbol", detail: "is no chord" },
    ],
  };
  await renderButton(desk).click();
  await expect(desk.getByLabel("Length")).toHaveAccessibleDescription("must be 47 or less with this model");
  await expect(chordCell(desk, 2)).toHaveAttribute("aria-invalid", "true");
  await expect(chordCell(desk, 2)).toContainText("is no chord");
  await desk.getByLabel("Length").fill("12");
  await desk.getByLabel("Length").press("Enter");
  await expect(desk.getByLabel("Length")).not.toHaveAttribute("aria-invalid", "true");
});

test("a full queue says when to come again", async ({ desk, mock }) => {
  await makePlan(desk);
  mock.refuseNext = { title: "Queue full", status: 429, code: "queue_full", retryAfter: 7 };
  await renderButton(desk).click();
  await expect(desk.getByRole("alert")).toContainText("queue is full. Try again in 7 s.");
});

test("a key is asked for, used, and never put in an address", async ({ desk, mock }) => {
  mock.key = "mk_live_secret";
  const urls: string[] = [];
  desk.on("request", (request) => urls.push(request.url()));
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await expect(desk.getByRole("alert")).toContainText("API key");
  await desk.getByRole("button", { name: "Settings" }).click();
  await desk.getByLabel("API key").fill("mk_live_secret");
  await desk.getByRole("button", { name: "Save" }).click();
  await renderButton(desk).click();
  await expect(result(desk)).toBeVisible();
  expect(urls.filter((url) => url.includes("secret"))).toEqual([]);
});

test("words of a prompt are never markup", async ({ desk, mock }) => {
  const nasty = `<img src=x onerror="document.title='hit'"> "quotes" 'n' \${x}`;
  mock.seed(nasty, 3);
  await desk.reload();
  await expect(desk.getByRole("complementary", { name: "Pieces" })).toContainText(nasty);
  await promptField(desk).fill(nasty);
  await desk.getByRole("button", { name: "Code" }).click();
  await expect(desk.locator("#snippet")).toContainText("onerror");
  await expect(desk).toHaveTitle("mustool");
});
