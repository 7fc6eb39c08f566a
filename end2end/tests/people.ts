// Who the tests are: an administrator of the instance, signed in from the start.

import { randomBytes } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type pg from "pg";

import type { Server } from "./server.ts";

const SECRET = "0123456789abcdef".repeat(4);
const ADA = "0192f0c1-7a3b-7cc0-9c4e-000000000001";

/** What the administrator's browsers hold in their cookie. */
export const SESSION = `sxs_${SECRET}`;
/** With which the tests call the API. */
export const TOKEN = `sxt_${SECRET}`;

/** Makes the administrator, with a session and a token. */
export async function letIn(sql: pg.Client): Promise<void> {
  await sql.query("update setup set claimed_at = now()");
  await sql.query("insert into users (id, email, is_admin) values ($1, 'ada@example.com', true)", [ADA]);
  await sql.query(
    // It counts as a proof for as long as the tests run.
    `insert into sessions (id, user_id, hash, expires_at, proved_at)
     values ($1, $1, sha256($2::text::bytea), now() + interval '1 day', now() + interval '1 day')`,
    [ADA, SESSION],
  );
  await sql.query(
    "insert into personal_tokens (id, user_id, name, hash, hint) values ($1, $1, 'Tests', sha256($2::text::bytea), 'sxt_')",
    [ADA, TOKEN],
  );
}

/** A password that may be set. */
export const ADA_PASSWORD = "correct horse battery staple";

/** Makes an account with that password, as an operator does. */
export async function withPassword(server: Server, email: string): Promise<void> {
  const file = join(mkdtempSync(join(tmpdir(), "sexton-")), "password");
  writeFileSync(file, `${ADA_PASSWORD}\n`);
  server.run(["user", "add", email, "--password-file", file]);
}

/** Somebody with an account who is in no project, and the cookie of their browser. */
export async function newPerson(sql: pg.Client) {
  const secret = randomBytes(32).toString("hex");
  const email = `${secret.slice(0, 8)}@example.com`;
  const found = await sql.query("insert into users (id, email) values (gen_random_uuid(), $1) returning id", [email]);
  const id = found.rows[0].id as string;
  await sql.query(
    `insert into sessions (id, user_id, hash, expires_at)
     values ($1, $1, sha256($2::text::bytea), now() + interval '1 day')`,
    [id, `sxs_${secret}`],
  );
  return { id, email, session: { name: "sexton", value: `sxs_${secret}` } };
}
