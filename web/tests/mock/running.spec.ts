// While a piece is being made: waiting, watching, stopping, losing the connection, coming back.

import { PROMPT, makePlan, promptField, renderButton, result } from "../journeys";
import { expect, test } from "./fixtures";

test.beforeEach(({ mock }) => {
  mock.manual = true;
});

test("shows its place in the queue, its progress and its picture", async ({ desk, mock }) => {
  mock.manual = true;
  await makePlan(desk);
  await renderButton(desk).click();
  await expect(desk.getByText("Next in line").first()).toBeVisible();
  await renderButton(desk).click();
  await expect(desk.getByText("Waiting, 1 ahead").first()).toBeVisible();
  const second = mock.jobs[1]!.id;
  mock.advance(second, "started");
  mock.advance(second, 0.4);
  const bar = desk.getByRole("progressbar", { name: "Rendering" });
  await expect(bar).toHaveAttribute("aria-valuenow", "40");
  await expect(bar).toHaveAttribute("aria-valuetext", "Painting the sound, 40 percent");
  await expect(desk.locator("canvas.unfinished")).toBeVisible();
  mock.advance(second, "completed");
  await expect(result(desk)).toBeVisible();
  await expect(desk.locator("canvas.unfinished")).toHaveCount(0);
});

test("is canceled from the desk", async ({ desk, mock }) => {
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await desk.getByRole("button", { name: "Cancel", exact: true }).click();
  await expect.poll(() => mock.jobs[0]?.status).toBe("canceled");
  await expect(desk.getByText("Canceled").first()).toBeVisible();
  await expect(desk.getByRole("progressbar")).toHaveCount(0);
});

test("goes on after a reload", async ({ desk, mock }) => {
  await makePlan(desk);
  await renderButton(desk).click();
  mock.advance(mock.jobs[0]!.id, 0.3);
  await expect(desk.getByRole("progressbar")).toBeVisible();
  await desk.reload();
  await expect(promptField(desk)).toHaveValue(PROMPT);
  await expect(desk.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "30");
  mock.advance(mock.jobs[0]!.id, "completed");
  await expect(result(desk)).toBeVisible();
});

test("survives a server that goes away and comes back", async ({ desk, mock }) => {
  await makePlan(desk);
  await renderButton(desk).click();
  mock.advance(mock.jobs[0]!.id, 0.3);
  await expect(desk.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "30");
  const port = Number(new URL(mock.url).port);
  await mock.stop();
  await expect(desk.getByText("The server does not answer.")).toBeVisible();
  await mock.start(port);
  mock.advance(mock.jobs[0]!.id, "completed");
  await expect(result(desk)).toBeVisible();
  await expect(desk.getByText("The server does not answer.")).toHaveCount(0);
});

test("says why it failed", async ({ desk, mock }) => {
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await expect(desk.getByRole("progressbar")).toBeVisible();
  mock.advance(mock.jobs[0]!.id, "failed");
  await expect(desk.getByRole("alert").first()).toContainText("Another seed usually helps");
});

test("is seen in a second tab", async ({ desk, mock, context }) => {
  await promptField(desk).fill(PROMPT);
  await renderButton(desk).click();
  await expect(desk.getByRole("progressbar")).toBeVisible();
  const other = await context.newPage();
  await other.goto(mock.url);
  await expect(other.getByRole("heading", { name: "Being made" })).toBeVisible();
  mock.advance(mock.jobs[0]!.id, "completed");
  await expect(other.getByRole("heading", { name: "Being made" })).toHaveCount(0);
  await expect(result(desk)).toBeVisible();
});
