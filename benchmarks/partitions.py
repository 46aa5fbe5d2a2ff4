"""Thousands of job instances of a few partitioned notebooks in one process, and how its memory grows.

Each run materializes one partition of every notebook. All runs follow each other in one process, as nobody would do it
in production, so that whatever a run leaves behind stays and can be seen. (Not at the same time: Dagster sets up
logging for each run, which deadlocks where runs share a process.) The notebooks take a second or two, and the quota is
raised: within the real one, two calls for each job instance would take most of an hour.

    python -m benchmarks.partitions [--notebooks 50] [--partitions 100]

Exit code 1 if a job instance is missing.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import psutil

from benchmarks import graphs
from benchmarks.dagster_process import Used, dagster_home, run_process
from benchmarks.figures import Calls, calls
from benchmarks.graphs import Graph
from benchmarks.local_service import local_service
from benchmarks.scale import environment
from benchmarks.scale_definitions import ONE_PROCESS_JOB, defs

_CALLS_PER_MINUTE = 20_000
_POLL_SECONDS = 1.0
_RUN_SECONDS = (1.0, 3.0)
_WARM_UP_SHARE = 0.2
_MB = 2**20


@dataclass(frozen=True)
class Figures:
    """What came out.

    Attributes:
        completed: job instances that the service completed, each partition of each notebook once.
        samples: completed runs, and the resident memory in MB after them.
    """

    completed: int
    samples: Sequence[tuple[int, float]]
    calls: Calls
    used: Used

    def mb_per_1000(self, notebooks: int, share_from: float, share_to: float) -> float:
        """Slope of the memory between two shares of the runs, for 1,000 job instances, by least squares."""
        last = self.samples[-1][0]
        chosen = [(n, mb) for n, mb in self.samples if share_from * last <= n <= share_to * last]
        mean_x = sum(n for n, _ in chosen) / len(chosen)
        mean_y = sum(mb for _, mb in chosen) / len(chosen)
        spread = sum((n - mean_x) ** 2 for n, _ in chosen)
        slope = sum((n - mean_x) * (mb - mean_y) for n, mb in chosen) / spread if spread else 0.0
        return slope / notebooks * 1000


def partitioned_job() -> dg.JobDefinition:
    """What each run runs."""
    return defs().resolve_job_def(ONE_PROCESS_JOB)


def measure(notebooks: int, partitions: int, *, seconds: tuple[float, float] = _RUN_SECONDS) -> Figures:
    """Run it.

    Args:
        notebooks: how many.
        partitions: of each of them; so many runs there are.
        seconds: least and most that a job instance takes.
    """
    poll_seconds = min(_POLL_SECONDS, seconds[1])
    resource = {"calls_per_minute": _CALLS_PER_MINUTE, "poll_seconds": poll_seconds}
    drawn = graphs.independent(notebooks, *seconds, seed=1, session_start=(0.0, 0.0))
    graph = replace(Graph(drawn), partitions=partitions, resource=resource)
    with (
        tempfile.TemporaryDirectory() as name,
        local_service(Path(name) / "fabric", graph.script(_CALLS_PER_MINUTE)) as service,
    ):
        folder = Path(name)
        dagster_home(folder / "dagster")
        graph.save(folder / "graph.json")
        samples = folder / "samples.json"
        used = run_process(
            [
                *("-m", "benchmarks.partitions", "--in-this-process", str(samples)),
                *("--partitions", str(partitions)),
            ],
            environment(service, folder),
            folder / "run.log",
        )
        completed = Counter(
            (record["item_name"], record["status"]) for record in service.job_instances().values()
        )
        return Figures(
            sum(min(count, partitions) for (_, status), count in completed.items() if status == "Completed"),
            [(n, mb) for n, mb in json.loads(samples.read_text())],
            calls(service),
            used,
        )


def _run_all(partitions: int, samples_file: Path) -> bool:
    job = dg.reconstructable(partitioned_job)
    succeeded, samples = 0, []
    with dg.DagsterInstance.get() as instance:
        for number in range(partitions):
            with dg.execute_job(job, instance=instance, tags={"dagster/partition": str(number)}) as result:
                succeeded += result.success
            samples.append((number + 1, psutil.Process().memory_info().rss / _MB))
            samples_file.write_text(json.dumps(samples))
    return succeeded == partitions


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Job instances of partitioned notebooks.")
    parser.add_argument("--notebooks", type=int, default=50, help="how many (default: 50)")
    parser.add_argument("--partitions", type=int, default=100, help="of each of them (default: 100)")
    parser.add_argument("--in-this-process", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_this_process:
        return 0 if _run_all(options.partitions, options.in_this_process) else 1
    begun = time.monotonic()
    figures = measure(options.notebooks, options.partitions)
    jobs = options.notebooks * options.partitions
    asked, used = figures.calls, figures.used
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(asked.kinds.items()))
    warm = next(mb for n, mb in figures.samples if n >= options.partitions * _WARM_UP_SHARE)
    slopes = [
        figures.mb_per_1000(options.notebooks, *part)
        for part in ((_WARM_UP_SHARE, 1.0), (_WARM_UP_SHARE, 0.6), (0.6, 1.0))
    ]
    print(f"job instances   {figures.completed} of {jobs} completed, in {options.partitions} runs")
    print(
        f"calls           {asked.total} = {asked.total / jobs:.2f} a job ({kinds}); {asked.refused} refused"
    )
    print(
        f"memory          {warm:.0f} MB after a fifth, {figures.samples[-1][1]:.0f} MB at the end, all processes at"
    )
    print(f"                most {used.peak_mb:.0f} MB; {slopes[0]:+.1f} MB per 1,000 job instances")
    print(f"                ({slopes[1]:+.1f} MB up to three fifths, {slopes[2]:+.1f} MB after)")
    print(f"time            {time.monotonic() - begun:.0f} s; {used.cpu_seconds:.0f} s CPU of Dagster")
    print(f"load average    {os.getloadavg()[1]:.1f}")
    return 0 if figures.completed == jobs else 1


if __name__ == "__main__":
    sys.exit(main())
