"""``notebook.runMultiple``: activities in the order of their dependencies."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

_EXIT_VALUE_OF = re.compile(r"@activity\(\s*['\"](.+?)['\"]\s*\)\.exitValue\(\)")


class InvalidDagError(ValueError):
    """A description for ``runMultiple`` that Fabric would refuse too."""


class RunMultipleFailedError(Exception):
    """At least one activity failed; ``result`` holds what the others returned."""

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True)
class Activity:
    """One notebook of a ``runMultiple``."""

    name: str
    path: str
    args: dict[str, Any] = field(default_factory=dict)
    timeout_seconds: float = 90
    retry: int = 0
    retry_interval_seconds: float = 0
    dependencies: tuple[str, ...] = ()


def parse_dag(dag: Any) -> list[Activity]:
    """The activities, in an order that respects their dependencies.

    Raises:
        InvalidDagError: duplicate names, missing dependencies, cycles, or not a description at all.
    """
    entries = dag.get("activities") if isinstance(dag, dict) else dag
    if not isinstance(entries, list) or not all(isinstance(entry, str | dict) for entry in entries):
        raise InvalidDagError(
            "runMultiple takes a list of notebook names or {'activities': [{'name': ..., 'path': ...}]}"
        )
    activities = [_activity(entry) for entry in entries]
    by_name = {activity.name: activity for activity in activities}
    if len(by_name) != len(activities):
        names = [activity.name for activity in activities]
        raise InvalidDagError(
            f"activity '{next(name for name in names if names.count(name) > 1)}' is named twice"
        )
    for activity in activities:
        for dependency in activity.dependencies:
            if dependency not in by_name:
                raise InvalidDagError(
                    f"activity '{activity.name}' depends on '{dependency}', which is no activity"
                )
    graph = {activity.name: activity.dependencies for activity in activities}
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise InvalidDagError(
            f"the activities depend on each other in a circle: {' -> '.join(error.args[1])}"
        ) from error


def execute_dag(
    activities: list[Activity], run: Callable[[str, dict[str, Any], float], str]
) -> dict[str, Any]:
    """Execute the activities one after another.

    Raises:
        RunMultipleFailedError: an activity failed; those that depend on it were left out.
    """
    print(f"runMultiple: {len(activities)} notebooks, locally one after another")  # noqa: T201 - for the notebook
    result: dict[str, Any] = {}
    for activity in activities:
        failed = [name for name in activity.dependencies if result[name]["exception"]]
        if failed:
            result[activity.name] = {"exitVal": None, "exception": f"not executed: '{failed[0]}' failed"}
            continue
        result[activity.name] = _execute(activity, result, run)
    failures = [f"{name}: {outcome['exception']}" for name, outcome in result.items() if outcome["exception"]]
    if failures:
        raise RunMultipleFailedError(
            f"{len(failures)} of {len(result)} notebooks failed: " + "; ".join(failures), result
        )
    return result


def _execute(activity: Activity, result: dict[str, Any], run: Callable[..., str]) -> dict[str, Any]:
    args = {name: _filled(value, result) for name, value in activity.args.items()}
    for attempt in range(activity.retry + 1):
        if attempt:
            time.sleep(activity.retry_interval_seconds)
        try:
            return {"exitVal": run(activity.path, args, activity.timeout_seconds), "exception": None}
        except Exception as error:  # noqa: BLE001 - kept as the activity's outcome
            exception = f"{type(error).__name__}: {error}"
    return {"exitVal": None, "exception": exception}


def _filled(value: Any, result: dict[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    return _EXIT_VALUE_OF.sub(lambda match: str(result.get(match[1], {}).get("exitVal") or ""), value)


def _activity(entry: str | dict[str, Any]) -> Activity:
    if isinstance(entry, str):
        return Activity(entry, entry)
    name = str(entry.get("name") or entry.get("path") or "")
    if not name:
        raise InvalidDagError("an activity has neither a name nor a path")
    return Activity(
        name=name,
        path=str(entry.get("path") or name),
        args=dict(entry.get("args") or {}),
        timeout_seconds=float(entry.get("timeoutPerCellInSeconds") or 90),
        retry=int(entry.get("retry") or 0),
        retry_interval_seconds=float(entry.get("retryIntervalInSeconds") or 0),
        dependencies=tuple(entry.get("dependencies") or ()),
    )
