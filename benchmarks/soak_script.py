"""What goes wrong in the soak: a share of the answers, full capacities, notebooks that fail or never end."""

import random
from typing import Any

NOTEBOOKS_PER_JOB_INSTANCE = 1 / 20
_HTML = "<html><body>The service is unavailable.</body></html>"
_FULL = {
    "errorCode": "TooManyRequestsForCapacity",
    "message": "[TooManyRequestsForCapacity] The capacity has no room. HTTP status code: 430.",
}
_FAILED = {"errorCode": "NotebookFailed", "message": "no such table"}

# Shares of the requests that each of these meets. Together they are about 5 % of all answers.
_ANYWHERE: list[dict[str, Any]] = [
    {"drop": "before"},
    {"drop": "after"},
    {"status": 500, "body": {"errorCode": "UnknownError", "message": "oops", "isRetriable": True}},
    {"status": 502, "body": _HTML},
    {"status": 503, "body": _HTML, "headers": {"Retry-After": "1"}},
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 408},
    {"status": 200, "body": _HTML},
]
_ANYWHERE_RATE = 0.0052
_READS: list[dict[str, Any]] = [{"status": 404, "body": {"errorCode": "EntityNotFound", "message": "?"}}]
_READS_RATE = 0.0052
_STARTS: list[dict[str, Any]] = [
    {"status": 500, "acted": True},
    {"status": 502, "acted": True, "body": _HTML},
    {"status": 408, "acted": True},
    {"status": 430, "body": _FULL},
]
_STARTS_RATE = 0.01

# Shares of the job instances.
_FAILS = 0.03
_FINDS_NO_ROOM = 0.02
_NEVER_ENDS = 0.005
_PLANNED_PER_NOTEBOOK = 40


def soak_script(notebooks: int, seed: int) -> dict[str, Any]:
    """A script for the local Fabric.

    Args:
        notebooks: how many there are.
        seed: for everything that is drawn.
    """
    return {
        "notebooks": notebooks,
        "seed": seed,
        "job_instances": [
            *_uncommon_ends(notebooks, random.Random(seed)),
            {"run_seconds": [0.1, 2.0], "exit_value": "done"},
        ],
        "service": {"unseen_seconds": 0.2, "lag_seconds": 0.1, "retry_after_running": [29, 45, 3]},
        "faults": [
            *(_fault("*", "/v1/*", _ANYWHERE_RATE, fault) for fault in _ANYWHERE),
            *(_fault("GET", "/v1/*/jobs/*", _READS_RATE, fault) for fault in _READS),
            *(_fault("POST", "*/jobs/instances[?]jobType=*", _STARTS_RATE, fault) for fault in _STARTS),
        ],
    }


def _fault(method: str, path: str, rate: float, fault: dict[str, Any]) -> dict[str, Any]:
    return {"method": method, "path": path, "rate": rate, "times": None, **fault}


def _uncommon_ends(notebooks: int, draw: random.Random) -> list[dict[str, Any]]:
    ends: list[tuple[float, dict[str, Any]]] = [
        (_FAILS, {"run_seconds": [0.1, 1.0], "status": "Failed", "failure_reason": _FAILED}),
        (_FINDS_NO_ROOM, {"status": "Failed", "failure_reason": _FULL}),
        (_NEVER_ENDS, {"never_ends": True}),
    ]
    planned = []
    for number in range(1, notebooks + 1):
        for nth in range(1, _PLANNED_PER_NOTEBOOK + 1):
            drawn = draw.random()
            for share, end in ends:
                if drawn < share:
                    planned.append({"notebook": f"Notebook_{number:04}", "nth": nth, **end})
                    break
                drawn -= share
    return planned
