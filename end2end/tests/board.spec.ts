// The deletions board: a deletion that fails and is retried, counters and timeline that live in another browser, without
// JavaScript, and a server that dies while a deletion is open.

import type { Locator, Page } from "@playwright/test";

import { expect, test } from "./fixtures.ts";
import { deleteTask, failedTask, gone, listPath, newProject, newTask, open, row, taskAPI, unblock } from "./support.ts";

/** How long a change may take to another browser. */
const SEEN_WITHIN = { timeout: 2_000 };

/** Every attempt at a teardown breaks off as if the connection to the database had: a fault that no release can have. */
const FAULTY = {
  FAILPOINTS: "deletion.take_small=return(error);execution.count_unended=return(error)",
  SEXTON_DELETE_ATTEMPTS: "2",
  SEXTON_RETRY_BASE_MS: "1",
};

/** The row of a deletion on a board. */
function record(page: Page, name: string): Locator {
  return page.getByTestId("deletion-row").filter({ has: page.getByRole("link", { name, exact: true }) });
}

/** The number beside a word of the counters. */
function counter(page: Page, name: string): Locator {
  return page.locator(".counters div").filter({ has: page.getByText(name, { exact: true }) }).getByRole("definition");
}

test("a deletion that fails says why with its attempts, and Retry all ends it", async ({
  page,
  api,
  sql,
  server,
  expectedErrors,
}) => {
  // The page is still open when the server ends.
  expectedErrors.push(/Failed to load resource: net::ERR_/);
  // What an earlier test has left to be torn down would meet the faults that are meant for this one.
  const left = "select from deletions where completed_at is null and state <> 'FAILED' and wake_at < now() + interval '20 s'";
  await expect.poll(async () => (await sql.query(left)).rowCount, { timeout: 30_000 }).toBe(0);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await server.kill();
  await server.start(FAULTY);
  await open(page, listPath(project));
  await deleteTask(api, project, task);
  const badge = row(page, task.name).getByTestId("task-badge");
  await expect(badge).toHaveText("Delete failed");
  await expect(row(page, task.name)).toContainText("Database unreachable while waiting for running calls");

  await page.getByRole("navigation", { name: "Project" }).getByRole("link", { name: "Deletions" }).click();
  await expect(counter(page, "Failed")).toHaveText("1");
  await record(page, task.name).getByText("Database unreachable").click();
  await expect(record(page, task.name)).toContainText("fault at execution.count_unended");

  await record(page, task.name).getByRole("link", { name: task.name }).click();
  const timeline = page.locator(".timeline");
  await expect(timeline).toContainText("Attempt 1 of 2 failed");
  await expect(timeline).toContainText("Given up after attempt 2 of 2");
  await expect(timeline).toContainText("by node sexton-");

  // The fault is mended: a server without it.
  await server.kill();
  await server.start();
  await open(page, `${listPath(project)}/deletions`);
  await page.getByRole("button", { name: "Retry all failed" }).click();
  await expect(page.getByRole("status")).toContainText("1 deletion with a fresh cycle of attempts");
  await expect(record(page, task.name)).toContainText("Gone");
  await expect(counter(page, "Failed")).toHaveText("0");
  await expect(page.getByRole("button", { name: "Retry all failed" })).toBeHidden();
  await record(page, task.name).getByRole("link", { name: task.name }).click();
  await expect(timeline).toContainText("Started over");
  await expect(page.getByTestId("receipt")).toContainText("Removed 1 task");
});

test("board and timeline live in another browser, for a project and over all", async ({ page, api, browserOf }) => {
  const project = await newProject(api, { undo_window_seconds: 3 });
  const task = await newTask(api, project, "Nightly report");
  const [all, detail] = [await browserOf({}), await browserOf({})];
  await open(page, `${listPath(project)}/deletions`);
  await open(all, "/deletions");
  for (const viewer of [page, all]) await expect(viewer.getByRole("button", { name: "Live" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Nothing was deleted yet" })).toBeVisible();

  const deletion = await deleteTask(api, project, task);
  await expect(record(page, task.name)).toContainText("Scheduled", SEEN_WITHIN);
  await expect(counter(page, "Scheduled")).toHaveText("1", SEEN_WITHIN);
  const ofProject = record(all, task.name).filter({ hasText: project.name });
  await expect(ofProject).toContainText("Scheduled", SEEN_WITHIN);
  await open(detail, `${listPath(project)}/deletions/${deletion.id}`);
  await expect(detail.locator(".timeline")).toContainText("Teardown begins");

  await gone(api, project, task);
  for (const viewer of [record(page, task.name), ofProject, detail.locator(".timeline")]) {
    await expect(viewer).toContainText("Gone", SEEN_WITHIN);
  }
  await expect(counter(page, "Gone in 24 h")).toHaveText("1", SEEN_WITHIN);
});

test("an undo on the board gives the task back", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await deleteTask(api, project, task);
  await open(page, `${listPath(project)}/deletions`);
  await record(page, task.name).getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("status")).toContainText("Deletion undone");
  await expect(record(page, task.name)).toContainText("Undone");
  expect(((await (await api.get(taskAPI(project, task))).json()) as { status: string }).status).toBe("ACTIVE");
  await page.getByRole("navigation", { name: "State" }).getByRole("link", { name: "Failed" }).click();
  await expect(page.getByRole("heading", { name: "No deletion matches" })).toBeVisible();
  await page.getByRole("navigation", { name: "State" }).getByRole("link", { name: "Undone" }).click();
  await expect(record(page, task.name)).toBeVisible();
});

test("without JavaScript all that failed is retried by a plain form", async ({ api, sql, browserOf }) => {
  const page = await browserOf({ javaScriptEnabled: false });
  const project = await newProject(api);
  const task = await failedTask(api, sql, project, "Nightly report");
  await page.goto(`${listPath(project)}/deletions?state=FAILED`);
  await expect(record(page, task.name)).toContainText("Something still refers to the task");
  await unblock(sql, task);
  await page.getByRole("button", { name: "Retry all failed" }).click();
  await expect(page).toHaveURL(`${listPath(project)}/deletions`);
  await gone(api, project, task);
  await page.reload();
  await expect(record(page, task.name)).toContainText("Gone");
});

test("a deletion that is open in the browser ends there although the server is killed", async ({
  page,
  api,
  server,
  expectedErrors,
}) => {
  // However the browser words it that nobody answers any more.
  expectedErrors.push(/Failed to load resource: net::ERR_/);
  const project = await newProject(api, { undo_window_seconds: 2 });
  const task = await newTask(api, project, "Nightly report");
  const deletion = await deleteTask(api, project, task);
  await open(page, `${listPath(project)}/deletions/${deletion.id}`);
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await server.kill();
  await expect(page.getByRole("button", { name: "Reconnecting" })).toBeVisible();
  await server.start();
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await expect(page.getByTestId("receipt")).toContainText("Removed 1 task");
});
