"""The local Fabric in simulate mode, in a process of its own: its CPU and memory are not Dagster's."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from fabric_assets.local.home import LocalHome
from fabric_assets.local.server_file import LocalFabric, read_server_file, sign_of_life

_START_SECONDS = 60
_END_SECONDS = 30
_IDLE_SECONDS = 300
_LOG_SECONDS = 60


@dataclass(frozen=True)
class LocalService:
    """The running service."""

    fabric: LocalFabric
    home: LocalHome

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        used = psutil.Process(self.fabric.pid).cpu_times()
        return float(used.user + used.system)

    def log(self) -> dict[str, Any]:
        """Its log: ``requests`` to the API and ``jobInstances`` as they were started."""
        with httpx.Client(headers={"Authorization": f"Bearer {self.fabric.token}"}, trust_env=False) as api:
            url = f"{self.fabric.url.removesuffix('/v1')}/simulation/log"
            log: dict[str, Any] = api.get(url, timeout=_LOG_SECONDS).raise_for_status().json()
        log["requests"] = [request for request in log["requests"] if request["path"].startswith("/v1/")]
        return log

    def job_instances(self) -> dict[str, dict[str, Any]]:
        """Id to record of all job instances, from its state: what really happened, past what reads show."""
        with closing(sqlite3.connect(self.home.state_file)) as database:
            rows = database.execute("SELECT id, record FROM job_instances ORDER BY sequence").fetchall()
        return {job_instance_id: json.loads(record) for job_instance_id, record in rows}


@contextmanager
def local_service(folder: Path, script: Mapping[str, Any]) -> Iterator[LocalService]:
    """Serve a script for as long as the block lasts.

    Args:
        folder: its home; must not exist.
        script: see ``fabric_assets.local.script``.

    Raises:
        RuntimeError: it does not start.
    """
    home = LocalHome(folder)
    home.root.mkdir()
    script_file = home.root / "script.json"
    script_file.write_text(json.dumps(script))
    with home.server_log.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "fabric_assets.local", "--home", str(home.root)),
                *("--simulate", str(script_file), "--idle-seconds", str(_IDLE_SECONDS)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={name: value for name, value in os.environ.items() if not name.startswith("FABRIC")},
        )
    try:
        yield LocalService(_running(home, process), home)
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
