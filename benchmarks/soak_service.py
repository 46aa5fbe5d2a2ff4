"""The local Fabric of the soak, in a process of its own, and what its state says afterwards."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.soak_script import soak_script
from fabric_assets.local.home import LocalHome
from fabric_assets.local.server_file import LocalFabric, read_server_file, sign_of_life

_START_SECONDS = 60
_END_SECONDS = 30
_IDLE_SECONDS = 300


@dataclass(frozen=True)
class Ran:
    """A job instance as the service has it.

    Attributes:
        attempt: the number that the attempt passed to the notebook.
        error_code: of its failure reason.
    """

    id: str
    attempt: int
    status: str
    error_code: str | None


@dataclass(frozen=True)
class Seen:
    """What the service saw. ``faulty`` of its answers were."""

    requests: int
    faulty: int
    posts: int
    ran: tuple[Ran, ...]


@dataclass(frozen=True)
class SoakService:
    """The running service."""

    fabric: LocalFabric
    home: LocalHome

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        used = psutil.Process(self.fabric.pid).cpu_times()
        return float(used.user + used.system)

    def seen(self) -> Seen:
        """What it saw, and what became of every job instance; from its log and its state, past all faults."""
        with httpx.Client(headers={"Authorization": f"Bearer {self.fabric.token}"}, trust_env=False) as api:
            url = f"{self.fabric.url.removesuffix('/v1')}/simulation/log"
            log: dict[str, Any] = api.get(url, timeout=60).raise_for_status().json()
        with closing(sqlite3.connect(self.home.state_file)) as database:
            rows = database.execute("SELECT id, record FROM job_instances").fetchall()
        records = {job_instance_id: json.loads(record) for job_instance_id, record in rows}
        requests = [request for request in log["requests"] if request["path"].startswith("/v1/")]
        return Seen(
            requests=len(requests),
            faulty=sum(request["fault"] for request in requests),
            posts=sum(request["path"].endswith("jobType=RunNotebook") for request in requests),
            ran=tuple(
                Ran(
                    started["id"],
                    started["parameters"]["attempt"],
                    records[started["id"]]["status"],
                    (records[started["id"]]["failure_reason"] or {}).get("errorCode"),
                )
                for started in log["jobInstances"]
            ),
        )


@contextmanager
def soak_service(folder: Path, notebooks: int, seed: int) -> Iterator[SoakService]:
    """Serve the soak's script for as long as the block lasts.

    Args:
        folder: its home.
        notebooks: how many there are.
        seed: see ``soak_script``.
    """
    home = LocalHome(folder)
    home.root.mkdir()
    script = home.root / "script.json"
    script.write_text(json.dumps(soak_script(notebooks, seed)))
    with home.server_log.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fabric_assets.local", "--home", str(home.root)),
                *("--simulate", str(script), "--idle-seconds", str(_IDLE_SECONDS)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("FABRIC")},
        )
    try:
        yield SoakService(_running(home, process), home)
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _running(home: LocalHome, process: subprocess.Popen[bytes]) -> LocalFabric:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        found = read_server_file(home)
        if found is not None and sign_of_life(found) is not None:
            return found
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the local Fabric does not start:\n{home.server_log.read_text()}")
        time.sleep(0.05)
