"""How quickly graphs of notebooks run against the quota, the answers and the start-up times of the real Fabric.

The local Fabric simulates them in a process of its own; Dagster runs them as it does in production, in a process of
its own (`dagster job execute`) with an instance on SQLite.

    python -m benchmarks.scale                       # the names of the cases
    python -m benchmarks.scale thirty eight_slots    # some of them
    python -m benchmarks.scale --all [--seed 1]

Exit code 1 if a run fails.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import graphs
from benchmarks.dagster_process import Used, dagster_home, run_process
from benchmarks.figures import Calls, Ran, calls, ran
from benchmarks.graphs import Graph
from benchmarks.local_service import LocalService, local_service
from benchmarks.scale_definitions import GRAPH_VARIABLE, MULTIPROCESS_JOB, ONE_PROCESS_JOB

CALLS_PER_MINUTE = 200
AS_AGAINST_FABRIC = {"calls_per_minute": CALLS_PER_MINUTE, "poll_seconds": 5.0}
"""Fields of the resource that have other values by default where Fabric is on this machine."""

_VCORES_OF_A_SLOT = 8


@dataclass(frozen=True)
class Case:
    """One benchmark.

    Attributes:
        title: what it is.
        graph: made from a seed.
        job: under which executor.
        runs: how many runs of it, one after the other in one Dagster instance: later ones know the durations.
    """

    title: str
    graph: Callable[[int], Graph]
    job: str = ONE_PROCESS_JOB
    runs: int = 1


@dataclass(frozen=True)
class Measured:
    """One run, measured."""

    ran: Ran
    calls: Calls
    used: Used
    load: float
    service_cpu_seconds: float


def _plain(notebooks: tuple[graphs.Notebook, ...]) -> Graph:
    return Graph(notebooks, resource=AS_AGAINST_FABRIC)


def _thirty(seed: int) -> Graph:
    return _plain(graphs.star(21, 9, 15.0, 60.0, seed))


def _varied(seed: int) -> Graph:
    return _plain(graphs.varied_star(21, 9, 8.0, 240.0, seed))


def _eight_slots(seed: int) -> Graph:
    return replace(_plain(graphs.independent(30, 15.0, 60.0, seed)), slots=8)


def _eight_slots_known(seed: int) -> Graph:
    capacity = {"capacity": str(8 * _VCORES_OF_A_SLOT), "node_vcores": _VCORES_OF_A_SLOT}
    return replace(_eight_slots(seed), resource={**AS_AGAINST_FABRIC, **capacity})


def _shared(seed: int, *, share: bool) -> Graph:
    notebooks = graphs.independent(20, 15.0, 60.0, seed, session_start=(60.0, 90.0))
    return replace(_plain(notebooks), share_session=share)


CASES = {
    "thirty": Case("30 notebooks, 21 dimensions then 9 facts, 15 to 60 s", _thirty, runs=2),
    "thirty_multiprocess": Case("the same under Dagster's multiprocess executor", _thirty, MULTIPROCESS_JOB),
    "varied": Case("30 notebooks, 8 s to 4 min, each fact after 3 to 7 dimensions", _varied, runs=2),
    "varied_multiprocess": Case("the same under Dagster's multiprocess executor", _varied, MULTIPROCESS_JOB),
    "eight_slots": Case("30 independent notebooks on 8 slots, learned from refusals", _eight_slots, runs=2),
    "eight_slots_known": Case("30 independent notebooks on 8 slots, configured", _eight_slots_known, runs=2),
    "shared_sessions": Case("20 notebooks that share sessions", lambda seed: _shared(seed, share=True)),
    "own_sessions": Case("20 notebooks with sessions of their own", lambda seed: _shared(seed, share=False)),
    "two_hundred": Case(
        "200 independent notebooks, 20 to 120 s",
        lambda seed: _plain(graphs.independent(200, 20.0, 120.0, seed)),
    ),
    "thousand": Case(
        "1,000 independent notebooks, 20 to 120 s",
        lambda seed: _plain(graphs.independent(1000, 20.0, 120.0, seed)),
    ),
}


def measure(case: Case, graph: Graph, *, calls_per_minute: int | None = CALLS_PER_MINUTE) -> list[Measured]:
    """Run a case.

    Args:
        case: which.
        graph: its graph.
        calls_per_minute: the service's quota.

    Returns:
        One entry a run.
    """
    measured = []
    with (
        tempfile.TemporaryDirectory() as name,
        local_service(Path(name) / "fabric", graph.script(calls_per_minute)) as service,
    ):
        folder = Path(name)
        home = dagster_home(folder / "dagster")
        graph.save(folder / "graph.json")
        for _ in range(case.runs):
            since_ns = time.time_ns()
            cpu = service.cpu_seconds()
            used = run_process(
                ["-m", "dagster", "job", "execute", "-m", "benchmarks.scale_definitions", "-j", case.job],
                environment(service, folder),
                folder / "run.log",
            )
            measured.append(
                Measured(
                    ran(service, graph, home, since_ns=since_ns),
                    calls(service, since_ns=since_ns),
                    used,
                    os.getloadavg()[1],
                    service.cpu_seconds() - cpu,
                )
            )
    return measured


def environment(service: LocalService, folder: Path) -> dict[str, str]:
    """What a process of Dagster is told: which service, which graph, which instance."""
    return {
        "FABRIC_WORKSPACE_ID": service.fabric.workspace_id,
        "FABRIC_API_URL": service.fabric.url,
        "FABRIC_ACCESS_TOKEN": service.fabric.token,
        GRAPH_VARIABLE: str(folder / "graph.json"),
        "DAGSTER_HOME": str(folder / "dagster"),
    }


def ideal_seconds(graph: Graph) -> float:
    """The quickest that it can be: the critical path, two calls a job within the quota, or a good packing."""
    bounds = [graph.critical_path_seconds(), graph.two_calls_seconds(CALLS_PER_MINUTE)]
    if graph.slots is not None:
        bounds.append(graph.packed_seconds(graph.slots))
    return max(bounds)


def report(graph: Graph, number: int, measured: Measured) -> None:
    """Print one run."""
    run, asked, used = measured.ran, measured.calls, measured.used
    jobs = len(graph.notebooks)
    ideal = ideal_seconds(graph)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(asked.kinds.items()))
    outcome = "succeeded" if run.succeeded else "FAILED"
    lines = {
        f"run {number}": f"{outcome}, {run.failed_steps} steps failed or retried; load average {measured.load:.1f}",
        "makespan": f"{run.makespan:.1f} s = {run.makespan / ideal:.3f} x {ideal:.1f} s; first start after "
        f"{run.first_start:.1f} s; the process {used.wall_seconds:.1f} s",
        "end to next start": str(run.start_delay),
        "end to materialization": str(run.seen_delay),
        "calls": f"{asked.total} = {asked.total / jobs:.2f} a job ({kinds}); {asked.refused} refused with 429",
        "highest in a minute": ", ".join(f"{count} {name}" for name, count in asked.highest.items()),
        "job instances": f"{run.job_instances} in {run.sessions} sessions",
        "memory": f"{used.peak_mb:.0f} MB at most, in {used.peak_processes} processes",
        "CPU": f"{used.cpu_seconds:.1f} s of Dagster ({1000 * used.cpu_seconds / jobs:.0f} ms a job), "
        f"{measured.service_cpu_seconds:.1f} s of the service",
    }
    for name, text in lines.items():
        print(f"  {name:<24}{text}", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Graphs of notebooks against Fabric's quota and times.")
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[[], *CASES], help=", ".join(CASES))
    parser.add_argument("--all", action="store_true", help="all cases")
    parser.add_argument("--seed", type=int, default=1, help="for the durations (default: 1)")
    options = parser.parse_args()
    names = list(CASES) if options.all else options.cases
    if not names:
        for name, case in CASES.items():
            print(f"{name:<24}{case.title}")
    succeeded = True
    for name in names:
        case = CASES[name]
        graph = case.graph(options.seed)
        print(f"{name}: {case.title}; seed {options.seed}", flush=True)
        if graph.slots is not None:
            packed, in_order = (graph.packed_seconds(graph.slots, longest_first=x) for x in (True, False))
            print(
                f"  packed on {graph.slots} slots {packed:.1f} s, in the order of their names {in_order:.1f} s"
            )
        for number, measured in enumerate(measure(case, graph), 1):
            report(graph, number, measured)
            succeeded = succeeded and measured.ran.succeeded
    return 0 if succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
