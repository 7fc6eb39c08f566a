// Pages for everyone: nothing that axe finds, in light, in the dark and on a phone; all by keyboard.

import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import type { APIRequestContext } from "@playwright/test";
import type pg from "pg";

import { expect, test } from "./fixtures.ts";
import { ends, execution } from "./history.ts";
import {
  choose,
  deleteTask,
  failedTask,
  gone,
  listPath,
  newProject,
  newTask,
  open,
  openDeleteDialog,
  row,
  taskPath,
} from "./support.ts";

const LOOKS = {
  "in light": { colorScheme: "light" },
  "in the dark": { colorScheme: "dark" },
  "on a phone": { viewport: { width: 360, height: 740 } },
} as const;

const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const OF_A_FAILURE = {
  error: "e".repeat(300),
  response: { status: 500, content_type: "text/plain", body: "b".repeat(4_000), is_truncated: true, first_byte_ms: 1, total_ms: 2 },
  logs: [["info", "begun"], ["warn", "w".repeat(300)], ["error", "no paper"]] as [string, string][],
};

/** A project with tasks of every status, one that is gone, and names that are hard to lay out. */
async function everyStatus(api: APIRequestContext, sql: pg.Client) {
  const project = await newProject(api, { description: "word ".repeat(60), undo_window_seconds: 0 });
  const failed = await failedTask(api, sql, project, "Sync exchange rates");
  const past = await newTask(api, project, "Old importer");
  const receipt = await deleteTask(api, project, past);
  await gone(api, project, past);
  await api.patch(`/api/v1/projects/${project.id}`, {
    data: { undo_window_seconds: 600 },
    headers: { "content-type": "application/merge-patch+json" },
  });
  await newTask(api, project, "Dunning e-mails", { status: "DISABLED" });
  const pending = await newTask(api, project, "Rebuild invoices");
  const record = await deleteTask(api, project, pending);
  const long = await newTask(api, project, `Long${"x".repeat(200)}`, { description: "y".repeat(300) });
  const active = await newTask(api, project, "Nightly report", { metadata: { team: "z".repeat(200) } });
  await execution(sql, project, active, { status: "SUCCESS", minutes: 6, took: 10 });
  await execution(sql, project, active, { status: "CANCELLED", minutes: 5, took: 10 });
  await execution(sql, project, active, { ...OF_A_FAILURE, status: "RETRY_WAIT", minutes: 4 });
  const executions = [
    await execution(sql, project, active, { ...OF_A_FAILURE, status: "FAILED", minutes: 3, took: 90 }),
    await execution(sql, project, long, { status: "SKIPPED", minutes: 2, missed: 3, error: "e".repeat(300) }),
    await execution(sql, project, active, { status: "RUNNING", minutes: 1 }),
  ];
  await ends(sql, project, active, 0, 40, 3);
  await ends(sql, project, active, 5, 1, 0);
  return { project, failed, receipt, pending, record, long, active, executions };
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`every page is for everyone ${look}`, async ({ browserOf, api, sql, expectedErrors }) => {
    expectedErrors.push(/404 \(Not Found\)/);
    const { project, failed, receipt, pending, record, long, active, executions } = await everyStatus(api, sql);
    const page = await browserOf({ ...options, reducedMotion: "reduce" });
    const list = listPath(project);
    const paths = [
      "/projects",
      "/projects/new",
      list,
      `${list}?search=nothing`,
      `${list}/settings`,
      `${list}/audit`,
      "/account",
      "/accounts",
      "/audit",
      "/deletions",
      `${list}/deletions`,
      `${list}/deletions?state=UNDONE`,
      `${list}/deletions/${receipt.id}`,
      `${list}/deletions/${record.id}`,
      `${list}/executions`,
      `${list}/executions?task=${active.uuid}&status=FAILED`,
      `${list}/executions?status=SUCCESS&date=2020-01-01`,
      ...executions.map((id) => `${list}/executions/${id}`),
      `${list}/statistics`,
      `${list}/tasks/new`,
      ...[active, long, pending, failed].map((task) => taskPath(project, task)),
      `${taskPath(project, active)}/edit`,
      `${taskPath(project, active)}/delete`,
      "/nothing",
    ];
    // Each page has as long as an expectation has: axe takes a second for it on an idle machine.
    test.setTimeout(30_000 + 10_000 * paths.length);
    for (const path of paths) {
      await open(page, path);
      await forEveryone(page, path);
    }
  });

  test(`the reference of the API is for everyone ${look}`, async ({ browserOf }) => {
    test.slow();
    const page = await browserOf({ ...options, reducedMotion: "reduce" });
    await page.goto("/api/docs");
    await expect(page.getByRole("heading", { level: 1, name: "API" })).toBeVisible();
    await page.getByRole("link", { name: /Accepts the deletion of a task/ }).click();
    const operation = page.getByRole("article", { name: "tasks_delete", exact: true });
    await operation.getByText("Example").click();
    await expect(operation.getByText("curl -X DELETE")).toBeVisible();
    // Two components make all articles: every tenth stands for the others, which axe would read for a minute.
    await page.locator("article").evaluateAll((articles) => {
      const others = articles.filter((article, place) => place % 10 !== 0 && article.id !== "tasks_delete");
      others.forEach((article) => article.remove());
    });
    await forEveryone(page, "/api/docs");
  });

  test(`every state is for everyone ${look}`, async ({ browserOf, api, sql, expectedErrors }) => {
    expectedErrors.push(/422 \(Unprocessable|404 \(Not Found\)|ERR_FAILED/);
    test.slow();
    const { project, active, failed } = await everyStatus(api, sql);
    const page = await browserOf({ ...options, reducedMotion: "reduce" });
    await open(page, listPath(project));
    await row(page, active.name).getByLabel(`Actions for ${active.name}`).click();
    await forEveryone(page, "a menu that is open");
    const dialog = await openDeleteDialogIn(page, active.name);
    await forEveryone(page, "the dialog");
    await page.route("**/fn/delete_task", (route) => route.abort());
    await dialog.getByRole("button", { name: "Delete task" }).click();
    await expect(dialog.getByRole("alert")).toBeVisible();
    await forEveryone(page, "the dialog with an error");
    await page.unroute("**/fn/delete_task");
    await dialog.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByTestId("toast")).toBeVisible();
    await page.getByTestId("toast").getByRole("link", { name: "View" }).focus();
    await forEveryone(page, "a toast");

    await open(page, `${listPath(project)}/tasks/new`);
    await page.getByLabel("Name").fill("x");
    await page.getByRole("textbox", { name: "Cron expression" }).fill("99 99 99 99 99");
    await page.getByRole("button", { name: "Create task" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await forEveryone(page, "a form with an error");

    await open(page, taskPath(project, failed));
    await page.getByRole("link", { name: "Details" }).click();
    await expect(page.getByText("an invoice still refers to the task")).toBeVisible();
    await forEveryone(page, "the record of a failed deletion");
  });
}

test("a task is deleted and brought back by keyboard alone", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();

  await tabTo(page, row(page, task.name).getByLabel(`Actions for ${task.name}`));
  await page.keyboard.press("Enter");
  await tabTo(page, row(page, task.name).getByText("Delete task…"));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await tabTo(page, dialog.getByRole("button", { name: "Delete task" }));
  await page.keyboard.press("Enter");

  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Pending delete");
  await expect(row(page, task.name).getByRole("link", { name: task.name })).toBeFocused();
  await tabTo(page, row(page, task.name).getByRole("button", { name: "Undo" }));
  await page.keyboard.press("Enter");
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Active");
  await expect(row(page, task.name).getByRole("link", { name: task.name })).toBeFocused();

  await choose(page, task.name, "Delete task…");
  await tabTo(page, dialog.getByRole("button", { name: "Delete task" }));
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByTestId("toast").getByRole("button", { name: "Undo" }));
  await page.keyboard.press("Enter");
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Active");
});

/** Presses Tab until the element has the focus, as somebody without a mouse does. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error("Tab does not lead there");
}

async function openDeleteDialogIn(page: Page, name: string): Promise<Locator> {
  await page.keyboard.press("Escape");
  return await openDeleteDialog(page, name);
}

async function forEveryone(page: Page, what: string): Promise<void> {
  const found = await new AxeBuilder({ page }).withTags(WCAG).analyze();
  const problems = found.violations.map((problem) => ({
    rule: problem.id,
    where: problem.nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary ?? ""}`),
  }));
  expect.soft(problems, what).toEqual([]);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect.soft(beyond, `${what} is wider than the screen`).toBe(0);
}
