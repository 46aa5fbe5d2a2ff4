"""Thousands of job instances while one answer in twenty is faulty: nothing twice, nothing wrong, nothing left running.

The local Fabric simulates notebooks in a process of its own; job control talks to it over HTTP on loopback and keeps
its notes in a Dagster instance on SQLite, as assets do. Each attempt passes its own number to the notebook, so that
the service's state tells afterwards what really ran for it. Some notebooks fail, some find no room on the capacity,
some never end and time out; some attempts are terminated.

    python -m benchmarks.soak [--job-instances 2000] [--at-once 100] [--seed 1]

Exit code 1 if anything ran twice, was reported otherwise than the service has it, or was left running.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import stamina.instrumentation

from benchmarks.local_service import LocalService, local_service
from benchmarks.soak_script import NOTEBOOKS_PER_JOB_INSTANCE, soak_script
from benchmarks.soak_service import seen
from benchmarks.soak_verdict import COMPLETED, FAILED, TERMINATED, TIMED_OUT, Reported, Verdict, compare
from fabric_assets.client.auth import StaticToken
from fabric_assets.client.errors import FabricError, JobInstanceFailedError, JobInstanceTimeoutError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobLimits, NotebookJob

_LIMITS = JobLimits(
    poll_seconds=0.2,
    find_seconds=3.0,
    settle_seconds=0.5,
    unseen_seconds=30.0,
    patience_seconds=120.0,
    capacity_wait_seconds=0.5,
)
_TIMEOUT_SECONDS = 15.0
_TERMINATED_SHARE = 0.02
_TERMINATED_WITHIN_SECONDS = 4.0
_LONGEST_SECONDS = 600.0
_SAMPLE_SECONDS = 0.5
_WARM_UP_SHARE = 0.25


@dataclass(frozen=True)
class Figures:
    """What a soak took.

    Attributes:
        rss_mb: resident memory of the client's process at the end of the warm-up and at the end.
        rss_mb_per_1000: slope of the resident memory after the warm-up, by least squares.
    """

    verdict: Verdict
    wall_seconds: float
    client_cpu_seconds: float
    service_cpu_seconds: float
    rss_mb: tuple[float, float]
    rss_mb_per_1000: float


def soak(job_instances: int, *, at_once: int = 100, seed: int = 1) -> Figures:
    """Run it.

    Args:
        job_instances: how many attempts.
        at_once: how many of them at a time.
        seed: for what goes wrong; what meets whom depends on the machine, too.
    """
    notebooks = max(3, round(job_instances * NOTEBOOKS_PER_JOB_INSTANCE))
    with (
        tempfile.TemporaryDirectory() as folder,
        local_service(Path(folder) / "fabric", soak_script(notebooks, seed)) as service,
        dg.DagsterInstance.local_temp(folder) as instance,
    ):
        begun, cpu = time.monotonic(), _cpu_seconds()
        client = _Client(service, instance, notebooks, seed)
        asyncio.run(client.run(job_instances, at_once))
        wall_seconds, client_cpu_seconds = time.monotonic() - begun, _cpu_seconds() - cpu
        warm = [sample for sample in client.samples if sample[0] >= job_instances * _WARM_UP_SHARE]
        return Figures(
            compare(client.reported, seen(service)),
            wall_seconds,
            client_cpu_seconds,
            service.cpu_seconds(),
            (warm[0][1], warm[-1][1]),
            _slope(warm) * 1000,
        )


class _Client:
    """The attempts of one process, with one job control, as a run worker has it."""

    def __init__(
        self, service: LocalService, instance: dg.DagsterInstance, notebooks: int, seed: int
    ) -> None:
        self.reported: dict[int, Reported] = {}
        self.samples: list[tuple[int, float]] = []
        self._service = service
        self._instance = instance
        self._notebooks = notebooks
        self._draw = random.Random(seed)

    async def run(self, job_instances: int, at_once: int) -> None:
        numbers = iter(range(job_instances))
        client = FabricClient(
            self._service.fabric.url,
            StaticToken(self._service.fabric.token),
            patience_seconds=_LIMITS.patience_seconds,
        )
        sampling = asyncio.create_task(self._sample())
        async with client:
            control = JobControl(client, portal_url=None, limits=_LIMITS)

            async def work() -> None:
                for number in numbers:
                    self.reported[number] = await self._attempt(control, number)

            try:
                async with asyncio.timeout(_LONGEST_SECONDS), asyncio.TaskGroup() as workers:
                    for _ in range(at_once):
                        workers.create_task(work())
            except TimeoutError:
                for number in set(range(job_instances)) - set(self.reported):
                    self.reported[number] = Reported("unfinished", None, f"no end in {_LONGEST_SECONDS:g} s")
        sampling.cancel()
        self._take_sample()

    async def _attempt(self, control: JobControl, number: int) -> Reported:
        job = NotebookJob(
            asset=f"asset_{number}",
            notebook=f"Notebook_{number % self._notebooks + 1:04}",
            workspace=self._service.fabric.workspace_id,
            workspace_configured_in="the soak",
            parameters={"attempt": number},
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        key = dg.AssetKey(job.asset)
        ledger = InstanceLedger(self._instance, dg.DagsterRun("soak"), job.asset, key, None)
        terminated_after = None
        if self._draw.random() < _TERMINATED_SHARE:
            terminated_after = self._draw.uniform(0, _TERMINATED_WITHIN_SECONDS)
        try:
            async with asyncio.timeout(terminated_after):
                outcome = await control.run(job, _say_nothing, ledger)
        except JobInstanceFailedError as error:
            return Reported(FAILED, error.job_instance.id)
        except JobInstanceTimeoutError as error:
            return Reported(TIMED_OUT, error.job_instance.id, None if error.cancelled else str(error))
        except FabricError as error:
            return Reported(type(error).__name__, None, str(error))
        except TimeoutError:
            return Reported(TERMINATED, None)
        return Reported(COMPLETED, outcome.job_instance.id)

    async def _sample(self) -> None:
        while True:
            self._take_sample()
            await asyncio.sleep(_SAMPLE_SECONDS)

    def _take_sample(self) -> None:
        self.samples.append((len(self.reported), psutil.Process().memory_info().rss / 2**20))


def _say_nothing(text: str, level: int = 0) -> None:
    """There is no run whose log could have the lines."""


def _cpu_seconds() -> float:
    used = psutil.Process().cpu_times()
    return float(used.user + used.system)


def _slope(samples: list[tuple[int, float]]) -> float:
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def main() -> int:
    """Measure, print, and tell by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description="Job control under faults.")
    parser.add_argument("--job-instances", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument("--at-once", type=int, default=100, help="how many at a time (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="for what goes wrong (default: 1)")
    options = parser.parse_args()
    stamina.instrumentation.set_on_retry_hooks([])  # a line a fault, otherwise
    figures = soak(options.job_instances, at_once=options.at_once, seed=options.seed)
    verdict = figures.verdict
    reported = ", ".join(f"{count} {how}" for how, count in sorted(verdict.reported.items()))
    print(f"job instances     {options.job_instances}, {options.at_once} at a time: {reported}")
    print(f"requests          {verdict.requests}")
    print(f"faulty answers    {verdict.faulty} ({verdict.faulty / verdict.requests:.1%})")
    print(
        f"starts            {verdict.posts} sent, {verdict.started} accepted, {verdict.no_room} of them without room"
    )
    print(f"duplicates        {len(verdict.duplicates)}")
    print(f"wrong outcomes    {len(verdict.wrong)}")
    print(f"orphans           {len(verdict.orphans)}")
    print(
        f"client's memory   {figures.rss_mb[0]:.0f} MB after the warm-up, {figures.rss_mb[1]:.0f} MB at the end; "
        f"{figures.rss_mb_per_1000:+.1f} MB per 1,000 job instances"
    )
    print(f"wall time         {figures.wall_seconds:.0f} s")
    print(
        f"CPU               {figures.client_cpu_seconds:.0f} s client, {figures.service_cpu_seconds:.0f} s service"
    )
    for line in verdict.problems:
        print(line, file=sys.stderr)
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
