// Data of the tests, made through the API; and what the API cannot make: a deletion that fails.

import { randomBytes } from "node:crypto";

import { type APIRequestContext, type Locator, type Page, expect } from "@playwright/test";
import type pg from "pg";

import { hydrated } from "./fixtures.ts";

export interface Project {
  id: string;
  name: string;
}

export interface Task {
  uuid: string;
  name: string;
}

export interface Deletion {
  id: string;
  state: string;
}

/** A project of its own for a test; by default what is deleted in it cannot be undone and goes at once. */
export async function newProject(api: APIRequestContext, draft: Record<string, unknown> = {}): Promise<Project> {
  const name = `Project ${randomBytes(4).toString("hex")}`;
  const execution_endpoint = "http://127.0.0.1:9/hook";
  const data = { name, execution_endpoint, undo_window_seconds: 0, ...draft };
  return (await answered(api.post("/api/v1/projects", { data }), 201)) as Project;
}

/** A task that does not come due while the tests run. */
export async function newTask(
  api: APIRequestContext,
  project: Project,
  name: string,
  draft: Record<string, unknown> = {},
): Promise<Task> {
  const schedule_config = { cron_expression: "30 2 1 1 *", timezone: "Europe/Berlin" };
  const data = { name, schedule_config, ...draft };
  return (await answered(api.post(`/api/v1/projects/${project.id}/tasks`, { data }), 201)) as Task;
}

/** Deletes a task as a script would. */
export async function deleteTask(api: APIRequestContext, project: Project, task: Task): Promise<Deletion> {
  const answer = await answered(api.delete(taskAPI(project, task)), 202);
  return (answer as { deletion: Deletion }).deletion;
}

/** Returns once the task is gone for the API. */
export async function gone(api: APIRequestContext, project: Project, task: Task): Promise<void> {
  await expect.poll(async () => (await api.get(taskAPI(project, task))).status()).toBe(404);
}

/** Lets the teardown of a task fail as a row that still refers to it would: permanently. */
export async function block(sql: pg.Client, task: Task): Promise<void> {
  await sql.query(`
    create table if not exists end2end_blocked (task_id uuid primary key);
    create or replace function end2end_refuse() returns trigger language plpgsql as $$
    begin
      if exists (select from end2end_blocked where task_id = old.id) then
        raise foreign_key_violation using message = 'an invoice still refers to the task';
      end if;
      return old;
    end $$;
    create or replace trigger end2end_refuse before delete on tasks for each row execute function end2end_refuse();
  `);
  await sql.query("insert into end2end_blocked values ($1)", [task.uuid]);
}

/** Takes away what `block` put in the way. */
export async function unblock(sql: pg.Client, task: Task): Promise<void> {
  await sql.query("delete from end2end_blocked where task_id = $1", [task.uuid]);
}

/** A task whose deletion has failed. */
export async function failedTask(
  api: APIRequestContext,
  sql: pg.Client,
  project: Project,
  name: string,
): Promise<Task> {
  const task = await newTask(api, project, name);
  await block(sql, task);
  await deleteTask(api, project, task);
  const status = async () => ((await (await api.get(taskAPI(project, task))).json()) as { status: string }).status;
  await expect.poll(status).toBe("DELETE_FAILED");
  return task;
}

export function taskAPI(project: Project, task: Task): string {
  return `/api/v1/projects/${project.id}/tasks/${task.uuid}`;
}

export function listPath(project: Project): string {
  return `/projects/${project.id}`;
}

export function taskPath(project: Project, task: Task): string {
  return `${listPath(project)}/tasks/${task.uuid}`;
}

/** Opens a page and waits until it reacts to clicks. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

/** The row of a task in a list. */
export function row(page: Page, name: string): Locator {
  return page.getByTestId("task-row").filter({ has: page.getByRole("link", { name, exact: true }) });
}

/** Opens the menu of a task's row and chooses an entry. */
export async function choose(page: Page, name: string, entry: string): Promise<void> {
  await row(page, name).getByLabel(`Actions for ${name}`).click();
  await row(page, name).getByText(entry, { exact: true }).click();
}

/** Opens the dialog that deletes a task of the list. */
export async function openDeleteDialog(page: Page, name: string): Promise<Locator> {
  await choose(page, name, "Delete task…");
  const dialog = page.getByRole("dialog", { name: `Delete “${name}”` });
  await expect(dialog).toBeVisible();
  return dialog;
}

/**
 * Lets the server answer a form, and holds the answer back from the page. `sent` resolves once the server has answered;
 * `release` hands the answer over.
 */
export async function holdAnswer(page: Page, url: string): Promise<{ sent: Promise<void>; release: () => void }> {
  let release = () => {};
  let answered = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const sent = new Promise<void>((resolve) => (answered = resolve));
  await page.route(
    url,
    async (route) => {
      const response = await route.fetch();
      answered();
      await released;
      await route.fulfill({ response });
    },
    { times: 1 },
  );
  return { sent, release };
}

async function answered(request: Promise<import("@playwright/test").APIResponse>, status: number): Promise<unknown> {
  const response = await request;
  expect(response.status(), await response.text()).toBe(status);
  return await response.json();
}
