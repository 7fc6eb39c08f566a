// Tasks that fire by their schedule, seen from the browser and from what they call; and that they stop with their deletion.

import { expect, test } from "./fixtures.ts";
import { Receiver } from "./receiver.ts";
import { listPath, newProject, newTask, open, openDeleteDialog, row, taskAPI, taskPath } from "./support.ts";

const EACH_SECOND = { schedule_config: { cron_expression: "* * * * * *", timezone: "UTC" } };

test("a task that fires each second shows its runs as they come, and nothing comes after its deletion", async ({
  page,
  api,
  server,
  expectedErrors,
}) => {
  // The page is still open when the server ends.
  expectedErrors.push(/Failed to load resource: net::ERR_/);
  await server.kill();
  await server.start({ SEXTON_ALLOW_PRIVATE_TARGETS: "true" });
  const receiver = await Receiver.start();
  try {
    const project = await newProject(api, { execution_endpoint: receiver.url });
    await newTask(api, project, "Control", EACH_SECOND);
    await open(page, `${listPath(project)}/tasks/new`);
    await page.getByLabel("Name").fill("Each second");
    await page.getByRole("textbox", { name: "Cron expression" }).fill("* * * * * *");
    await page.getByRole("button", { name: "Create task" }).click();
    await expect(page.getByRole("heading", { name: "Each second" })).toBeVisible();

    // The page that is open sees the runs arrive.
    await expect(page.getByTestId("execution-badge").filter({ hasText: "OK" })).toHaveCount(3, { timeout: 15_000 });
    expect(receiver.of("Each second").length).toBeGreaterThanOrEqual(3);

    await open(page, listPath(project));
    const dialog = await openDeleteDialog(page, "Each second");
    const answer = page.waitForResponse((response) => response.url().endsWith("/fn/delete_task"));
    await dialog.getByRole("button", { name: "Delete task" }).click();
    expect((await answer).ok()).toBe(true);
    const accepted = performance.now();
    await expect(row(page, "Each second")).toBeHidden({ timeout: 15_000 });

    // The other task goes on: seconds pass in which this one would have fired.
    const before = receiver.of("Control").length;
    await expect.poll(() => receiver.of("Control").length, { timeout: 15_000 }).toBeGreaterThanOrEqual(before + 3);
    const deletions = await (await api.get(`/api/v1/projects/${project.id}/deletions`)).json();
    const listed: string[] = deletions.data[0].in_flight;
    const late = receiver.of("Each second").filter((call) => call.at > accepted && !listed.includes(call.id));
    expect(late).toEqual([]);
  } finally {
    await receiver.stop();
  }
});

test("a run by hand goes out at once and says who asked", async ({ page, api, server, expectedErrors }) => {
  expectedErrors.push(/Failed to load resource: net::ERR_/);
  await server.kill();
  await server.start({ SEXTON_ALLOW_PRIVATE_TARGETS: "true" });
  const receiver = await Receiver.start();
  try {
    const project = await newProject(api, { execution_endpoint: receiver.url });
    const task = await newTask(api, project, "By hand");
    await open(page, taskPath(project, task));
    await page.getByRole("button", { name: "Run now" }).click();
    await expect.poll(() => receiver.of("By hand").length).toBe(1);
    const list = await (await api.get(`${taskAPI(project, task)}/executions`)).json();
    expect(list.data).toMatchObject([{ trigger: "MANUAL", requested_by: "ada@example.com" }]);
    await open(page, `${listPath(project)}/executions/${list.data[0].id}`);
    await expect(page.getByTestId("execution-badge").first()).toHaveText("OK");
    await expect(page.getByText("ada@example.com")).toBeVisible();
  } finally {
    await receiver.stop();
  }
});
