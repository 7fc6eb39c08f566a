// What people see of executions, and what they can do with them. What fires by itself is tested elsewhere.

import type { Page } from "@playwright/test";

import { expect, hydrated, test } from "./fixtures.ts";
import { ends, execution } from "./history.ts";
import { listPath, newProject, newTask, open, taskAPI, taskPath } from "./support.ts";

/** How long a change may take to a page that is open. */
const SEEN_WITHIN = { timeout: 2_000 };

const rows = (page: Page) => page.getByTestId("execution-row");
const badges = (page: Page) => page.getByTestId("execution-badge");

test("a task shows its latest executions, why one was skipped, and its last 30 days", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, taskPath(project, task));
  await expect(page.getByRole("heading", { name: "No run yet" })).toBeVisible();
  await expect(page.getByText("Nothing has ended in these days.")).toBeVisible();

  await execution(sql, project, task, { status: "SUCCESS", minutes: 30, took: 1_200 });
  await execution(sql, project, task, { status: "FAILED", minutes: 20, took: 400, error: "The endpoint answered 500.\nmore" });
  await execution(sql, project, task, { status: "SKIPPED", minutes: 10, missed: 3, error: "The run before was still going on." });
  await ends(sql, project, task, 0, 7, 2);
  await ends(sql, project, task, 3, 4, 0);
  await open(page, taskPath(project, task));
  await expect(badges(page)).toHaveText(["Skipped", "Failed", "OK"]);
  await expect(rows(page).nth(0)).toContainText("The run before was still going on.");
  await expect(rows(page).nth(0)).toContainText("and 3 more due times");
  await expect(rows(page).nth(1)).toContainText("The endpoint answered 500.");
  await expect(rows(page).nth(1)).not.toContainText("more");
  await expect(rows(page).nth(2)).toContainText("1.2 s");
  await expect(rows(page).nth(2).getByRole("link")).toHaveText("30 min ago");
  await expect(page.getByRole("img", { name: "Executions by the day" })).toHaveAccessibleDescription(/11 OK, 2 failed/);
  await expect(page.getByRole("table", { name: "Executions by the day" }).getByRole("row")).toHaveCount(31);

  await page.getByRole("link", { name: "All executions" }).click();
  await expect(page.getByText("Executions of").getByRole("link", { name: task.name })).toBeVisible();
  await expect(rows(page)).toHaveCount(3);
});

