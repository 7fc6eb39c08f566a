// Pages without JavaScript, and with WASM that does not load: forms, links and redirects do everything.

import { randomBytes } from "node:crypto";

import type { Page } from "@playwright/test";

import { expect, test } from "./fixtures.ts";
import { choose, failedTask, listPath, newProject, newTask, row, taskPath, unblock } from "./support.ts";

/** The ways in which a page can stay without life. */
const WAYS = {
  "without JavaScript": { javaScriptEnabled: false },
  "with WASM blocked": {},
} as const;

for (const [way, options] of Object.entries(WAYS)) {
  test.describe(way, () => {
    test.beforeEach(({ expectedErrors }) => {
      // What blocking the WASM is expected to cause, and nothing else.
      if (way === "with WASM blocked") expectedErrors.push(/\.wasm|ERR_FAILED|Failed to fetch/);
    });

    async function plain(browserOf: (options: object) => Promise<Page>): Promise<Page> {
      const page = await browserOf(options);
      if (way === "with WASM blocked") await page.route("**/*.wasm", (route) => route.abort());
      return page;
    }

    test("a project and a task are created", async ({ browserOf }) => {
      const page = await plain(browserOf);
      const name = `Billing ${randomBytes(4).toString("hex")}`;
      await page.goto("/projects");
      await page.getByRole("link", { name: "New project" }).click();
      await page.getByLabel("Name").fill(name);
      await page.getByLabel("Execution endpoint").fill("https://billing.example.com/hook");
      await page.getByRole("button", { name: "Create project" }).click();
      await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
      await page.getByRole("link", { name: "New task" }).click();
      await page.getByLabel("Name").fill("Nightly report");
      await page.getByRole("button", { name: "Create task" }).click();
      await expect(page.getByRole("heading", { name: "Nightly report", level: 1 })).toBeVisible();
      await expect(page.getByTestId("task-badge")).toHaveText("Active");
    });

    test("bad input comes back with what was typed and the reason", async ({ browserOf, api }) => {
      const project = await newProject(api);
      const page = await plain(browserOf);
      await page.goto(`${listPath(project)}/tasks/new`);
      const cron = page.getByRole("textbox", { name: "Cron expression" });
      await page.getByLabel("Name").fill("Nightly & weekly “report”");
      await page.getByLabel("Metadata").fill('{"a": "<b>"}');
      await cron.fill("99 99 99 99 99");
      await page.getByRole("button", { name: "Create task" }).click();
      await expect(page.getByRole("alert")).toContainText("A value is not allowed");
      await expect(cron).toHaveAttribute("aria-invalid", "true");
      await expect(cron).toHaveValue("99 99 99 99 99");
      await expect(page.getByLabel("Name")).toHaveValue("Nightly & weekly “report”");
      await expect(page.getByLabel("Metadata")).toHaveValue('{"a": "<b>"}');
      await cron.fill("30 2 * * *");
      await page.getByRole("button", { name: "Create task" }).click();
      await expect(page.getByRole("heading", { name: "Nightly & weekly “report”", level: 1 })).toBeVisible();
    });

    test("a task is edited, disabled and enabled", async ({ browserOf, api }) => {
      const project = await newProject(api);
      const task = await newTask(api, project, "Nightly report");
      const page = await plain(browserOf);
      await page.goto(listPath(project));
      await choose(page, task.name, "Disable");
      await expect(page.getByTestId("task-badge")).toHaveText("Disabled");
      await page.getByRole("button", { name: "Enable" }).click();
      await expect(page.getByTestId("task-badge")).toHaveText("Active");
      await page.getByRole("link", { name: "Edit" }).click();
      await page.getByLabel("Name").fill("Weekly report");
      await page.getByRole("button", { name: "Save task" }).click();
      await expect(page.getByRole("heading", { name: "Weekly report", level: 1 })).toBeVisible();
    });

    test("a task is deleted on the delete page, and the banner undoes it", async ({ browserOf, api }) => {
      const project = await newProject(api, { undo_window_seconds: 600 });
      const task = await newTask(api, project, "Nightly report");
      const page = await plain(browserOf);
      await page.goto(listPath(project));
      await choose(page, task.name, "Delete task…");
      await expect(page.getByRole("heading", { name: `Delete “${task.name}”` })).toBeVisible();
      await page.getByRole("button", { name: "Delete task" }).click();
      const banner = page.getByRole("region", { name: "Deletion scheduled" });
      await expect(banner).toContainText("Deletion scheduled");
      await expect(banner.getByRole("link", { name: "View" })).toBeVisible();
      await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Pending delete");
      await banner.getByRole("button", { name: "Undo" }).click();
      await expect(page.getByText("Deletion undone")).toBeVisible();
      await expect(page.getByTestId("task-badge")).toHaveText("Active");
    });

    test("a task is deleted on its page", async ({ browserOf, api }) => {
      const project = await newProject(api);
      const task = await newTask(api, project, "Nightly report");
      const page = await plain(browserOf);
      await page.goto(taskPath(project, task));
      await page.getByRole("link", { name: "Delete task…" }).click();
      await page.getByRole("button", { name: "Delete task" }).click();
      await page.getByRole("link", { name: "View" }).click();
      await expect(page.getByRole("heading", { name: `Deletion of ${task.name}` })).toBeVisible();
    });

    test("a failed deletion is retried", async ({ browserOf, api, sql }) => {
      const project = await newProject(api);
      const task = await failedTask(api, sql, project, "Nightly report");
      await unblock(sql, task);
      const page = await plain(browserOf);
      await page.goto(listPath(project));
      await row(page, task.name).getByRole("button", { name: "Retry" }).click();
      await page.getByRole("link", { name: "View" }).click();
      await expect(page.getByRole("heading", { name: `Deletion of ${task.name}` })).toBeVisible();
    });

    test("what does not exist has status 404", async ({ browserOf, api, expectedErrors }) => {
      expectedErrors.push(/404 \(Not Found\)/);
      const project = await newProject(api);
      const nobody = "00000000-0000-7000-8000-000000000000";
      const page = await plain(browserOf);
      const paths = [
        "/nothing",
        "/projects/nothing",
        `/projects/${nobody}`,
        `/projects/${nobody}/settings`,
        `${listPath(project)}/tasks/${nobody}`,
        `${listPath(project)}/tasks/${nobody}/edit`,
        `${listPath(project)}/tasks/${nobody}/delete`,
        `${listPath(project)}/deletions/${nobody}`,
        `${listPath(project)}/executions/${nobody}`,
        `${listPath(project)}/executions/nothing`,
        `${listPath(project)}/nothing`,
        `/projects/${nobody}/executions`,
        `/projects/${nobody}/statistics`,
      ];
      for (const path of paths) {
        expect((await page.goto(path))?.status(), path).toBe(404);
        await expect(page.getByRole("link", { name: "All projects" })).toBeVisible();
      }
    });
  });
}
