// What every browser test builds on: a server of its own on a fresh database for each worker, and
// a page whose console must stay clean. Import `test` and `expect` from here, never from Playwright.

import {
  type APIRequestContext,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
  expect,
  test as base,
} from "@playwright/test";
import pg from "pg";

import { type Database, TESTS, createDatabase } from "./database.ts";
import { READY_WITHIN, Server, freePort } from "./server.ts";
import { SESSION, TOKEN, letIn } from "./people.ts";

interface Stack {
  server: Server;
  database: Database;
  sql: pg.Client;
}

interface WorkerFixtures {
  /** A server on a fresh database, shared by the tests of one worker. */
  stack: Stack;
}

interface TestFixtures {
  /** Where the server listens. */
  baseURL: string;
  /** The HTTP API of the server, without a browser. */
  api: APIRequestContext;
  /** The server's database, as its superuser. */
  sql: pg.Client;
  /** The server, to be ended and started again; the next test finds it running. */
  server: Server;
  /** The server's database, to be taken away and given back; the next test finds it there. */
  database: Database;
  /** Opens pages of another browser: without JavaScript, in the dark, of somebody else. Watched like the first. */
  browserOf: (options: BrowserContextOptions) => Promise<Page>;
  /** A server of its own on a new database, which nobody has claimed. */
  fresh: { server: Server };
  /** Patterns of console errors that a test expects; push to it before they happen. */
  expectedErrors: RegExp[];
  /** What went wrong in the pages. */
  problems: string[];
  /** Runs in every test: fails it on errors in the page. */
  cleanConsole: void;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  stack: [
    async ({}, use) => {
      const database = await createDatabase(required("ADMIN_DATABASE_URL"));
      const server = new Server(required("SEXTON_BIN"), await freePort(), database.url);
      const sql = new pg.Client({ connectionString: database.url, application_name: TESTS });
      try {
        await server.start();
        await sql.connect();
        await letIn(sql);
        await use({ server, database, sql });
      } finally {
        await server.kill("SIGTERM");
        await sql.end();
        await database.drop();
      }
    },
    { scope: "worker", timeout: 2 * READY_WITHIN },
  ],

  server: async ({ stack }, use) => {
    await use(stack.server);
    if (stack.server.isSpecial()) await stack.server.kill();
    if (!stack.server.isRunning()) await stack.server.start();
  },

  sql: async ({ stack }, use) => {
    await use(stack.sql);
  },

  baseURL: async ({ stack }, use) => {
    await use(stack.server.baseURL);
  },

  api: async ({ playwright, baseURL }, use) => {
    const api = await playwright.request.newContext({ baseURL, extraHTTPHeaders: { authorization: `Bearer ${TOKEN}` } });
    await use(api);
    await api.dispose();
  },

  context: async ({ context, baseURL }, use) => {
    await context.addCookies([{ name: "sexton", value: SESSION, url: baseURL }]);
    await use(context);
  },

  fresh: async ({}, use) => {
    const database = await createDatabase(required("ADMIN_DATABASE_URL"));
    const server = new Server(required("SEXTON_BIN"), await freePort(), database.url);
    try {
      await server.start();
      await use({ server });
    } finally {
      await server.kill("SIGTERM");
      await database.drop();
    }
  },

  expectedErrors: async ({}, use) => {
    await use([]);
  },

  database: async ({ stack }, use) => {
    await use(stack.database);
    await stack.database.back();
    await stack.server.ready();
  },

  problems: async ({}, use) => {
    await use([]);
  },

  browserOf: async ({ browser, baseURL, problems }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options) => {
      const context = await browser.newContext({ baseURL, ...options });
      await context.addCookies([{ name: "sexton", value: SESSION, url: baseURL }]);
      contexts.push(context);
      await watch(context, problems);
      return await context.newPage();
    });
    for (const context of contexts) await context.close();
  },

  cleanConsole: [
    async ({ context, problems, expectedErrors }, use) => {
      await watch(context, problems);
      await use();
      const unexpected = problems.filter((text) => !expectedErrors.some((known) => known.test(text)));
      expect.soft(unexpected, "errors in the page").toEqual([]);
    },
    { auto: true },
  ],
});

/** Notes errors in the pages of a browser: of the console, of scripts, of hydration, of the security policy. */
async function watch(context: BrowserContext, problems: string[]): Promise<void> {
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (violation) => {
      console.error(`security policy: ${violation.violatedDirective} ${violation.blockedURI}`);
    });
  });
  context.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" || /hydrat/i.test(text)) {
      problems.push(`console ${message.type()}: ${text} (${message.location().url})`);
    }
  });
  context.on("weberror", (error) => problems.push(`page error: ${error.error().message}`));
}

export { expect };

/** Waits until the page reacts to clicks; act on it only afterwards. */
export async function hydrated(page: Page): Promise<void> {
  await page.locator("body[data-hydrated]").waitFor({ state: "attached" });
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run \`cargo xtask test browser\``);
  return value;
}
