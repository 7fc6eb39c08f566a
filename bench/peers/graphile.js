// graphile-worker beside us. `node graphile.js install|work|settings [one|set]`, the database in DATABASE_URL.
// one: a job removes its task, in one statement. set: our trick, a job is a doorbell for a sweep of up to 200.
import { readFileSync } from 'node:fs';
import { Logger, run, runMigrations } from 'graphile-worker';
import pg from 'pg';

const { version } = JSON.parse(readFileSync(new URL('./node_modules/graphile-worker/package.json', import.meta.url), 'utf8'));
const sql = (name) => readFileSync(new URL(`../sql/${name}.sql`, import.meta.url), 'utf8');
const [finish, take] = [sql('finish'), sql('take')];
const [command, mode = 'one'] = process.argv.slice(2);
const connectionString = process.env.DATABASE_URL;

const worker = {
  one: { concurrentJobs: 24, maxPoolSize: 26, pollInterval: 1000, localQueue: { size: 500 }, completeJobBatchDelay: 0 },
  set: { concurrentJobs: 4, maxPoolSize: 8, pollInterval: 1000, localQueue: { size: 16 }, completeJobBatchDelay: 0 },
}[mode];

async function install() {
  await runMigrations({ connectionString });
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`CREATE FUNCTION bench_enqueue(deletion uuid, task uuid) RETURNS void LANGUAGE sql AS $$
    SELECT graphile_worker.add_job('delete_task', json_build_object('deletion_id', deletion, 'task_uuid', task), job_key => deletion::text) $$`);
  await client.end();
}

/** One job, one task. */
async function one(payload, { query }) {
  await query({ name: 'finish', text: finish, values: [[payload.task_uuid]] });
}

/** At most two sweeps at a time, as in our worker. */
function sweeper() {
  const gone = new Set();
  const waiting = [];
  let free = 2;
  const enter = () => (free > 0 ? (free--, Promise.resolve()) : new Promise((resolve) => waiting.push(resolve)));
  const leave = () => (waiting.length > 0 ? waiting.shift()() : free++);
  return async ({ deletion_id }, { withPgClient }) => {
    if (gone.delete(deletion_id)) return;
    await enter();
    try {
      if (!gone.delete(deletion_id)) {
        for (const id of await withPgClient(sweep)) if (id !== deletion_id) gone.add(id);
        if (gone.size > 20000) gone.clear();
      }
    } finally {
      leave();
    }
  };
}

async function sweep(client) {
  await client.query('BEGIN');
  try {
    const { rows } = await client.query({ name: 'take', text: take });
    const ids = rows.map((row) => row.id);
    if (ids.length > 0) {
      await client.query({ name: 'finish', text: finish, values: [rows.map((row) => row.task_id)] });
      await client.query({ name: 'forget', text: forget, values: [ids] });
    }
    await client.query('COMMIT');
    return ids;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

const forget = `DELETE FROM graphile_worker._private_jobs WHERE id IN (
  SELECT id FROM graphile_worker._private_jobs WHERE key = ANY($1::text[]) FOR UPDATE SKIP LOCKED)`;

async function work() {
  const complain = (level, message) => level === 'error' && console.error(message);
  const logger = new Logger(() => complain);
  const taskList = { delete_task: mode === 'set' ? sweeper() : one };
  const runner = await run({ preset: { worker: { connectionString, logger, ...worker } }, taskList });
  console.log('ready');
  await runner.promise;
}

const settings = () => console.log(`graphile-worker ${version}: ${JSON.stringify(worker)}`);

await { install, work, settings }[command]();
