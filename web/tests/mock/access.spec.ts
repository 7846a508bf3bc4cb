// Every screen for everybody: axe-core, narrow and dark, without motion, by keyboard; and how much
// is sent for it.

import { chordCell, expectAccessible, makePlan, renderButton, result } from "../journeys";
import { expect, test } from "./fixtures";

for (const scheme of ["light", "dark"] as const) {
  test(`axe finds nothing on any screen, ${scheme}`, async ({ desk, mock }) => {
    test.slow();
    await desk.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    mock.seed("an older piece", 30);
    await desk.reload();
    await expectAccessible(desk);
    await renderButton(desk).click();
    await expectAccessible(desk);
    await makePlan(desk);
    await chordCell(desk, 1).focus();
    await expectAccessible(desk);
    await desk.keyboard.press("Enter");
    await expectAccessible(desk);
    await desk.keyboard.press("Escape");
    mock.manual = true;
    await renderButton(desk).click();
    await expect.poll(() => mock.jobs.at(-1)?.status).toBe("queued");
    const { id } = mock.jobs.at(-1)!;
    await expect(desk.getByRole("progressbar")).toBeVisible();
    await expectAccessible(desk);
    mock.advance(id, 0.5);
    await expect(desk.locator("canvas.unfinished")).toBeVisible();
    await expectAccessible(desk);
    mock.advance(id, "completed");
    await expect(result(desk)).toBeVisible();
    await desk.getByRole("button", { name: "Show chords as a table" }).click();
    await desk.getByText("More settings").click();
    await expectAccessible(desk);
    await desk
      .getByRole("group", { name: "Make more of this" })
      .getByRole("button", { name: "Compare" })
      .click();
    await desk.getByRole("button", { name: "Compare an older piece" }).click({ force: true });
    for (const name of ["Compare", "Code", "Keys", "Settings"]) {
      if (name !== "Compare") await desk.getByRole("navigation").getByRole("button", { name }).click();
      await expect(desk.getByRole("dialog")).toBeVisible();
      await expectAccessible(desk);
      await desk.keyboard.press("Escape");
      await expect(desk.getByRole("dialog")).toHaveCount(0);
    }
  });
}

test("nothing is cut off on a narrow screen", async ({ desk }) => {
  for (const width of [320, 360, 390]) {
    await desk.setViewportSize({ width, height: 700 });
    if (width === 320) await makePlan(desk);
    const wide = await desk.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(wide, `${width} px`).toBe(0);
    expect((await chordCell(desk, 0).boundingBox())!.width).toBeGreaterThan(20);
  }
});

test("controls are large enough to hit", async ({ desk }) => {
  await makePlan(desk);
  await chordCell(desk, 0).focus();
  const small = await desk.evaluate(() =>
    [...document.querySelectorAll("button, select, input:not(.sr-only), summary")]
      .map((node) => ({ node, box: node.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
      .map(({ node, box }) => `${node.outerHTML.slice(0, 80)} ${box.width}×${box.height}`),
  );
  // Check boxes have their label as a target.
  expect(small.filter((text) => !text.includes("checkbox") && !text.includes("radio"))).toEqual([]);
});

test("single keys can be turned off", async ({ desk }) => {
  await makePlan(desk);
  await desk.locator("#desk").focus();
  await desk.keyboard.press("?");
  await expect(desk.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await desk.keyboard.press("Escape");
  await desk.getByRole("button", { name: "Settings" }).click();
  await desk.getByLabel(/Single keys/).uncheck();
  await desk.keyboard.press("Escape");
  await desk.locator("#desk").focus();
  await desk.keyboard.press("?");
  await expect(desk.getByRole("dialog")).toHaveCount(0);
});

test("the page weighs less than 300 KiB", async ({ page, mock }) => {
  const files: Promise<Buffer>[] = [];
  page.on("response", (response) => {
    if (!response.url().includes("/v1/")) files.push(response.body());
  });
  await page.goto(mock.url, { waitUntil: "networkidle" });
  await page.evaluate(() => document.fonts.ready);
  const bytes = (await Promise.all(files)).reduce((sum, file) => sum + file.length, 0);
  expect(bytes).toBeGreaterThan(100_000);
  expect(bytes).toBeLessThan(300 * 1024);
});
