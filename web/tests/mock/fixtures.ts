// A page on a mock server of its own. Every test fails on a content security report, a request to
// another host and an error on the console.

import { type Page, test as base } from "@playwright/test";
import { Mock } from "./server";

export { expect } from "@playwright/test";

/** Writes down what a page may not do. */
export function watchPage(page: Page, origin: () => string): string[] {
  const wrongs: string[] = [];
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin()) && !url.startsWith("blob:") && !url.startsWith("data:"))
      wrongs.push(`outside: ${url}`);
  });
  page.on("console", (message) => {
    const text = message.text();
    // A refused or broken request is reported by the browser too; the tests look at it themselves.
    if (message.type() === "error" && !text.startsWith("Failed to load resource"))
      wrongs.push(`console: ${text}`);
  });
  page.on("pageerror", (error) => wrongs.push(`error: ${error.message}`));
  return wrongs;
}

export const test = base.extend<{ mock: Mock; desk: Page }>({
  mock: async ({}, use) => {
    const mock = new Mock();
    await mock.start();
    await use(mock);
    await mock.stop();
  },
  desk: async ({ page, mock }, use) => {
    const wrongs = watchPage(page, () => mock.url);
    await page.goto(mock.url);
    await page.getByLabel("What should it sound like?").waitFor();
    await use(page);
    base.expect(wrongs).toEqual([]);
  },
});
