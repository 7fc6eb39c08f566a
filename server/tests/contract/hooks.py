"""What schemathesis cannot know of Sexton: who calls, and which ids are there.

Read by `xtask test` (test/contract.rs), which sets SEXTON_URL and SEXTON_TOKEN.
"""

import os
import time
import uuid
import zlib

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase

URL = os.environ["SEXTON_URL"]
TOKEN = os.environ["SEXTON_TOKEN"]
A_MONTH = 30 * 24 * 3600
CALLBACKS = "^/api/v1/executions/"


def call(method, path, body=None):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    response = requests.request(method, f"{URL}/api/v1{path}", json=body, headers=headers, timeout=30)
    response.raise_for_status()
    return response.json() if response.content else None


def ready():
    """Waits until the server has migrated its database."""
    for _ in range(600):
        try:
            if requests.get(f"{URL}/readyz", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{URL} is not ready")


COUNT = iter(range(1_000_000))


def project():
    body = {"name": f"Contract {next(COUNT)}", "execution_endpoint": "http://example.com/", "undo_window_seconds": A_MONTH}
    return call("POST", "/projects", body)["id"]


def task(project_id):
    schedule = {"cron_expression": "30 2 * * *", "timezone": "Europe/Berlin"}
    body = {"name": "Ledger", "schedule_config": schedule}
    return call("POST", f"/projects/{project_id}/tasks", body)["uuid"]


def group(project_id):
    return call("POST", f"/projects/{project_id}/task-groups", {"name": f"Group {next(COUNT)}"})["id"]


def key(project_id):
    return call("POST", f"/projects/{project_id}/api-keys", {"name": "Contract"})


def deletion(project_id):
    return call("DELETE", f"/projects/{project_id}/tasks/{task(project_id)}")["deletion"]["id"]


ready()
PROJECT = project()
TASK = task(PROJECT)
KEY = key(PROJECT)
IDS = {
    "project_id": PROJECT,
    "task_uuid": TASK,
    "group_id": group(PROJECT),
    "execution_id": call("POST", f"/projects/{PROJECT}/tasks/{TASK}/trigger")["id"],
    "deletion_id": deletion(PROJECT),
    "key_id": KEY["id"],
    # No token creates another one: there is none to delete.
    "token_id": str(uuid.uuid4()),
    "user_id": call("GET", "/session")["user"]["id"],
}
# What a DELETE takes away is made for it.
FRESH = {
    "project_id": project,
    "task_uuid": lambda: task(PROJECT),
    "group_id": lambda: group(PROJECT),
    "key_id": lambda: key(PROJECT)["id"],
}
# No schema can say which cursors were given out, which zones there are, and that days begin in 1970.
QUERY = {"cursor": "", "tz": "Europe/Berlin", "date": "2026-11-25"}


@schemathesis.auth().apply_to(path_regex=CALLBACKS)
class KeyOfProject:
    def get(self, case, ctx):
        return KEY["key"]

    def set(self, case, data, ctx):
        case.headers["Authorization"] = data


@schemathesis.auth().skip_for(path_regex=CALLBACKS)
class Token:
    def get(self, case, ctx):
        return TOKEN

    def set(self, case, data, ctx):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Puts ids that are there in place of most of the made-up ones; what is meant to be wrong stays so."""
    if case.meta is None:
        return

    def is_meant_well(location):
        component = case.meta.components.get(location)
        return component is None or not component.mode.is_negative

    is_made_up = case.meta.phase.name != TestPhase.STATEFUL
    if is_made_up and case.path_parameters and is_meant_well(ParameterLocation.PATH):
        if zlib.crc32(repr(case.path_parameters).encode()) % 5:
            for name in case.path_parameters:
                case.path_parameters[name] = IDS.get(name, case.path_parameters[name])
    for name, value in (case.path_parameters or {}).items():
        # A link to what an answer does not have: of an event of no project, say.
        if value is None:
            case.path_parameters[name] = IDS[name]
    # Also the ids of answers are tried: what the other cases need is not taken from them.
    last = case.operation.path.rsplit("/", 1)[-1].strip("{}")
    if case.method.upper() == "DELETE" and last in FRESH and case.path_parameters[last] == IDS[last]:
        case.path_parameters[last] = FRESH[last]()
    if case.query and is_meant_well(ParameterLocation.QUERY):
        for name in QUERY.keys() & case.query.keys():
            case.query[name] = QUERY[name]
