"""What a run came to, from the service's log and state and from Dagster's events."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.graphs import Graph
from benchmarks.local_service import LocalService

_MINUTE_NS = 60 * 10**9
_NS = 10**9


@dataclass(frozen=True)
class Spread:
    """Mean and 95th percentile of a number of values; of none, both are ``None``."""

    mean: float | None
    p95: float | None

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """The spread of these values."""
        if not values:
            return Spread(None, None)
        ordered = sorted(values)
        return Spread(statistics.fmean(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))])

    def __str__(self) -> str:
        if self.mean is None or self.p95 is None:
            return "-"
        return f"{self.mean:.1f} s mean, {self.p95:.1f} s 95th percentile"


@dataclass(frozen=True)
class Calls:
    """What the service was asked.

    Attributes:
        kinds: kind of call to how many.
        highest: most calls in any minute: of all, and of each quota group.
        refused: answered with 429.
    """

    total: int
    kinds: dict[str, int]
    highest: dict[str, int]
    refused: int


@dataclass(frozen=True)
class Ran:
    """What became of a run. Times in seconds.

    Attributes:
        succeeded: whether Dagster says so.
        makespan: from the run's begin to its end.
        first_start: from the run's begin to the first job instance.
        start_delay: from the end of the last job instance that a notebook depends on to its own start.
        seen_delay: from the end of a job instance to its asset's materialization.
        failed_steps: steps that failed, or were retried.
        job_instances: how many were started; more than notebooks if some found no room.
        sessions: how many Spark sessions they took.
    """

    succeeded: bool
    makespan: float
    first_start: float
    start_delay: Spread
    seen_delay: Spread
    failed_steps: int
    job_instances: int
    sessions: int


def calls(service: LocalService, *, since_ns: int = 0) -> Calls:
    """The calls since a moment (nanoseconds since 1970)."""
    requests = [r for r in service.log()["requests"] if r["time_ns"] >= since_ns]
    groups: dict[str, list[int]] = {"all": [], "jobs": [], "platform": []}
    for request in requests:
        groups["all"].append(request["time_ns"])
        groups["jobs" if "/jobs/" in request["path"] else "platform"].append(request["time_ns"])
    return Calls(
        len(requests),
        dict(Counter(_kind(request) for request in requests)),
        {name: highest_in_a_minute(times) for name, times in groups.items()},
        sum(request["status"] == 429 for request in requests),
    )


def highest_in_a_minute(times_ns: Sequence[int]) -> int:
    """The most of these moments that lie within any 60 seconds."""
    ordered = sorted(times_ns)
    highest = first = 0
    for last, time_ns in enumerate(ordered):
        while ordered[first] <= time_ns - _MINUTE_NS:
            first += 1
        highest = max(highest, last - first + 1)
    return highest


def ran(service: LocalService, graph: Graph, home: Path, *, since_ns: int = 0) -> Ran:
    """The last run of a Dagster instance.

    Args:
        service: what it ran against.
        graph: what it ran.
        home: the instance's folder.
        since_ns: when the run's process was started, nanoseconds since 1970.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.get_runs(limit=1)[0]
        stats = instance.get_run_stats(run.run_id)
        wanted = {
            dg.DagsterEventType.ASSET_MATERIALIZATION,
            dg.DagsterEventType.STEP_FAILURE,
            dg.DagsterEventType.STEP_UP_FOR_RETRY,
        }
        entries = instance.all_logs(run.run_id, of_type=wanted)
    materialized: dict[str, float] = {}
    failures = 0
    for entry in entries:
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key is not None:
            materialized[event.asset_key.to_user_string()] = entry.timestamp
        else:
            failures += 1
    begun = stats.start_time or 0.0
    ours = [record for record in service.job_instances().values() if record["accepted_ns"] >= since_ns]
    completed = {record["item_name"]: record for record in ours if record["status"] == "Completed"}
    return Ran(
        succeeded=run.status == dg.DagsterRunStatus.SUCCESS,
        makespan=(stats.end_time or 0.0) - begun,
        first_start=min((record["accepted_ns"] for record in ours), default=0) / _NS - begun,
        start_delay=Spread.of(_start_delays(graph, ours, completed)),
        seen_delay=Spread.of(
            [
                materialized[name] - record["ended_ns"] / _NS
                for name, record in completed.items()
                if name in materialized
            ]
        ),
        failed_steps=failures,
        job_instances=len(ours),
        sessions=len({record["livy_id"] for record in ours}),
    )


def _start_delays(
    graph: Graph, started: Sequence[dict[str, Any]], completed: dict[str, dict[str, Any]]
) -> list[float]:
    first_starts: dict[str, int] = {}
    for record in started:
        first_starts.setdefault(record["item_name"], record["accepted_ns"])
    return [
        (first_starts[notebook.name] - max(completed[name]["ended_ns"] for name in notebook.deps)) / _NS
        for notebook in graph.notebooks
        if notebook.deps and notebook.name in first_starts and all(d in completed for d in notebook.deps)
    ]


def _kind(request: dict[str, Any]) -> str:
    path, method = request["path"].split("?")[0], request["method"]
    if "/livySessions" in path:
        return "session lists"
    if "/jobs/" not in path:
        return "names"
    if method == "POST":
        return "cancels" if path.endswith("/cancel") else "starts"
    if path.endswith("/instances"):
        return "job instance lists"
    return "reads with details" if "/notebooks/" in path else "reads"
