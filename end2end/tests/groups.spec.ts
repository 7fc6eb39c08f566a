// Task groups as people see them: made, filled, stopped, and deleted with everything in them.

import { expect, test } from "./fixtures.ts";
import { type Project, listPath, newProject, newTask, open, row, taskAPI, taskPath } from "./support.ts";

const groupsPath = (project: Project) => `${listPath(project)}/groups`;

test("a group is created, a task put into it, stopped, and deleted with its task", async ({ page, api, expectedErrors }) => {
  // A live page may ask for the group once more while it goes.
  expectedErrors.push(/409 \(Conflict/, /404 \(Not Found\).*get_fragment/);
  const project = await newProject(api, { undo_window_seconds: 600 });
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  await page.getByRole("link", { name: "Groups", exact: true }).click();
  await expect(page.getByRole("heading", { name: "No group yet" })).toBeVisible();
  await page.getByRole("link", { name: "New group" }).click();
  await page.getByLabel("Name").fill("Nightly <b>jobs</b>");
  await page.getByRole("button", { name: "Save group" }).click();
  const group = page.getByTestId("group-row");
  await expect(group).toContainText("Nightly <b>jobs</b>");
  await expect(group).toContainText("Always open");
  await expect(group.getByTestId("group-state")).toHaveText("Open");

  await open(page, `${taskPath(project, task)}/edit`);
  await page.getByLabel("Group").selectOption({ label: "Nightly <b>jobs</b> (Always open)" });
  await page.getByRole("button", { name: "Save task" }).click();
  await expect(page).toHaveURL(new RegExp(`${task.uuid}$`));
  await open(page, groupsPath(project));
  await group.getByRole("button", { name: "Stop" }).click();
  await expect(group.getByTestId("group-state")).toHaveText("Stopped by hand");
  const read = async () => (await (await api.get(taskAPI(project, task))).json()) as { state: string; next_run_at: string | null };
  await expect.poll(read).toMatchObject({ state: "NOT_RUNNING", next_run_at: null });

  await group.getByRole("link", { name: "1", exact: true }).click();
  await expect(row(page, task.name)).toContainText("Nightly <b>jobs</b> · outside its window");
  await expect(page).toHaveURL(/group=/);
  await newTask(api, project, "In no group");
  await page.getByLabel("Search tasks").fill("report");
  await page.getByLabel("Search tasks").press("Enter");
  await expect(page).toHaveURL(/group=.*/);
  await expect(page.getByTestId("task-row")).toHaveCount(1);

  await open(page, groupsPath(project));
  await group.getByRole("link", { name: "Delete…" }).click();
  await page.getByLabel("Only if it has no tasks").check();
  await page.getByRole("button", { name: "Delete group" }).click();
  await expect(page.getByText("Not empty")).toBeVisible();
  await page.getByLabel("Delete all its tasks with it").check();
  await page.getByRole("button", { name: "Delete group" }).click();
  await expect(page).toHaveURL(/deletions$/);
  await expect(page.getByText(task.name).first()).toBeVisible();
  expect((await (await api.get(taskAPI(project, task))).json()) as object).toMatchObject({ status: "PENDING_DELETE", task_group_id: null });
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a group is created after a refusal, edited and deleted", async ({ page, api }) => {
    const project = await newProject(api);
    await page.goto(`${groupsPath(project)}/new`);
    await page.getByLabel("Name").fill("Day");
    await page.getByLabel("Opens at").fill("08:00");
    await page.getByRole("button", { name: "Save group" }).click();
    await expect(page.getByText("must be HH:MM").first()).toBeVisible();
    await expect(page.getByLabel("Opens at")).toHaveValue("08:00");
    await page.getByLabel("Closes at").fill("08:01");
    await page.getByLabel("Time zone").fill("Europe/Berlin");
    await page.getByRole("button", { name: "Save group" }).click();
    const group = page.getByTestId("group-row");
    await expect(group).toContainText("08:00 to 08:01, Europe/Berlin");
    await group.getByRole("link", { name: "Edit" }).click();
    await page.getByLabel("Closes at").fill("07:00");
    await page.getByRole("button", { name: "Save group" }).click();
    await expect(group).toContainText("08:00 to 07:00 the next day, Europe/Berlin");
    await group.getByRole("link", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Delete group" }).click();
    await expect(page.getByRole("heading", { name: "No group yet" })).toBeVisible();
  });
});