test("executions of a project are filtered by outcome and day and paged, all in the address", async ({ page, api, sql, expectedErrors }) => {
  expectedErrors.push(/400 \(Bad Request/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  const other = await newTask(api, project, "Weekly report");
  for (let minute = 1; minute <= 55; minute += 1) {
    await execution(sql, project, task, { status: "SUCCESS", minutes: 4_400 + minute, took: 10 });
  }
  await execution(sql, project, other, { status: "FAILED", minutes: 1, took: 10, error: "It hung up." });
  await open(page, listPath(project));
  await page.getByRole("link", { name: "Executions", exact: true }).click();
  await expect(page).toHaveTitle(/^Executions of /);
  await expect(rows(page)).toHaveCount(50);
  await expect(rows(page).first()).toContainText("Weekly report");
  await page.getByRole("link", { name: "Next page" }).click();
  await expect(rows(page)).toHaveCount(6);

  await page.getByRole("link", { name: "Failed", exact: true }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole("link", { name: "Failed", exact: true })).toHaveAttribute("aria-current", "true");
  await page.getByLabel("Day (UTC)").fill("2020-02-29");
  await page.getByRole("button", { name: "Show" }).click();
  await expect(page.getByRole("heading", { name: "No execution matches" })).toBeVisible();
  expect(new URL(page.url()).search).toBe("?status=FAILED&date=2020-02-29");

  await page.goto(`${listPath(project)}/executions?date=2020-02-30`);
  await expect(page.getByRole("alert")).toContainText("The request is malformed");
});

test("an execution shows what was sent, what was answered, and its log by level", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  const id = await execution(sql, project, task, {
    status: "FAILED",
    minutes: 5,
    took: 840,
    error: "The endpoint answered 500.",
    response: {
      status: 500,
      content_type: "text/plain",
      body: "<b>out of paper</b>",
      is_truncated: true,
      first_byte_ms: 12,
      total_ms: 840,
    },
    logs: [["info", "begun"], ["warn", "little paper"], ["error", "no paper"]],
  });
  await open(page, taskPath(project, task));
  await rows(page).getByRole("link").click();
  await expect(page.getByRole("heading", { name: `Execution of ${task.name}`, level: 1 })).toBeVisible();
  await expect(badges(page)).toHaveText("Failed");
  for (const text of ["POST http://127.0.0.1:9/hook", id, "1 of 3", "node-7", "Its schedule", "text/plain", "12 ms", "Only the first 64 kB are kept."]) {
    await expect(page.getByRole("main")).toContainText(text);
  }
  await expect(page.getByLabel("Body of the answer")).toHaveText("<b>out of paper</b>");
  const lines = page.locator("[data-level]");
  await expect(lines).toHaveCount(3);
  await page.getByRole("navigation", { name: "Level" }).getByRole("link", { name: "Errors", exact: true }).click();
  await expect(lines).toHaveCount(1);
  await expect(lines).toContainText("no paper");
  expect(new URL(page.url()).search).toBe("?level=error");
});

test("the log of a running execution grows while one looks at it", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report", { completion: "CALLBACK" });
  const id = await execution(sql, project, task, { status: "RUNNING", minutes: 1 });
  const { key } = (await (await api.post(`/api/v1${listPath(project)}/api-keys`, { data: { name: "Printer" } })).json()) as { key: string };
  const headers = { authorization: `Bearer ${key}` };
  await open(page, `${listPath(project)}/executions/${id}`);
  await expect(page.getByText("No line.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  for (const message of ["begun", "<i>half</i>", "nearly there"]) {
    const line = { data: { message, level: "info" }, headers };
    expect((await api.post(`/api/v1/executions/${id}/logs`, line)).status()).toBe(200);
  }
  await expect(page.locator("[data-level]")).toContainText(["begun", "<i>half</i>", "nearly there"], SEEN_WITHIN);
  const end = { data: { status: "FAILED", error: "No paper." }, headers };
  expect((await api.patch(`/api/v1/executions/${id}/status`, end)).status()).toBe(200);
  await expect(badges(page)).toHaveText("Failed", SEEN_WITHIN);
  await expect(page.getByRole("main")).toContainText("No paper.");
});

test("a running execution is cancelled, and everyone who looks sees it", async ({ page, api, sql, browserOf }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  const id = await execution(sql, project, task, { status: "RUNNING", minutes: 1 });
  const other = await browserOf({});
  await open(other, `${listPath(project)}/executions/${id}`);
  await expect(badges(other)).toHaveText("Running");
  await expect(other.getByRole("button", { name: "Live" })).toBeVisible();
  await open(page, taskPath(project, task));
  await rows(page).getByRole("button", { name: "Cancel" }).click();
  await expect(badges(page)).toHaveText("Cancelled", SEEN_WITHIN);
  await expect(badges(other)).toHaveText("Cancelled", SEEN_WITHIN);
  await expect(other.getByRole("button", { name: "Cancel" })).toHaveCount(0);
  await expect(other.getByRole("button", { name: "Run again" })).toBeVisible();
});

test("a task is run now, watched to its end without a reload, and run again", async ({ page, api }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report", { max_attempts: 1 });
  await open(page, taskPath(project, task));
  await page.getByRole("button", { name: "Run now" }).click();
  await expect(page.getByRole("heading", { name: `Execution of ${task.name}` })).toBeVisible();
  // Nobody listens there.
  await expect(badges(page)).toHaveText("Failed");
  const first = page.url();
  await page.getByRole("button", { name: "Run again" }).click();
  await expect(page).not.toHaveURL(first);
  await expect(badges(page)).toHaveText("Failed");
  await page.getByRole("main").getByRole("link", { name: task.name, exact: true }).click();
  await expect(rows(page)).toHaveCount(2);
});

test("what is refused is said, and a task that is disabled says why it cannot be run", async ({ page, api, sql, expectedErrors }) => {
  expectedErrors.push(/409 \(Conflict/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  const id = await execution(sql, project, task, { status: "RUNNING", minutes: 1 });
  // What is read as soon as the page is connected must not come between.
  const read = page.waitForResponse(/get_task/);
  await open(page, taskPath(project, task));
  await read;
  await page.getByRole("button", { name: "Live" }).click();
  await expect(page.getByRole("button", { name: "Paused" })).toBeVisible();
  await sql.query("update executions set status = 'SUCCESS', finished_at = now() where id = $1", [id]);
  await rows(page).getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByTestId("toast")).toContainText("The execution has ended");
  expect((await api.patch(`${taskAPI(project, task)}/status`, { data: { status: "DISABLED" } })).ok()).toBe(true);
  await open(page, taskPath(project, task));
  await expect(page.getByRole("button", { name: "Run now" })).toBeDisabled();
  await expect(page.getByRole("button", { name: "Run now" })).toHaveAccessibleDescription("The task is disabled.");
});

test("the focus stays where it is when what surrounds it is rendered anew", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await open(page, taskPath(project, task));
  const button = page.getByRole("button", { name: "Run now" });
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await button.focus();
  await execution(sql, project, task, { status: "SUCCESS", minutes: 1, took: 5 });
  await newTask(api, project, "Whose making lets pages read again");
  await expect(rows(page)).toHaveCount(1);
  await expect(button).toBeFocused();
});

test("a day that is being chosen is not lost to what arrives", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await execution(sql, project, task, { status: "SUCCESS", minutes: 2, took: 5 });
  await open(page, `${listPath(project)}/executions`);
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await page.getByLabel("Day (UTC)").fill("2026-11-24");
  await execution(sql, project, task, { status: "SUCCESS", minutes: 1, took: 5 });
  const read = page.waitForResponse(/get_fragment/);
  await newTask(api, project, "Whose making lets pages read again");
  await read;
  await expect(page.getByLabel("Day (UTC)")).toHaveValue("2026-11-24");
  await page.getByRole("button", { name: "Show" }).focus();
  await expect(rows(page)).toHaveCount(2);
});

