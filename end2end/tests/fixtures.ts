// What every browser test builds on: a server of its own on a fresh database for each worker, and
// a page whose console must stay clean. Import `test` and `expect` from here, never from Playwright.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { type APIRequestContext, type Page, expect, test as base } from "@playwright/test";
import pg from "pg";

/** How long a server may take from its start to its first ready answer, in milliseconds. */
const READY_WITHIN = 30_000;

/** How long a server may take to end after SIGTERM, in milliseconds. */
const ENDS_WITHIN = 20_000;

/** One `sexton serve` on one port; it can be ended and started again on the same database. */
export class Server {
  readonly baseURL: string;
  #binary: string;
  #port: number;
  #databaseURL: string;
  #child: ChildProcess | undefined;
  #log: string[] = [];

  constructor(binary: string, port: number, databaseURL: string) {
    this.#binary = binary;
    this.#port = port;
    this.#databaseURL = databaseURL;
    this.baseURL = `http://127.0.0.1:${port}`;
  }

  /** Starts the server and returns once it is ready. */
  async start(): Promise<void> {
    if (this.isRunning()) throw new Error("the server runs already");
    const child = spawn(this.#binary, ["serve"], {
      env: {
        ...process.env,
        DATABASE_URL: this.#databaseURL,
        SEXTON_LISTEN: `127.0.0.1:${this.#port}`,
        SEXTON_LOG_FORMAT: "json",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => this.#log.push(text));
    }
    let failure: string | undefined;
    child.once("error", (error) => (failure = error.message));
    child.once("exit", (code, signal) => (failure = `it ended with ${code ?? signal}`));

    const deadline = Date.now() + READY_WITHIN;
    while (!(await this.#isReady())) {
      if (!failure && Date.now() > deadline) failure = `not ready within ${READY_WITHIN} ms`;
      if (failure) {
        await this.kill();
        throw new Error(`the server did not start: ${failure}\n${this.log()}`);
      }
      await pause(25);
    }
  }

  /** Whether it has been started and has not ended since. */
  isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Ends the server and returns once it is gone. SIGKILL by default: a crash, as users know it. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const running = this.isRunning();
    const child = this.#child;
    this.#child = undefined;
    if (!running || !child?.pid) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), ENDS_WITHIN);
    await gone;
    clearTimeout(late);
  }

  /** What the server has written so far, from all of its starts. */
  log(): string {
    return this.#log.join("");
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.baseURL}/readyz`)).status === 200;
    } catch {
      return false;
    }
  }
}

interface Stack {
  server: Server;
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
  /** Patterns of console errors that a test expects; push to it before they happen. */
  expectedErrors: RegExp[];
  /** Runs in every test: fails it on errors in the page. */
  cleanConsole: void;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  stack: [
    async ({}, use) => {
      const database = await createDatabase(required("ADMIN_DATABASE_URL"));
      const server = new Server(required("SEXTON_BIN"), await freePort(), database.url);
      const sql = new pg.Client({ connectionString: database.url });
      try {
        await server.start();
        await sql.connect();
        await use({ server, sql });
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
    if (!stack.server.isRunning()) await stack.server.start();
  },

  sql: async ({ stack }, use) => {
    await use(stack.sql);
  },

  baseURL: async ({ stack }, use) => {
    await use(stack.server.baseURL);
  },

  api: async ({ playwright, baseURL }, use) => {
    const api = await playwright.request.newContext({ baseURL });
    await use(api);
    await api.dispose();
  },

  expectedErrors: async ({}, use) => {
    await use([]);
  },

  cleanConsole: [
    async ({ context, expectedErrors }, use) => {
      const problems: string[] = [];
      context.on("console", (message) => {
        const text = message.text();
        if (message.type() === "error" || /hydrat/i.test(text)) {
          problems.push(`console ${message.type()}: ${text} (${message.location().url})`);
        }
      });
      context.on("weberror", (error) => problems.push(`page error: ${error.error().message}`));
      await use();
      const unexpected = problems.filter((text) => !expectedErrors.some((known) => known.test(text)));
      expect.soft(unexpected, "errors in the page").toEqual([]);
    },
    { auto: true },
  ],
});

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

async function createDatabase(adminURL: string): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `end2end_${randomBytes(6).toString("hex")}`;
  const url = new URL(adminURL);
  url.pathname = `/${name}`;
  await execute(adminURL, `create database ${name}`);
  return { url: url.href, drop: () => execute(adminURL, `drop database ${name} with (force)`) };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A free port below those that systems give to outgoing connections: it stays free while a test restarts its server. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(10_000, 30_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
  throw new Error("no free port");
}
