// Deleting a task in the browser, and undoing it.

import type { Page } from "@playwright/test";

import { expect, test } from "./fixtures.ts";
import { type Task, gone, holdAnswer, listPath, newProject, newTask, open, openDeleteDialog, row, taskPath } from "./support.ts";

const SHOWN_WITHIN_MS = 300;

test("the dialog says what goes, begins on Cancel and closes with Escape", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await expect(dialog).toContainText("It stops now");
  await expect(dialog).toContainText("for 10 min");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(row(page, task.name).getByLabel(`Actions for ${task.name}`)).toBeFocused();
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Active");
});

test("a task is deleted from the list without a reload", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 1 });
  for (const name of ["First", "Second", "Third"]) await newTask(api, project, name);
  await open(page, listPath(project));
  await page.evaluate(() => Object.assign(window, { stayed: true }));
  const dialog = await openDeleteDialog(page, "Second");
  const release = await hold(page, "**/fn/delete_task");
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(dialog.getByRole("button", { name: "Scheduling deletion…" })).toBeDisabled();
  await expect(row(page, "Second").getByTestId("task-badge")).toHaveText("Active");
  release();

  const badge = row(page, "Second").getByTestId("task-badge");
  await expect(badge).toHaveAttribute("data-status", "PENDING_DELETE");
  await expect(badge).toHaveText("Pending delete");
  await expect(dialog).toBeHidden();
  const status = page.getByRole("status");
  await expect(status).toContainText("Deletion scheduled");
  await expect(status.getByRole("button", { name: "Undo" })).toBeVisible();
  await expect(status.getByRole("link", { name: "View" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Deleting 1" })).toBeVisible();
  await expect(row(page, "Second").getByRole("link", { name: "Second" })).toBeFocused();

  await expect(row(page, "Second")).toBeHidden();
  await expect(status).toContainText("Task deleted");
  await expect(status).toContainText("“Second” deleted");
  await expect(row(page, "Third").getByRole("link", { name: "Third" })).toBeFocused();
  await expect(page.getByRole("link", { name: "All 2" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Deleting 0" })).toBeVisible();
  expect(await page.evaluate(() => "stayed" in window)).toBe(true);
});

test("the end of a deletion is told although its row leaves before the answer to the request", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  const answer = await holdAnswer(page, "**/fn/delete_task");
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await answer.sent;
  await expect(page.locator(`[data-task="${task.uuid}"]`)).toHaveCount(0);
  answer.release();
  await expect(page.getByTestId("toast")).toContainText("Task deleted");
});

test("the end of a deletion is told on the list although the task was gone before the list came", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, `${taskPath(project, task)}/delete`);
  const answer = await holdAnswer(page, "**/fn/delete_task");
  await page.getByRole("button", { name: "Delete task" }).click();
  await answer.sent;
  await gone(api, project, task);
  answer.release();
  await expect(page.getByRole("heading", { name: "No task yet" })).toBeVisible();
  await expect(page.getByTestId("toast")).toContainText("Task deleted");
});

test("the badge is there soon after the answer", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  const shown = badgeShown(page, task);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  expect((await shown) - (await answeredAt(page))).toBeLessThan(SHOWN_WITHIN_MS);
});

test("View opens the record, which is the receipt once the task is gone", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await page.getByRole("status").getByRole("link", { name: "View" }).click();
  await expect(page.getByRole("heading", { name: `Deletion of ${task.name}` })).toBeVisible();
  await expect(page.getByTestId("receipt")).toHaveText("Removed 1 task, 0 runs, 0 log lines");
  await expect(page.getByRole("status").getByRole("button", { name: "Undo" })).toBeHidden();
  await page.getByRole("link", { name: project.name }).click();
  await expect(page.getByRole("heading", { name: "No task yet" })).toBeVisible();
  await page.getByRole("navigation", { name: "Project" }).getByRole("link", { name: "Deletions" }).click();
  await expect(page.getByTestId("deletion-row").filter({ hasText: task.name })).toContainText("Gone");
});