test("without JavaScript a task is run and an execution cancelled", async ({ browserOf, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report", { max_attempts: 1 });
  const id = await execution(sql, project, task, { status: "RUNNING", minutes: 1 });
  const page = await browserOf({ javaScriptEnabled: false });
  await page.goto(`${listPath(project)}/executions/${id}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(badges(page)).toHaveText("Cancelled");
  await page.getByRole("button", { name: "Run again" }).click();
  await expect(page).not.toHaveURL(new RegExp(id));
  await expect(page.getByText("By hand")).toBeVisible();
  await page.goto(taskPath(project, task));
  await expect(rows(page)).toHaveCount(2);
  await expect(rows(page).first().getByRole("link").locator("time")).toContainText("UTC");
});

test("a project has statistics, and its card says what failed in 24 hours", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const task = await newTask(api, project, "Nightly report");
  await ends(sql, project, task, 0, 1_234, 2);
  await ends(sql, project, task, 4, 10, 5);
  await open(page, `${listPath(project)}/statistics`);
  await expect(page.getByLabel("Executions of the last 30 days")).toContainText("1,244");
  await expect(page.getByRole("img", { name: "Executions by the day" })).toHaveAccessibleDescription(/1244 OK, 7 failed/);
  await page.goto("/projects");
  await hydrated(page);
  const card = page.getByRole("listitem").filter({ has: page.getByRole("link", { name: project.name }) }).last();
  await expect(card).toContainText("2 failed in 24 h");
});
