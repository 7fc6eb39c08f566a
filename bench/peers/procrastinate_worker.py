"""procrastinate beside us. `python procrastinate_worker.py install|work|settings`, the database in DATABASE_URL."""

import asyncio
import importlib.metadata
import os
import pathlib
import sys

import procrastinate
from psycopg_pool import AsyncConnectionPool

WORKER = {"concurrency": 24, "fetch_job_polling_interval": 1.0, "delete_jobs": "always"}
POOL = {"min_size": 4, "max_size": 16}
FINISH = (pathlib.Path(__file__).parent.parent / "sql" / "finish.sql").read_text().replace("$1", "%(tasks)s")
ENQUEUE = """CREATE FUNCTION bench_enqueue(deletion uuid, task uuid) RETURNS void LANGUAGE sql AS $$
  SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', 'delete_task', 0, NULL, NULL,
         jsonb_build_object('deletion_id', deletion, 'task_uuid', task), NULL)::procrastinate_job_to_defer_v1]) $$"""

url = os.environ.get("DATABASE_URL", "")
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, **POOL))
pool = AsyncConnectionPool(url, open=False, kwargs={"autocommit": True, "prepare_threshold": 1}, min_size=4, max_size=16)


@app.task(name="delete_task")
async def delete_task(deletion_id: str, task_uuid: str) -> None:
    """One job, one task."""
    async with pool.connection() as connection:
        await connection.execute(FINISH, {"tasks": [task_uuid]})


async def install() -> None:
    async with app.open_async(), pool:
        await app.schema_manager.apply_schema_async()
        async with pool.connection() as connection:
            await connection.execute(ENQUEUE)


async def work() -> None:
    async with app.open_async(), pool:
        print("ready", flush=True)
        await app.run_worker_async(**WORKER)


async def settings() -> None:
    print(f"procrastinate {importlib.metadata.version('procrastinate')}: {WORKER}, pools of 16")


asyncio.run({"install": install, "work": work, "settings": settings}[sys.argv[1]]())
