// The settings of a project: details, the secret of its calls, who is told what. The server renders them.

import { expect, test } from "./fixtures.ts";
import { listPath, newProject, open } from "./support.ts";

test("details, signing secret and alerts of a project are changed on its settings page", async ({ page, api }) => {
  const project = await newProject(api);
  const projectAPI = `/api/v1/projects/${project.id}`;
  const read = async (path: string) => (await api.get(projectAPI + path)).json();
  await open(page, `${listPath(project)}/settings`);

  await page.getByLabel("Description").fill("What it is for");
  await page.getByLabel("Keep executions, in days").fill("7");
  await page.getByLabel("A deletion cancels calls in flight at once").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect
    .poll(async () => await read(""))
    .toMatchObject({ description: "What it is for", execution_days: 7, cancel_on_delete: true, undo_window_seconds: 0 });

  const before = await read("/signing-secret");
  await page.getByRole("button", { name: "Show the secret" }).click();
  await expect(page.getByLabel("Present secret")).toHaveValue(before.secret);
  await page.getByRole("link", { name: "Done" }).click();
  await page.getByRole("button", { name: "Replace the secret" }).click();
  await expect(page.getByRole("button", { name: "Forget the previous secret" })).toBeVisible();
  const after = await read("/signing-secret");
  expect(after.previous).toBe(before.secret);
  expect(after.secret).not.toBe(before.secret);
  await page.getByRole("button", { name: "Forget the previous secret" }).click();
  await expect(page.getByRole("button", { name: "Forget the previous secret" })).toBeHidden();
  expect(await read("/signing-secret")).toEqual({ secret: after.secret, previous: null });

  await page.getByLabel("Mail to").fill("ada@example.com, bob@example.com");
  await page.getByLabel("POST to").fill("https://example.com/alerts");
  await page.getByLabel("A task works again").uncheck();
  await page.getByRole("button", { name: "Save alerts" }).click();
  await expect.poll(async () => await read("/alert-settings")).toMatchObject({
    emails: ["ada@example.com", "bob@example.com"],
    webhook_url: "https://example.com/alerts",
    kinds: ["FAILURE", "MISSED", "DELETE_FAILED"],
  });
});

test("what is not allowed in settings is said and changes nothing, also without JavaScript", async ({ api, browserOf }) => {
  const project = await newProject(api);
  const page = await browserOf({ javaScriptEnabled: false });
  await page.goto(`${listPath(project)}/settings`);
  await page.getByLabel("Undo window, in seconds").fill("-1");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByText("must be between 0 and 2592000")).toBeVisible();
  await expect(page.getByLabel("Undo window, in seconds")).toHaveValue("-1");
  expect(await (await api.get(`/api/v1/projects/${project.id}`)).json()).toMatchObject({ undo_window_seconds: 0 });
});
