"""A Dagster run in a process of its own, with what it used."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.25
_MB = 2**20
_DAGSTER_YAML = """\
telemetry:
  enabled: false
"""


@dataclass(frozen=True)
class Used:
    """What a process and its children used.

    Attributes:
        peak_mb: the highest resident memory of all of them together.
        peak_processes: how many there were then.
        cpu_seconds: of all of them, those that have ended too.
    """

    peak_mb: float
    peak_processes: int
    cpu_seconds: float
    wall_seconds: float


def dagster_home(folder: Path) -> Path:
    """A folder for a Dagster instance on SQLite, without telemetry."""
    folder.mkdir()
    (folder / "dagster.yaml").write_text(_DAGSTER_YAML)
    return folder


def run_process(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Used:
    """Run ``python <arguments>`` to its end.

    Args:
        arguments: for the interpreter of this process.
        environment: what it has beside this process's own environment without ``FABRIC...`` and ``DAGSTER...``.
        log: gets what it prints.

    Raises:
        RuntimeError: it ended with an error.
    """
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("FABRIC", "DAGSTER"))}
    cpu_before, begun = _ended_children_cpu_seconds(), time.monotonic()
    peak, processes = 0.0, 0
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, **environment},
        )
        while True:
            resident, count = _resident_mb(child.pid)
            if resident > peak:
                peak, processes = resident, count
            with suppress(subprocess.TimeoutExpired):
                child.wait(_SAMPLE_SECONDS)
                break
    if child.returncode:
        end = log.read_text(errors="replace")[-3000:]
        raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}:\n{end}")
    cpu = _ended_children_cpu_seconds() - cpu_before
    return Used(peak, processes, cpu, time.monotonic() - begun)


def _resident_mb(pid: int) -> tuple[float, int]:
    resident, count = 0.0, 0
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                resident += process.memory_info().rss / _MB
                count += 1
    return resident, count


def _ended_children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
