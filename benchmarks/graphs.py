"""Graphs of notebooks with durations that a seed fixes, and how quickly each could be done."""

import heapq
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CALLS_PER_JOB = 2
"""A start, and one read of the end."""

_SESSION_START_SECONDS = (3.0, 8.0)  # a starter pool's


@dataclass(frozen=True)
class Notebook:
    """One notebook; its durations are in seconds, ``session_start_seconds`` comes before ``run_seconds``."""

    name: str
    deps: tuple[str, ...] = ()
    run_seconds: float = 0.0
    session_start_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """How long a job instance takes that opens its own session."""
        return self.session_start_seconds + self.run_seconds


@dataclass(frozen=True)
class Graph:
    """What a benchmark runs.

    Attributes:
        notebooks: in an order in which dependencies come first.
        slots: so many run at once in the service; ``None``: no limit.
        share_session: whether notebooks opt in to sharing Spark sessions.
        partitions: how many partitions each of them has; 0: it is not partitioned.
        resource: fields of ``FabricResource``.
    """

    notebooks: tuple[Notebook, ...]
    slots: int | None = None
    share_session: bool = False
    partitions: int = 0
    resource: Mapping[str, Any] = field(default_factory=dict)

    def critical_path_seconds(self) -> float:
        """The longest chain of dependencies."""
        ends: dict[str, float] = {}
        for notebook in self.notebooks:
            ends[notebook.name] = notebook.seconds + max((ends[name] for name in notebook.deps), default=0.0)
        return max(ends.values())

    def two_calls_seconds(self, calls_per_minute: int) -> float:
        """How long the quota takes for two calls a job: a minute's calls can be made at the minute's begin."""
        calls = CALLS_PER_JOB * len(self.notebooks) * max(1, self.partitions)
        return (math.ceil(calls / calls_per_minute) - 1) * 60.0

    def packed_seconds(self, slots: int, *, longest_first: bool = True) -> float:
        """How long it takes on so many slots if a free slot always takes the next notebook at once.

        Args:
            slots: how many run at once.
            longest_first: take the one with the longest chain behind it (which packs well, though not always best);
                otherwise the one that comes first in the graph.
        """
        rank = self._chain_seconds() if longest_first else {}
        order = {notebook.name: number for number, notebook in enumerate(self.notebooks)}
        missing = {notebook.name: set(notebook.deps) for notebook in self.notebooks}
        seconds = {notebook.name: notebook.seconds for notebook in self.notebooks}
        ready = [(-rank.get(name, 0.0), order[name], name) for name, deps in missing.items() if not deps]
        heapq.heapify(ready)
        running: list[tuple[float, str]] = []
        now = 0.0
        while ready or running:
            while ready and len(running) < slots:
                _, _, name = heapq.heappop(ready)
                heapq.heappush(running, (now + seconds[name], name))
            now, ended = heapq.heappop(running)
            for name, deps in missing.items():
                if ended in deps:
                    deps.discard(ended)
                    if not deps:
                        heapq.heappush(ready, (-rank.get(name, 0.0), order[name], name))
        return now

    def _chain_seconds(self) -> dict[str, float]:
        """Name to the longest chain that begins with it."""
        chains = {notebook.name: notebook.seconds for notebook in self.notebooks}
        for notebook in reversed(self.notebooks):
            for name in notebook.deps:
                before = next(n for n in self.notebooks if n.name == name)
                chains[name] = max(chains[name], before.seconds + chains[notebook.name])
        return chains

    def script(self, calls_per_minute: int | None) -> dict[str, Any]:
        """The script for the local Fabric: these durations, what was recorded of Fabric's answers, its quota."""
        return {
            "notebooks": [notebook.name for notebook in self.notebooks],
            "capacity": self.slots,
            "job_instances": [
                {
                    "notebook": notebook.name,
                    "run_seconds": notebook.run_seconds,
                    "session_start_seconds": notebook.session_start_seconds,
                }
                for notebook in self.notebooks
            ],
            "service": {
                "retry_after_start": 60,
                "retry_after_running": [29, 45, 3],
                "calls_per_minute": calls_per_minute,
            },
        }

    def save(self, path: Path) -> None:
        """Write it to a JSON file."""
        path.write_text(json.dumps(asdict(self)))


def load_graph(path: Path) -> Graph:
    """Read what ``Graph.save`` wrote."""
    data = json.loads(path.read_text())
    data["notebooks"] = tuple(Notebook(**{**n, "deps": tuple(n["deps"])}) for n in data["notebooks"])
    return Graph(**data)


def independent(
    count: int,
    least: float,
    most: float,
    seed: int,
    *,
    session_start: tuple[float, float] = _SESSION_START_SECONDS,
) -> tuple[Notebook, ...]:
    """Notebooks that depend on nothing, with durations between ``least`` and ``most`` seconds."""
    draw = random.Random(seed)
    return tuple(
        _notebook(f"Load_{number:04}", (), draw.uniform(least, most), draw, session_start)
        for number in range(1, count + 1)
    )


def star(dimensions: int, facts: int, least: float, most: float, seed: int) -> tuple[Notebook, ...]:
    """Dimensions, then facts that depend on all of them."""
    draw = random.Random(seed)
    first = [_notebook(f"Dim_{n:02}", (), draw.uniform(least, most), draw) for n in range(1, dimensions + 1)]
    names = tuple(notebook.name for notebook in first)
    return (
        *first,
        *(_notebook(f"Fact_{n:02}", names, draw.uniform(least, most), draw) for n in range(1, facts + 1)),
    )


def varied_star(dimensions: int, facts: int, least: float, most: float, seed: int) -> tuple[Notebook, ...]:
    """The same with log-normal durations, each fact depending on 3 to 7 dimensions."""
    draw = random.Random(seed)

    def seconds() -> float:
        middle = math.sqrt(least * most)
        return min(most, max(least, draw.lognormvariate(math.log(middle), 0.8)))

    first = [_notebook(f"Dim_{n:02}", (), seconds(), draw) for n in range(1, dimensions + 1)]
    names = [notebook.name for notebook in first]
    return (
        *first,
        *(_notebook(f"Fact_{n:02}", _some(names, draw), seconds(), draw) for n in range(1, facts + 1)),
    )


def _some(names: Sequence[str], draw: random.Random) -> tuple[str, ...]:
    return tuple(sorted(draw.sample(names, min(len(names), draw.randint(3, 7)))))


def _notebook(
    name: str,
    deps: tuple[str, ...],
    run_seconds: float,
    draw: random.Random,
    session_start: tuple[float, float] = _SESSION_START_SECONDS,
) -> Notebook:
    return Notebook(name, deps, round(run_seconds, 3), round(draw.uniform(*session_start), 3))
