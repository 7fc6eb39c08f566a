// Answers to a request to delete that are not "scheduled", and deletions that fail.

import { expect, test } from "./fixtures.ts";
import {
  deleteTask,
  failedTask,
  gone,
  holdAnswer,
  listPath,
  newProject,
  newTask,
  open,
  openDeleteDialog,
  row,
  taskAPI,
  taskPath,
  unblock,
} from "./support.ts";

test("a task that was deleted while the dialog was open is said to be deleted already", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await deleteTask(api, project, task);
  await gone(api, project, task);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(page.getByRole("status")).toContainText("Task already deleted");
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("task-row")).toHaveCount(0);
  await page.getByRole("status").getByRole("link", { name: "View" }).click();
  await expect(page.getByTestId("receipt")).toContainText("Removed 1 task");
});

test("a task of which nothing is known is no success", async ({ page, api, sql, expectedErrors }) => {
  expectedErrors.push(/404 \(Not Found\)/, /412 \(Precondition/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await sql.query("delete from task_schedules where task_id = $1", [task.uuid]);
  await sql.query("delete from tasks where id = $1", [task.uuid]);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(page.getByRole("status")).toContainText("No such task in this project");
  await expect(page.getByRole("status")).not.toContainText("deleted already");
});

test("a task that changed in between stays, and the dialog says why", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/412 \(Precondition/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  const status = { data: { status: "DISABLED" } };
  expect((await api.patch(`${taskAPI(project, task)}/status`, status)).ok()).toBe(true);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Somebody changed it in between");
  // What is shown now is what it is now; who still means it can go on.
  await expect(dialog).toContainText("nothing is planned");
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(row(page, task.name)).toBeHidden();
});

test("a server that cannot be reached leaves the dialog open to try again", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/ERR_FAILED/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, task.name);
  await page.route("**/fn/delete_task", (route) => route.abort());
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(dialog.getByRole("alert")).toContainText("The server cannot be reached");
  await page.unroute("**/fn/delete_task");
  await dialog.getByRole("button", { name: "Try again" }).click();
  await expect(row(page, task.name)).toBeHidden();
});

test("a deletion that failed says why, and Retry ends it", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await failedTask(api, sql, project, "Nightly report");
  await open(page, listPath(project));
  const failed = row(page, task.name);
  await expect(failed.getByTestId("task-badge")).toHaveAttribute("data-status", "DELETE_FAILED");
  await expect(failed.getByTestId("task-badge")).toHaveText("Delete failed");
  await expect(failed).toContainText("Something still refers to the task while removing the task");
  await expect(page.getByRole("link", { name: "Delete failed 1" })).toBeVisible();

  await failed.getByRole("button", { name: "Retry" }).click();
  await expect(page.getByRole("status")).toContainText("Delete failed");
  await expect(failed.getByTestId("task-badge")).toHaveText("Delete failed");

  await unblock(sql, task);
  await failed.getByRole("button", { name: "Retry" }).click();
  await expect(failed).toBeHidden();
  await expect(page.getByRole("status")).toContainText("Task deleted");
});

test("the end of a Retry is told although it is seen before the answer to the Retry", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await failedTask(api, sql, project, "Nightly report");
  await open(page, listPath(project));
  const failed = row(page, task.name);
  const status = page.getByRole("status");

  const first = await holdAnswer(page, "**/fn/retry_deletion");
  await failed.getByRole("button", { name: "Retry" }).click();
  await first.sent;
  const state = async () => ((await (await api.get(taskAPI(project, task))).json()) as { status: string }).status;
  await expect.poll(state).toBe("DELETE_FAILED");
  first.release();
  await expect(status).toContainText("Delete failed");

  await unblock(sql, task);
  const second = await holdAnswer(page, "**/fn/retry_deletion");
  await failed.getByRole("button", { name: "Retry" }).click();
  await second.sent;
  await expect(failed).toBeHidden();
  second.release();
  await expect(status).toContainText("Task deleted");
  await expect(status).toContainText("“Nightly report” deleted");
});

test("the record of a deletion that failed has its error and ends as the receipt", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await failedTask(api, sql, project, "Nightly report");
  await open(page, listPath(project));
  await row(page, task.name).getByRole("link", { name: "Details" }).click();
  await expect(page.getByText("an invoice still refers to the task")).toBeVisible();
  await unblock(sql, task);
  await page.getByRole("button", { name: "Retry" }).click();
  await expect(page.getByTestId("receipt")).toContainText("Removed 1 task");
  await expect(page.getByRole("link", { name: "Show the task" })).toBeHidden();
});

test("a task that is gone has a page that says so", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/404 \(Not Found\)/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await deleteTask(api, project, task);
  await gone(api, project, task);
  expect((await page.goto(taskPath(project, task)))?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "The task was deleted" })).toBeVisible();
});