test("the last task of a list leaves an empty list that says what to do", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(page.getByRole("heading", { name: "No task yet" })).toBeVisible();
  await expect(page.getByRole("main")).toBeFocused();
});

test("a deletion is undone from the toast", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(row(page, task.name)).toContainText("No further runs");
  await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("status")).toContainText("Deletion undone");
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Active");
  await expect(row(page, task.name).getByRole("cell").nth(3)).toContainText(/^in \d+ /);
  await expect(row(page, task.name).getByRole("link", { name: task.name })).toBeFocused();
});

test("a deletion is undone from the badge", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await api.delete(`/api/v1/projects/${project.id}/tasks/${task.uuid}`);
  await open(page, listPath(project));
  const undo = row(page, task.name).getByRole("button", { name: "Undo" });
  await expect(undo).toHaveText(/Undo\(\d+ min\)/);
  await undo.click();
  await expect(row(page, task.name).getByTestId("task-badge")).toHaveText("Active");
  await expect(row(page, task.name).getByRole("cell").nth(3)).toContainText(/^in \d+ /);
  await expect(page.getByRole("link", { name: "Deleting 0" })).toBeVisible();
});

test("a task is deleted on its page, which says so and leads to the receipt", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/404 \(Not Found\).*get_task/);
  const project = await newProject(api, { undo_window_seconds: 1 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, taskPath(project, task));
  await page.getByRole("link", { name: "Delete task…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete task" }).click();
  await expect(page.getByTestId("task-badge")).toHaveText("Pending delete");
  await expect(page.getByRole("heading", { name: "Task deleted" })).toBeVisible();
  await page.getByRole("link", { name: "View the receipt" }).click();
  await expect(page.getByTestId("receipt")).toContainText("Removed 1 task");
});

test("toasts of several deletions stand beside each other", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  for (const name of ["First", "Second"]) await newTask(api, project, name);
  await open(page, listPath(project));
  for (const name of ["First", "Second"]) {
    const dialog = await openDeleteDialog(page, name);
    await dialog.getByRole("button", { name: "Delete task" }).click();
    await expect(page.getByTestId("toast").filter({ hasText: `“${name}”` })).toBeVisible();
  }
  await expect(page.getByTestId("toast")).toHaveCount(2);
  await page.getByTestId("toast").filter({ hasText: "“First”" }).getByRole("button", { name: "Undo" }).click();
  await expect(row(page, "First").getByTestId("task-badge")).toHaveText("Active");
  await expect(row(page, "Second").getByTestId("task-badge")).toHaveText("Pending delete");
});

test("a task with a long history is deleted only when its name is typed", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report (v2)");
  await sql.query(
    `insert into executions (id, task_id, project_id, status, trigger, scheduled_at, finished_at)
     select gen_random_uuid(), $1, $2, 'SUCCESS', 'SCHEDULED', now() - make_interval(mins => n), now()
     from generate_series(1, 1001) n`,
    [task.uuid, project.id],
  );
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await expect(dialog).toContainText("1,001 runs");
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(dialog).toBeVisible();
  await dialog.getByLabel("Type the task's name").fill(task.name);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(row(page, task.name)).toBeHidden();
  await gone(api, project, task);
});

/** Lets requests wait until the returned function is called. */
async function hold(page: Page, url: string): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(url, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** When the badge of a pending deletion appears, on the page's clock. */
function badgeShown(page: Page, task: Task): Promise<number> {
  const selector = `[data-task="${task.uuid}"] [data-status="PENDING_DELETE"]`;
  const look = (selector: string) =>
    new Promise<number>((resolve) => {
      new MutationObserver(() => {
        if (document.querySelector(selector)) resolve(performance.now());
      }).observe(document.body, { childList: true, subtree: true, attributes: true });
    });
  return page.evaluate(look, selector);
}

/** When the last byte of the answer to the request to delete was there, on the page's clock. */
async function answeredAt(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const requests = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    return requests.find((request) => request.name.endsWith("/fn/delete_task"))?.responseEnd ?? Number.NaN;
  });
}
