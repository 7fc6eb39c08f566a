// Claiming, signing in and out, roles, keys: as people meet them.

import { readFileSync } from "node:fs";

import { expect, hydrated, test } from "./fixtures.ts";
import { ADA_PASSWORD, newPerson, withPassword } from "./people.ts";
import { newProject, newTask } from "./support.ts";

/** True of the address of a stream of events. */
function isStream(url: string): boolean {
  return new URL(url).pathname.endsWith("/events");
}

test("somebody signs in, works, sees their browser and signs out", async ({ browserOf, sql, server, expectedErrors }) => {
  expectedErrors.push(/401 \(Unauthorized\)/);
  await withPassword(server, "grace@example.com");
  const page = await browserOf({});
  await page.context().clearCookies();
  await page.goto("/projects");
  await expect(page).toHaveURL(/\/login\?next=%2Fprojects/);
  await page.getByLabel("E-mail").fill("grace@example.com");
  await page.getByLabel("Password").fill("not it");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("wrong");
  await page.getByLabel("Password").fill(ADA_PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/projects$/);
  await hydrated(page);
  await page.getByRole("link", { name: "Account" }).click();
  await expect(page.getByTestId("who")).toHaveText("grace@example.com");
  await expect(page.getByTestId("session-row")).toContainText("This browser");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page).toHaveURL(/\/login/);
  await page.goto("/projects");
  await expect(page).toHaveURL(/\/login/);
  const left = await sql.query("select 1 from sessions s join users u on u.id = s.user_id where u.email = 'grace@example.com'");
  expect(left.rowCount).toBe(0);
});

test("a session that is ended elsewhere ends here too, while the page is open", async ({ browserOf, sql, baseURL, expectedErrors }) => {
  expectedErrors.push(/401 \(Unauthorized\)/);
  const { session, id } = await newPerson(sql);
  const page = await browserOf({});
  await page.context().addCookies([{ ...session, url: baseURL }]);
  await page.goto("/projects");
  await hydrated(page);
  await expect(page.getByRole("button", { name: "Live" })).toBeVisible();
  await sql.query("delete from sessions where user_id = $1", [id]);
  // The server ends the stream within three seconds, and the first 401 after that is acted on at once.
  await expect(page).toHaveURL(/\/login/, { timeout: 10_000 });
});

test("a page whose stream is refused from the start because the session has ended goes to the sign-in page", async ({
  browserOf,
  sql,
  baseURL,
  expectedErrors,
}) => {
  expectedErrors.push(/401 \(Unauthorized\)/);
  const { session, id } = await newPerson(sql);
  const page = await browserOf({});
  await page.context().addCookies([{ ...session, url: baseURL }]);
  // The session ends after the page was served and before its stream is opened.
  await page.route(
    (url) => isStream(url.href),
    async (route) => {
      await sql.query("delete from sessions where user_id = $1", [id]);
      await route.continue();
    },
  );
  const refused = page.waitForResponse((answer) => isStream(answer.url()) && answer.status() === 401);
  await page.goto("/projects");
  await refused;
  await expect(page).toHaveURL(/\/login/, { timeout: 5_000 });
});

test("who may only look is shown no way to change anything, and is refused", async ({ browserOf, api, sql, baseURL, expectedErrors }) => {
  expectedErrors.push(/403 \(Forbidden\)/);
  const project = await newProject(api);
  const task = await newTask(api, project, "Look at me");
  const { email, session } = await newPerson(sql);
  const added = await api.put(`/api/v1/projects/${project.id}/members`, { data: { email, role: "readonly" } });
  expect(added.status()).toBe(200);
  const page = await browserOf({});
  await page.context().addCookies([{ ...session, url: baseURL }]);
  for (const path of ["", "/groups", "/executions", "/settings", `/tasks/${task.uuid}`]) {
    await page.goto(`/projects/${project.id}${path}`);
    await hydrated(page);
    await expect(page.getByRole("note")).toContainText("You may look at this project");
    await expect(page.getByRole("button", { name: /Delete|Run now|Disable|Save|Add|Start|Create/ })).toHaveCount(0);
    await expect(page.getByRole("link", { name: /New (task|group)|Edit|Delete…/ })).toHaveCount(0);
  }
  const refused = await page.request.delete(`/api/v1/projects/${project.id}/tasks/${task.uuid}`);
  expect(refused.status()).toBe(403);
  await page.goto("/audit");
  await expect(page.getByText("Only an administrator of this instance")).toBeVisible();
});

