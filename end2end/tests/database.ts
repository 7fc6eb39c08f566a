// A database of its own for a server, which can be taken away and given back.

import { randomBytes } from "node:crypto";

import pg from "pg";

export interface Database {
  readonly url: string;
  /** Closes all connections and refuses new ones. */
  away(): Promise<void>;
  /** Lets connections in again. */
  back(): Promise<void>;
  drop(): Promise<void>;
}

export async function createDatabase(adminURL: string): Promise<Database> {
  const name = `end2end_${randomBytes(6).toString("hex")}`;
  const url = new URL(adminURL);
  url.pathname = `/${name}`;
  const allow = (allowed: boolean) => execute(adminURL, `alter database ${name} allow_connections ${allowed}`);
  await execute(adminURL, `create database ${name}`);
  return {
    url: url.href,
    back: () => allow(true),
    drop: () => execute(adminURL, `drop database ${name} with (force)`),
    async away() {
      await allow(false);
      const others = `datname = '${name}' and application_name <> '${TESTS}'`;
      await execute(adminURL, `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
    },
  };
}

/** The tests' own connections have this name; they stay when the database goes away. */
export const TESTS = "end2end";

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
