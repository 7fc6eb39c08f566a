// Making and changing projects and tasks in the browser.

import { randomBytes } from "node:crypto";

import { expect, test } from "./fixtures.ts";
import { choose, listPath, newProject, newTask, open, row, taskPath } from "./support.ts";

test("a project and a task are created in the browser", async ({ page }) => {
  const name = `Billing ${randomBytes(4).toString("hex")}`;
  await open(page, "/projects");
  await page.getByRole("link", { name: "New project" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Execution endpoint").fill("https://billing.example.com/hook");
  await page.getByRole("button", { name: "Create project" }).click();

  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
  await expect(page.getByRole("heading", { name: "No task yet" })).toBeVisible();
  await page.getByRole("link", { name: "New task" }).click();
  await page.getByLabel("Name").fill("Nightly report");
  await page.getByRole("textbox", { name: "Cron expression" }).fill("30 2 * * *");
  await page.getByRole("combobox", { name: "Time zone" }).fill("Europe/Berlin");
  await page.getByRole("button", { name: "Create task" }).click();

  await expect(page.getByRole("heading", { name: "Nightly report", level: 1 })).toBeVisible();
  await expect(page.getByTestId("task-badge")).toHaveText("Active");
  await expect(page.getByText("30 2 * * * Europe/Berlin")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: ", 02:30" })).toHaveCount(10);
});

test("the schedule in words and the next runs follow what is typed", async ({ page, api }) => {
  const project = await newProject(api);
  await open(page, `${listPath(project)}/tasks/new`);
  const words = page.getByTestId("schedule-words");
  await page.getByRole("textbox", { name: "Cron expression" }).fill("*/15 * * * *");
  await expect(words).toContainText("15");
  await page.getByRole("textbox", { name: "Cron expression" }).fill("45 13 * * *");
  await expect(words).toContainText("13:45");
  await expect(page.getByRole("listitem").filter({ hasText: ", 13:45" })).toHaveCount(10);
  await page.getByLabel("Every so often in a daily window").check();
  await expect(words).toContainText("09:00");
  await expect(page.getByRole("textbox", { name: "Cron expression" })).toBeHidden();
  await page.getByLabel("Once").check();
  await expect(page.getByLabel("Moment")).toBeVisible();
});

test("what is wrong with a task stands beside its field, and what was typed stays", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/422 \(Unprocessable/);
  const project = await newProject(api);
  await open(page, `${listPath(project)}/tasks/new`);
  const name = page.getByLabel("Name");
  const cron = page.getByRole("textbox", { name: "Cron expression" });
  const zone = page.getByRole("combobox", { name: "Time zone" });
  const submit = page.getByRole("button", { name: "Create task" });

  await name.fill("x".repeat(256));
  await submit.click();
  await expect(name).toHaveAccessibleDescription(/255/);
  await expect(name).toHaveAttribute("aria-invalid", "true");
  await expect(name).toHaveValue("x".repeat(256));

  await name.fill("Nightly report");
  await cron.fill("99 99 99 99 99");
  await submit.click();
  await expect(cron).toHaveAttribute("aria-invalid", "true");
  await expect(cron).toHaveValue("99 99 99 99 99");
  await expect(name).not.toHaveAttribute("aria-invalid");

  await cron.fill("30 2 * * *");
  await zone.fill("America/Honolulu");
  await submit.click();
  await expect(zone).toHaveAttribute("aria-invalid", "true");
  await expect(zone).toHaveValue("America/Honolulu");
  await expect(page.getByRole("alert")).toContainText("One field below says why");

  await zone.fill("Pacific/Honolulu");
  await submit.click();
  await expect(page.getByRole("heading", { name: "Nightly report", level: 1 })).toBeVisible();
});

test("a project with a name that is taken is refused beside the field", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/409 \(Conflict/);
  const project = await newProject(api);
  await open(page, "/projects/new");
  await page.getByLabel("Name").fill(project.name);
  await page.getByLabel("Execution endpoint").fill("https://example.com/hook");
  await page.getByRole("button", { name: "Create project" }).click();
  await expect(page.getByRole("alert")).toContainText("The name is taken");
  await expect(page.getByLabel("Name")).toHaveValue(project.name);
});

test("a task is edited, and what the form does not change stays", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report", { metadata: { team: "finance" } });
  await open(page, listPath(project));
  await choose(page, task.name, "Edit");
  await page.getByLabel("Name").fill("Weekly report");
  await page.getByRole("textbox", { name: "Cron expression" }).fill("30 2 * * MON");
  await page.getByRole("button", { name: "Save task" }).click();
  await expect(page.getByRole("heading", { name: "Weekly report", level: 1 })).toBeVisible();
  await expect(page.getByText("30 2 * * MON Europe/Berlin")).toBeVisible();
  await expect(page.getByLabel("Metadata")).toContainText('"team": "finance"');
});

test("somebody else's change is not overwritten by a form that was open before", async ({ page, api, expectedErrors }) => {
  expectedErrors.push(/412 \(Precondition/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, `${taskPath(project, task)}/edit`);
  const status = { data: { status: "DISABLED" } };
  expect((await api.patch(`/api/v1/projects/${project.id}/tasks/${task.uuid}/status`, status)).ok()).toBe(true);
  await page.getByLabel("Description").fill("Mine");
  await page.getByRole("button", { name: "Save task" }).click();
  await expect(page.getByRole("alert")).toContainText("Changed in between");
  await expect(page.getByLabel("Description")).toHaveValue("Mine");
});

test("a task is disabled and enabled from its row and from its page", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const badge = row(page, task.name).getByTestId("task-badge");
  await choose(page, task.name, "Disable");
  await expect(badge).toHaveText("Disabled");
  await expect(row(page, task.name).getByLabel(`Actions for ${task.name}`)).toBeFocused();
  await expect(page.getByRole("link", { name: "Disabled 1" })).toBeVisible();
  await row(page, task.name).getByRole("link", { name: task.name }).click();
  await expect(page.getByText("It does not run.")).toBeVisible();
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page.getByTestId("task-badge")).toHaveText("Active");
  await expect(page.getByRole("button", { name: "Disable" })).toBeFocused();
});

test("a list is searched and filtered, and says what to do when nothing matches", async ({ page, api }) => {
  const project = await newProject(api);
  await newTask(api, project, "Nightly report");
  await newTask(api, project, "Weekly report", { status: "DISABLED" });
  await open(page, listPath(project));
  await page.getByRole("link", { name: "Disabled 1" }).click();
  await expect(page.getByTestId("task-row")).toHaveCount(1);
  await page.getByRole("searchbox", { name: "Search tasks" }).fill("night");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "No task matches" })).toBeVisible();
  await page.getByRole("link", { name: "Show all tasks" }).click();
  await expect(page.getByTestId("task-row")).toHaveCount(2);
});

test("a menu closes when something else is clicked and with Escape", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, listPath(project));
  const actions = row(page, task.name).getByLabel(`Actions for ${task.name}`);
  const entry = row(page, task.name).getByText("Delete task…");
  await actions.click();
  await expect(entry).toBeVisible();
  await page.getByRole("heading", { name: project.name }).click();
  await expect(entry).toBeHidden();
  await actions.click();
  await page.keyboard.press("Escape");
  await expect(entry).toBeHidden();
  await expect(actions).toBeFocused();
});