test("a key is made, shown once with a button that copies it, used and deleted", async ({ page, api, context, request }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const project = await newProject(api);
  await page.goto(`/projects/${project.id}/settings`);
  await hydrated(page);
  const form = page.getByRole("form", { name: "Create an API key" });
  await form.getByLabel("Name").fill("CI");
  await form.getByLabel("Read the project").check();
  await form.getByRole("button", { name: "Create a key" }).click();
  const key = await page.getByLabel("CI").inputValue();
  expect(key).toMatch(/^sxk_[0-9a-f]{64}$/);
  await page.getByRole("button", { name: "Copy" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
  const read = () =>
    request.get(`${new URL(page.url()).origin}/api/v1/projects/${project.id}`, { headers: { authorization: `Bearer ${key}` } });
  expect((await read()).status()).toBe(200);
  await page.getByRole("link", { name: "Done" }).click();
  await hydrated(page);
  expect(await page.content()).not.toContain(key);
  await page.getByTestId("key-row").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByTestId("key-row")).toHaveCount(0);
  expect((await read()).status()).toBe(401);
});

test("somebody is added to a project, and what was done is written down", async ({ page, api, sql }) => {
  const project = await newProject(api);
  const { email } = await newPerson(sql);
  await page.goto(`/projects/${project.id}/settings`);
  await hydrated(page);
  const form = page.getByRole("form", { name: "Add a member" });
  await form.getByLabel("E-mail").fill(email);
  await form.getByRole("button", { name: "Add" }).click();
  await expect(page.getByTestId("member-row").filter({ hasText: email })).toContainText("Looks only");
  await page.getByRole("link", { name: "What was done in this project" }).click();
  await expect(page.getByTestId("audit-row").first()).toContainText("Changed a member");
  await expect(page.getByTestId("audit-row").first()).toContainText("ada@example.com");
});

test("a new instance is claimed with the token in its file, without JavaScript", async ({ fresh, browser }) => {
  const context = await browser.newContext({ baseURL: fresh.server.baseURL, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto("/");
  await expect(page).toHaveURL(/\/setup/);
  await page.getByLabel("Setup token").fill("sxu_wrong");
  await page.getByLabel("Your e-mail").fill("first@example.com");
  await page.getByLabel("Password").fill(ADA_PASSWORD);
  await page.getByRole("button", { name: "Make me the administrator" }).click();
  await expect(page.getByRole("alert")).toContainText("wrong or has expired");
  await page.getByLabel("Setup token").fill(readFileSync(fresh.server.setupTokenFile, "utf8").trim());
  await page.getByLabel("Password").fill(ADA_PASSWORD);
  await page.getByRole("button", { name: "Make me the administrator" }).click();
  await expect(page).toHaveURL(/\/$|\/projects/);
  await page.goto("/setup");
  await expect(page).not.toHaveURL(/\/setup/);
  await context.close();
});

test("an account is made in the browser, signs in with what was shown, and is disabled", async ({ page, browserOf, expectedErrors }) => {
  expectedErrors.push(/401 \(Unauthorized\)/);
  const email = `${crypto.randomUUID()}@example.com`;
  await page.goto("/account");
  await hydrated(page);
  await page.getByRole("link", { name: "Accounts" }).click();
  const form = page.getByRole("form", { name: "Add an account" });
  await form.getByLabel("E-mail").fill(email);
  await form.getByRole("button", { name: "Add" }).click();
  const password = await page.getByLabel(email).inputValue();
  await page.getByRole("link", { name: "Done" }).click();
  await hydrated(page);
  const theirs = await browserOf({});
  await theirs.context().clearCookies();
  const signIn = async () => {
    await theirs.goto("/login");
    await theirs.getByLabel("E-mail").fill(email);
    await theirs.getByLabel("Password").fill(password);
    await theirs.getByRole("button", { name: "Sign in" }).click();
  };
  await signIn();
  await expect(theirs).toHaveURL(/\/projects$|\/$/);
  await hydrated(theirs);
  await expect(theirs.getByRole("navigation", { name: "Main" }).getByRole("link")).toHaveText(["Projects", "Account"]);
  const row = page.getByTestId("account-row").filter({ hasText: email });
  await row.getByRole("button", { name: "Disable" }).click();
  await expect(row).toContainText("Nothing: disabled");
  await signIn();
  await expect(theirs.getByRole("alert")).toContainText("wrong");
});

test("a browser is dark and tells the time as it was told to, from the first byte", async ({ browserOf, api }) => {
  await newProject(api);
  const page = await browserOf({ colorScheme: "light" });
  await page.goto("/account");
  await hydrated(page);
  const form = page.getByRole("form", { name: "Display" });
  await expect(form.getByLabel("As the system is")).toBeChecked();
  await form.getByLabel("Dark").check();
  await form.getByLabel("Absolute").check();
  await form.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
  await hydrated(page);
  await expect(form.getByLabel("Dark")).toBeChecked();
  await expect(page.locator("body")).toHaveCSS("background-color", "rgb(14, 16, 19)");
  const since = page.getByTestId("session-row").first().locator("time").first();
  const at = await since.getAttribute("datetime");
  const local = await page.evaluate((at) => new Date(at).toLocaleString(), at!);
  await expect(since).toHaveText(local);
});
