"""What a step costs under ``fabric_executor``, beside Dagster's multiprocess executor and dagster-async-executor.

A step only waits, as one does that waits for a notebook. So all beyond its duration is overhead: processes, Dagster's
events in its SQLite database. Each case is a run worker of its own. The ratios compare the CPU time of a step.

    python -m benchmarks.executor [--steps 200] [--seconds 1] [--process-steps 20]
"""

import argparse
import asyncio
import importlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import dagster as dg

from fabric_assets.executor import fabric_executor


def executor_named(name: str) -> dg.ExecutorDefinition:
    """One of the compared executors."""
    if name == "dagster-async-executor":
        executor: dg.ExecutorDefinition = importlib.import_module("dagster_async_executor").async_executor
        return executor
    if name == "multiprocess":
        return dg.multiprocess_executor.configured({"max_concurrent": 16})
    return fabric_executor


def build_job(executor: str, steps: int, seconds: float) -> dg.JobDefinition:
    """A job of independent assets that wait."""

    def build(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"asset_{number}")
        async def waits() -> dg.MaterializeResult:
            await asyncio.sleep(seconds)
            return dg.MaterializeResult()

        return waits

    definitions = dg.Definitions(
        assets=[build(number) for number in range(steps)],
        jobs=[dg.define_asset_job("wait")],
        executor=executor_named(executor),
    )
    return definitions.resolve_job_def("wait")


def run_once(executor: str, steps: int, seconds: float) -> dict[str, float]:
    """Run the job in this process; what it took."""
    arguments: Any = (executor, steps, seconds)
    job = dg.build_reconstructable_job("benchmarks.executor", "build_job", arguments)
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        started, cpu_before = time.monotonic(), cpu_seconds()
        with dg.execute_job(job, instance=instance, raise_on_error=True):
            wall, cpu = time.monotonic() - started, cpu_seconds() - cpu_before
    return {"wall": wall, "cpu": cpu, "megabytes": peak_megabytes()}


def cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_megabytes() -> float:
    """Of the biggest process."""
    return (
        max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        / 1024
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of a step that waits.")
    parser.add_argument("--steps", type=int, default=200, help="steps that run in one process (default: 200)")
    parser.add_argument("--seconds", type=float, default=1, help="duration of a step (default: 1)")
    parser.add_argument(
        "--process-steps", type=int, default=20, help="steps that are processes (default: 20)"
    )
    parser.add_argument("--once", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        print(json.dumps(run_once(given.once, given.steps, given.seconds)))
        return
    cases = [("fabric_executor", given.steps), ("multiprocess", given.process_steps)]
    if importlib.util.find_spec("dagster_async_executor"):
        cases.append(("dagster-async-executor", given.steps))
    print(f"{'executor':<24}{'steps':>7}{'wall':>10}{'CPU':>10}{'CPU a step':>13}{'peak':>10}{'ratio':>8}")
    base: float | None = None
    for name, steps in cases:
        took = in_a_process(name, steps, given.seconds)
        per_step = took["cpu"] / steps * 1000
        base = base or per_step
        print(
            f"{name:<24}{steps:>7}{took['wall']:>8.1f} s{took['cpu']:>8.1f} s{per_step:>10.0f} ms"
            f"{took['megabytes']:>7.0f} MB{per_step / base:>8.1f}"
        )


def in_a_process(executor: str, steps: int, seconds: float) -> dict[str, Any]:
    """``run_once`` in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.executor", "--once", executor]
    done = subprocess.run(
        [*command, "--steps", str(steps), "--seconds", str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    main()
