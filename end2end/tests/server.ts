// One `sexton serve`, to be started, ended and started again.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** How long a server may take from its start to its first ready answer, in milliseconds. */
export const READY_WITHIN = 30_000;

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
  #special = false;

  constructor(binary: string, port: number, databaseURL: string) {
    this.#binary = binary;
    this.#port = port;
    this.#databaseURL = databaseURL;
    this.baseURL = `http://127.0.0.1:${port}`;
  }

  /** Starts the server, with these settings besides, and returns once it is ready. */
  async start(settings: Record<string, string> = {}): Promise<void> {
    if (this.isRunning()) throw new Error("the server runs already");
    const child = spawn(this.#binary, ["serve"], {
      env: {
        ...process.env,
        DATABASE_URL: this.#databaseURL,
        SEXTON_LISTEN: `127.0.0.1:${this.#port}`,
        SEXTON_LOG_FORMAT: "json",
        SEXTON_SETUP_TOKEN_FILE: this.setupTokenFile,
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#special = Object.keys(settings).length > 0;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => this.#log.push(text));
    }
    // Without a listener a binary that is not there would end the tests themselves.
    child.once("error", (error) => this.#log.push(`${error.message}\n`));
    try {
      await this.ready();
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Runs another command of the binary on the same database, to its end. */
  run(command: string[]): void {
    execFileSync(this.#binary, command, { env: { ...process.env, DATABASE_URL: this.#databaseURL } });
  }

  /** Where it keeps the token with which a new instance is claimed. */
  get setupTokenFile(): string {
    return join(tmpdir(), `sexton-setup-token-${this.#port}`);
  }

  /** Whether it has been started and has not ended since. */
  isRunning(): boolean {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Whether it runs with settings of its own, which the next test must not meet. */
  isSpecial(): boolean {
    return this.#special;
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

  /** Returns once it answers that it is ready; throws when it takes too long or has ended. */
  async ready(): Promise<void> {
    let failure: string | undefined;
    const deadline = Date.now() + READY_WITHIN;
    while (!(await this.#isReady())) {
      if (!this.isRunning()) failure = "it has ended";
      else if (Date.now() > deadline) failure = `not ready within ${READY_WITHIN} ms`;
      if (failure) throw new Error(`the server is not there: ${failure}\n${this.log()}`);
      await pause(25);
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.baseURL}/readyz`)).status === 200;
    } catch {
      return false;
    }
  }
}

/** A free port below those that systems give to outgoing connections: it stays free while a test restarts its server. */
export async function freePort(): Promise<number> {
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
