// Browser tests of the built binary. `cargo xtask test browser` sets CHROMIUM, SEXTON_BIN and
// ADMIN_DATABASE_URL; there is no web server here, because each worker starts its own.

import { defineConfig } from "@playwright/test";

const chromium = process.env["CHROMIUM"];

export default defineConfig({
  testDir: "tests",
  workers: 1,
  // A test that passes the second time is a broken test.
  retries: 0,
  forbidOnly: Boolean(process.env["CI"]),
  timeout: 30_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    headless: true,
    trace: "retain-on-failure",
    launchOptions: {
      ...(chromium ? { executablePath: chromium } : {}),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
