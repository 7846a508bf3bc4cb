// Two suites in Debian's chromium: `mock` is fast and reaches every state, `server` takes the same
// journeys on the real server with its real model (started by `test.sh`).

import { existsSync } from "node:fs";
import { defineConfig, devices } from "@playwright/test";

const debian = "/usr/bin/chromium";
const executablePath = process.env.CHROMIUM ?? (existsSync(debian) ? debian : undefined);

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    ...devices["Desktop Chrome"],
    viewport: { width: 1440, height: 900 },
    contextOptions: { reducedMotion: "reduce" },
    launchOptions: {
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
    },
  },
  projects: [
    { name: "unit", testMatch: "unit/*.spec.ts" },
    { name: "mock", testMatch: "mock/*.spec.ts" },
    { name: "server", testMatch: "server/*.spec.ts", fullyParallel: false, workers: 1, timeout: 120_000 },
  ],
});
