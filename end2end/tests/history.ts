// Executions as they would have been, written into the database: for what the engine is not needed, or takes too long.

import { randomBytes } from "node:crypto";

import type pg from "pg";

import type { Project, Task } from "./support.ts";

export interface Past {
  status: string;
  /** Minutes ago; newer ones must be recorded later. */
  minutes: number;
  /** Milliseconds that it took, if it has ended and had started. */
  took?: number;
  error?: string;
  missed?: number;
  response?: Record<string, unknown>;
  logs?: [level: string, message: string][];
}

const ENDED = ["SUCCESS", "FAILED", "CANCELLED", "SKIPPED"];

/** Records an execution of a task; one that runs is on a node that shows signs of life. Returns its id. */
export async function execution(sql: pg.Client, project: Project, task: Task, past: Past): Promise<string> {
  const due = new Date(Date.now() - past.minutes * 60_000);
  const started = past.status === "SKIPPED" ? null : due;
  const finished = ENDED.includes(past.status) ? new Date(due.getTime() + (past.took ?? 0)) : null;
  const runs = past.status === "RUNNING";
  const later = runs ? new Date(Date.now() + 3_600_000) : null;
  const retry = past.status === "RETRY_WAIT" ? new Date(Date.now() + 3_600_000) : null;
  const id = uuid(due);
  await sql.query(
    `insert into executions (id, task_id, project_id, status, trigger, scheduled_at, attempt, node, lease_until,
       deadline_at, retry_at, started_at, finished_at, error, response, missed, log_lines)
     values ($1, $2, $3, $4, 'SCHEDULED', $5, 1, 'node-7', $6, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [id, task.uuid, project.id, past.status, due, later, retry, started, finished, past.error, past.response,
      past.missed ?? 0, past.logs?.length ?? 0],
  );
  for (const [level, message] of past.logs ?? []) {
    await sql.query("insert into execution_logs (execution_id, level, message) values ($1, $2, $3)", [id, level, message]);
  }
  return id;
}

/** Counts ends on the day so many days ago, as the engine does, for a task and its project. */
export async function ends(sql: pg.Client, project: Project, task: Task, days: number, success: number, failed: number) {
  await sql.query(
    `insert into execution_counts (subject, bucket, success, failed)
     select subject, date_trunc('hour', now()) - make_interval(days => $2), $3, $4 from unnest($1::uuid[]) subject
     on conflict (subject, bucket, session) do update set success = excluded.success, failed = excluded.failed`,
    [[task.uuid, project.id], days, success, failed],
  );
}

/** Of the given time, so that the newest is listed first. */
function uuid(at: Date): string {
  const time = at.getTime().toString(16).padStart(12, "0");
  const random = randomBytes(10).toString("hex");
  const variant = "89ab"[Number.parseInt(random[3] ?? "0", 16) % 4];
  return [time.slice(0, 8), time.slice(8), `7${random.slice(0, 3)}`, `${variant}${random.slice(4, 7)}`, random.slice(7, 19)].join("-");
}
