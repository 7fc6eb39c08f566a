// Texts of others stay texts.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "./fixtures.ts";
import { execution } from "./history.ts";
import { deleteTask, failedTask, listPath, newProject, newTask, open, openDeleteDialog, taskPath } from "./support.ts";

const EVIL = "</textarea><script>window.x=1</script><img src=x onerror=window.x=1>";

for (const javaScriptEnabled of [true, false]) {
  const way = javaScriptEnabled ? "with JavaScript" : "without JavaScript";

  test(`a name, a description and metadata with markup are shown as text ${way}`, async ({ browserOf, api, sql }) => {
    const name = `${EVIL} ${Date.now()}`;
    const project = await newProject(api, { name, description: EVIL, undo_window_seconds: 600 });
    const task = await newTask(api, project, EVIL, { description: EVIL, metadata: { note: EVIL } });
    const pending = await newTask(api, project, `${EVIL} pending`, { description: EVIL });
    const deletion = await deleteTask(api, project, pending);
    const run = await execution(sql, project, task, {
      status: "FAILED",
      minutes: 1,
      took: 5,
      error: EVIL,
      response: { status: 500, content_type: EVIL, body: EVIL, is_truncated: false, first_byte_ms: 1, total_ms: 2 },
      logs: [["error", EVIL]],
    });
    await sql.query(
      `insert into personal_tokens (id, user_id, name, hash, hint)
       select gen_random_uuid(), id, $1, sha256(gen_random_uuid()::text::bytea), 'sxt_' from users where email = 'ada@example.com'`,
      [EVIL],
    );
    await api.post(`/api/v1/projects/${project.id}/api-keys`, { data: { name: EVIL } });
    await api.post(`/api/v1/projects/${project.id}/task-groups`, { data: { name: EVIL } });
    const immediate = await newProject(api, { name: `${name} failed` });
    await failedTask(api, sql, immediate, EVIL);
    const page = await browserOf({ javaScriptEnabled });
    const list = listPath(project);
    const paths = [
      "/projects",
      list,
      `${list}?deletion=${deletion.id}`,
      `${list}?search=${encodeURIComponent(EVIL)}`,
      `${list}/settings`,
      `${list}/groups`,
      `${list}/audit`,
      "/account",
      "/accounts",
      "/audit",
      `/login?email=${encodeURIComponent(EVIL)}&next=${encodeURIComponent(EVIL)}`,
      `/login?link=${encodeURIComponent(EVIL)}`,
      "/deletions",
      `${list}/deletions`,
      `${list}/deletions/${deletion.id}`,
      taskPath(project, task),
      `${list}/executions`,
      `${list}/executions?task=${task.uuid}`,
      `${list}/executions/${run}`,
      `${list}/executions/${run}?level=error`,
      `${list}/statistics`,
      `${taskPath(project, task)}/edit`,
      `${taskPath(project, task)}/delete`,
      listPath(immediate),
    ];
    test.setTimeout(30_000 + 10_000 * paths.length);
    for (const path of paths) {
      // Signing in is a document of its own, without any program.
      const comesAlive = javaScriptEnabled && !path.startsWith("/login");
      await (comesAlive ? open(page, path) : page.goto(path));
      const html = await page.content();
      expect(html, path).not.toContain("<script>window.x");
      expect(html, path).not.toContain("<img src=");
      expect(await page.evaluate(() => "x" in window), path).toBe(false);
    }
    await page.goto(`${taskPath(project, task)}/edit`);
    await expect(page.getByLabel("Name")).toHaveValue(EVIL);
    await expect(page.getByLabel("Metadata")).toHaveValue(JSON.stringify({ note: EVIL }));
    await page.goto(taskPath(project, task));
    await expect(page.getByRole("heading", { name: EVIL })).toBeVisible();
    await expect(page.getByLabel("Metadata")).toContainText(EVIL);
  });
}

test("the dialog and the toast show markup as text", async ({ page, api }) => {
  const project = await newProject(api, { undo_window_seconds: 600 });
  await newTask(api, project, EVIL);
  await open(page, listPath(project));
  const dialog = await openDeleteDialog(page, EVIL);
  await dialog.getByRole("button", { name: "Delete task" }).click();
  await expect(page.getByTestId("toast")).toContainText(EVIL);
  expect(await page.evaluate(() => "x" in window)).toBe(false);
});

test("a refusal in an address is shown as text and leads nowhere", async ({ browserOf, api }) => {
  const project = await newProject(api);
  const refusal = { kind: "validation-failed", detail: EVIL, errors: [], see: "javascript:window.x=1" };
  const page = await browserOf({ javaScriptEnabled: false });
  await page.goto(`${listPath(project)}/tasks/new?error=${encodeURIComponent(JSON.stringify(refusal))}&metadata=${encodeURIComponent(EVIL)}`);
  await expect(page.getByRole("alert")).toContainText(EVIL);
  expect(await page.content()).not.toContain("<script>window.x");
  await expect(page.locator('a[href^="javascript:"]')).toHaveCount(0);
});

test("every page has a strict policy for its contents", async ({ api }) => {
  const project = await newProject(api);
  for (const path of ["/projects", listPath(project), "/nothing"]) {
    const policy = (await api.get(path)).headers()["content-security-policy"] ?? "";
    expect(policy, path).toContain("default-src 'none'");
    expect(policy, path).toMatch(/script-src 'self' 'nonce-[^']+' 'wasm-unsafe-eval';/);
    expect(policy, path).not.toContain("unsafe-inline");
    expect(policy, path).not.toContain("'unsafe-eval'");
  }
});

test("there is one textarea component, because Leptos does not escape their text", () => {
  const sources = join(import.meta.dirname, "../../app/src");
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".rs"));
  const code = (file: string) => readFileSync(join(sources, file), "utf8").replaceAll(/\/\/.*$/gm, "");
  expect(files.filter((file) => /<textarea|\btextarea\(/.test(code(file)))).toEqual([join("components", "field.rs")]);
});
