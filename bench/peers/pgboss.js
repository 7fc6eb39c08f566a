// pg-boss beside us. `node pgboss.js install|work|settings [one|set]`, the database in DATABASE_URL.
// one: a transaction for each job. set: a batch of jobs is one statement.
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { PgBoss } from 'pg-boss';

const { version } = JSON.parse(readFileSync(new URL('./node_modules/pg-boss/package.json', import.meta.url), 'utf8'));
const finish = readFileSync(new URL('../sql/finish.sql', import.meta.url), 'utf8');
const [command, mode = 'one'] = process.argv.slice(2);
const connectionString = process.env.DATABASE_URL;
const queue = 'delete-task';

const options = { batchSize: 200, localConcurrency: 4, pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 1, burstWhenBatchFull: true };
const boss = () => new PgBoss({ connectionString, max: 16, useListenNotify: true, schedule: false });

async function install() {
  const client = boss();
  await client.start();
  await client.createQueue(queue, { notify: true, deleteAfterSeconds: 60 });
  // Its own statement with its own defaults, as a function: our accepting transaction calls it.
  let statement;
  const db = { executeSql: async (text) => ((statement = text), { rows: [] }) };
  await client.insert(queue, [{ data: {} }], { db });
  const job = `json_build_array(json_build_object('data', json_build_object('deletion_id', deletion, 'task_uuid', task)))`;
  const body = statement.replace('$1::text::json', job);
  if (body === statement) throw new Error('the statement of insert() is not what it was');
  const plain = new pg.Client({ connectionString });
  await plain.connect();
  await plain.query(`CREATE FUNCTION bench_enqueue(deletion uuid, task uuid) RETURNS void LANGUAGE sql AS $bench$ ${body}; SELECT $bench$`);
  await plain.end();
  await client.stop();
}

async function work() {
  const pool = new pg.Pool({ connectionString, max: 16 });
  const remove = (tasks) => pool.query({ name: 'finish', text: finish, values: [tasks] });
  const tasks = (jobs) => jobs.map((job) => job.data.task_uuid);
  const handlers = {
    one: (jobs) => Promise.all(tasks(jobs).map((task) => remove([task]))),
    set: (jobs) => remove(tasks(jobs)),
  };
  const client = boss();
  client.on('error', (error) => console.error(error.message));
  await client.start();
  await client.work(queue, options, async (jobs) => void (await handlers[mode](jobs)));
  console.log('ready');
}

const settings = () => console.log(`pg-boss ${version}: ${JSON.stringify({ notify: true, ...options })}, 16 connections for the handlers`);

await { install, work, settings }[command]();
