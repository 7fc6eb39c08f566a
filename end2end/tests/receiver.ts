// What the tasks of a test call: a real server that keeps what came.

import { type IncomingMessage, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Call {
  /** When its first byte came, as `performance.now()` counts. */
  at: number;
  id: string;
  task: string;
}

/** A running receiver. */
export class Receiver {
  readonly calls: Call[] = [];
  #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a port of its own and answers 200 to every call. */
  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on("request", (request, response) => {
      const at = performance.now();
      void text(request).then((body) => {
        const { execution_id, task_name } = JSON.parse(body) as { execution_id: string; task_name: string };
        receiver.calls.push({ at, id: execution_id, task: task_name });
        response.end("ok");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** The calls of a task. */
  of(task: string): Call[] {
    return this.calls.filter((call) => call.task === task);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}
