"""How long a code location with many notebook assets takes to load, beyond importing Dagster.

Measured in new processes: the import of the package, the assets, the repository with its validation, and the snapshot
that the code server makes of it. Beside it stand as many assets without a notebook, with the same dependencies. All of
it is computation in one thread, so the CPU seconds are what it takes on a machine that does nothing else.

    python -m benchmarks.load_time [--notebooks 1000] [--repeat 5]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.graphs import Graph, Notebook

_DEPENDENCIES = 3
_PARTS = ("import of Dagster", "import of the package", "assets", "repository", "snapshot")


def layered(notebooks: int) -> Graph:
    """Notebooks of which each depends on three of those a hundred before it."""
    names = [f"Load_{number:04}" for number in range(notebooks)]
    return Graph(
        tuple(
            Notebook(name, tuple(names[max(0, n - 100) : max(0, n - 100 + _DEPENDENCIES)]))
            for n, name in enumerate(names)
        )
    )


def load_seconds(kind: str, notebooks: int) -> dict[str, float]:
    """Which part takes how many CPU seconds in a new process.

    Args:
        kind: ``notebooks``, or ``plain`` for assets without one.
        notebooks: how many.
    """
    output = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.load_time",
            "--in-this-process",
            kind,
            "--notebooks",
            str(notebooks),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    seconds: dict[str, float] = json.loads(output.splitlines()[-1])
    return seconds


def _load(kind: str, graph: Graph) -> dict[str, float]:
    times = [time.process_time()]
    import dagster as dg

    times.append(time.process_time())
    if kind == "notebooks":
        from benchmarks.scale_definitions import notebook_assets
        from fabric_assets import FabricResource, fabric_executor

        times.append(time.process_time())
        definitions = dg.Definitions(
            notebook_assets(graph), resources={"fabric": FabricResource()}, executor=fabric_executor
        )
    else:
        times.append(time.process_time())

        def nothing() -> None:
            """Does nothing."""

        definitions = dg.Definitions(
            [dg.asset(name=n.name, deps=list(n.deps))(nothing) for n in graph.notebooks]
        )
    times.append(time.process_time())
    repository = definitions.get_repository_def()
    repository.load_all_definitions()
    times.append(time.process_time())
    from dagster._core.remote_representation.external_data import RepositorySnap

    RepositorySnap.from_def(repository)
    times.append(time.process_time())
    return {part: times[n + 1] - times[n] for n, part in enumerate(_PARTS)}


def _beyond_dagster(parts: Sequence[dict[str, float]]) -> float:
    return statistics.median(sum(seconds.values()) - seconds[_PARTS[0]] for seconds in parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Load time of a code location.")
    parser.add_argument("--notebooks", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--repeat", type=int, default=5, help="how often (default: 5); the median counts")
    parser.add_argument("--in-this-process", choices=["notebooks", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_this_process:
        print(json.dumps(_load(options.in_this_process, layered(options.notebooks))))
        return
    loads: dict[str, list[dict[str, float]]] = {"notebooks": [], "plain": []}
    for _ in range(options.repeat):
        for kind, found in loads.items():
            found.append(load_seconds(kind, options.notebooks))
    print(f"{options.notebooks} assets; load average {os.getloadavg()[0]:.1f}")
    print(f"{'CPU':<26}{'notebooks':>12}{'plain assets':>15}")
    for part in _PARTS:
        ours, plain = (statistics.median(load[part] for load in found) for found in loads.values())
        print(f"{part:<26}{ours:>10.2f} s{plain:>13.2f} s")
    ours, plain = (_beyond_dagster(found) for found in loads.values())
    print(f"{'beyond importing Dagster':<26}{ours:>10.2f} s{plain:>13.2f} s")


if __name__ == "__main__":
    main()
