// The deletion of a project as people see it: asked for with its name typed, and watched until it is gone.

import { expect, test } from "./fixtures.ts";
import { block, listPath, newProject, newTask, open, taskAPI, unblock } from "./support.ts";

test("a project is deleted after its name is typed, and leaves the list when its last task is gone", async ({
  page,
  api,
  sql,
  browserOf,
  expectedErrors,
}) => {
  expectedErrors.push(/422 \(Unprocessable/, /404 \(Not Found/);
  const project = await newProject(api, { undo_window_seconds: 600 });
  const held = await newTask(api, project, "Held back");
  const other = await newTask(api, project, "Nightly report");
  await block(sql, held);
  const watcher = await browserOf({});
  await open(watcher, "/projects");
  const card = watcher.getByTestId("project-card").filter({ hasText: project.name });
  await expect(card).toBeVisible();

  await open(page, `${listPath(project)}/settings`);
  await page.getByRole("link", { name: "Delete project…" }).click();
  await expect(page.getByRole("heading", { name: `Delete “${project.name}”` })).toBeVisible();
  await expect(page.getByText("Tasks that go")).toBeVisible();
  await page.getByLabel("Type the name of the project").fill("Another");
  await page.getByRole("button", { name: "Delete project" }).click();
  await expect(page.getByText(`type the name of the project, "${project.name}"`)).toBeVisible();
  await page.getByLabel("Type the name of the project").fill(project.name);
  await page.getByRole("button", { name: "Delete project" }).click();
  await expect(page).toHaveURL(/\/projects$/);
  await expect(card.getByTestId("task-badge")).toHaveText("Pending delete");

  await expect.poll(async () => (await api.get(taskAPI(project, other))).status()).toBe(404);
  expect((await api.post(`/api/v1/projects/${project.id}/tasks`, { data: {} })).ok()).toBe(false);
  await card.getByRole("link", { name: "Pending delete" }).click();
  await expect(watcher.getByText("of its tasks could not be deleted")).toBeVisible();
  await unblock(sql, held);
  await api.delete(`/api/v1/projects/${project.id}`);
  await expect(watcher.getByRole("heading", { name: "No such project" })).toBeVisible();
  await open(watcher, "/projects");
  await expect(watcher.getByText(project.name)).toBeHidden();
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("an empty project is deleted with two clicks", async ({ page, api }) => {
    const project = await newProject(api);
    await page.goto(`${listPath(project)}/settings`);
    await page.getByRole("link", { name: "Delete project…" }).click();
    await page.getByRole("button", { name: "Delete project" }).click();
    await expect(page).toHaveURL(/\/projects$/);
    await expect.poll(async () => (await api.get(`/api/v1/projects/${project.id}`)).status()).toBe(404);
  });
});
