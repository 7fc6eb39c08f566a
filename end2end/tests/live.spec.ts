// What others see, and what a page does while the server or its database is away.

import { expect, test } from "./fixtures.ts";
import { deleteTask, gone, listPath, newProject, newTask, open, openDeleteDialog, row, taskAPI } from "./support.ts";

/** How long a change may take to another browser. */
const SEEN_WITHIN = { timeout: 2_000 };

test("another browser sees the badge and the end of a deletion without a reload", async ({ page, api, browserOf }) => {
  const project = await newProject(api, { undo_window_seconds: 1 });
  const task = await newTask(api, project, "Nightly report");
  const other = await browserOf({});
  for (const viewer of [page, other]) await open(viewer, listPath(project));
  await expect(other.getByRole("button", { name: "Live" })).toBeVisible();

  const dialog = await openDeleteDialog(page, task.name);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  const badge = row(other, task.name).getByTestId("task-badge");
  await expect(badge).toHaveAttribute("data-status", "PENDING_DELETE", SEEN_WITHIN);
  await gone(api, project, task);
  await expect(row(other, task.name)).toBeHidden(SEEN_WITHIN);
  // Only who asked is told.
  await expect(other.getByTestId("toast")).toHaveCount(0);
});

test("another browser sees new tasks and changed ones", async ({ page, api }) => {
  const project = await newProject(api);
  await open(page, listPath(project));
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  const task = await newTask(api, project, "Nightly report");
  await expect(row(page, task.name)).toBeVisible(SEEN_WITHIN);
  await expect(page.getByRole("heading", { name: "No task yet" })).toBeHidden();
  expect((await api.patch(`${taskAPI(project, task)}/status`, { data: { status: "DISABLED" } })).ok()).toBe(true);
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Disabled", SEEN_WITHIN);
});

test("live updates can be paused, and are caught up with", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  await page.getByRole("button", { name: "Live" }).click();
  await expect(page.getByRole("button", { name: "Paused" })).toBeVisible();
  await deleteTask(api, project, task);
  await gone(api, project, task);
  await expect(row(page, task.name)).toBeVisible();
  await page.getByRole("button", { name: "Paused" }).click();
  await expect(row(page, task.name)).toBeHidden();
});

test("a page recovers from a restart of the server and shows the truth", async ({ page, api, server, expectedErrors }) => {
  // However the browser words it that nobody answers any more.
  expectedErrors.push(/Failed to load resource: net::ERR_/);
  const project = await newProject(api, { undo_window_seconds: 1 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await deleteTask(api, project, task);
  await server.kill();
  await expect(page.getByRole("button", { name: "Reconnecting" })).toBeVisible();
  await server.start();
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await expect(row(page, task.name)).toBeHidden();
  await gone(api, project, task);
});

test("a page whose stream is refused waits as it is told to, and still shows what changes", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/status of 429/);
  // The backstop reads every thirty seconds, whatever becomes of the stream.
  test.setTimeout(90_000);
  const project = await newProject(api);
  const opened: number[] = [];
  await page.route("**/events", async (route) => {
    // What asks why with HEAD is no attempt to open the stream.
    if (route.request().method() === "GET") opened.push(performance.now());
    await route.fulfill({ status: 429, headers: { "retry-after": "4" } });
  });
  await open(page, listPath(project));
  await expect(page.getByRole("button", { name: "Reconnecting" })).toBeVisible();
  const task = await newTask(api, project, "Nightly report");
  await expect(row(page, task.name)).toBeVisible({ timeout: 40_000 });
  expect(opened.length).toBeGreaterThan(2);
  const waited = opened.slice(1).map((at, index) => at - (opened[index] ?? at));
  expect(Math.min(...waited)).toBeGreaterThan(3_900);
  await page.unroute("**/events");
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
});

test("an open page survives that the database is away", async ({ page, api, database, server, expectedErrors }) => {
  expectedErrors.push(/503 \(Service Unavailable\)/);
  test.slow();
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await database.away();
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Nothing has changed");
  await database.back();
  await server.ready();
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Active");
  await dialog.getByRole("button", { name: "Try again" }).click();
  await expect(row(page, task.name)).toBeHidden();
});

test("a page that the database cannot give says so and comes back by itself", async ({
  page,
  api,
  database,
  expectedErrors,
}) => {
  expectedErrors.push(/503 \(Service Unavailable\)/);
  test.slow();
  const project = await newProject(api);
  await newTask(api, project, "Nightly report");
  await database.away();
  expect((await page.goto(listPath(project)))?.status()).toBe(503);
  await expect(page.getByRole("heading", { name: "Temporarily unavailable" })).toBeVisible();
  await expect(page.getByText("This page is tried again by itself.")).toBeVisible();
  await database.back();
  await expect(row(page, "Nightly report")).toBeVisible();
});

test("a page that the database cannot give is there after Try again", async ({
  browserOf,
  api,
  database,
  server,
  expectedErrors,
}) => {
  expectedErrors.push(/503 \(Service Unavailable\)/);
  const page = await browserOf({ javaScriptEnabled: false });
  const project = await newProject(api);
  await newTask(api, project, "Nightly report");
  await database.away();
  expect((await page.goto(listPath(project)))?.status()).toBe(503);
  await database.back();
  await server.ready();
  await page.getByRole("link", { name: "Try again" }).click();
  await expect(row(page, "Nightly report")).toBeVisible();
});
