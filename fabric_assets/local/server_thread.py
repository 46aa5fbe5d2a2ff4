"""Runs the local Fabric in a thread of this process, for tests and benchmarks."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabric_assets.local.clock import Clock, SystemClock
from fabric_assets.local.context import RequestRecord
from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.execution import Engine
from fabric_assets.local.home import LocalHome
from fabric_assets.local.job_instances import StartedJobInstance
from fabric_assets.local.script import Fault, Script, load_script
from fabric_assets.local.server import RunningServer, ServerSettings, run_server
from fabric_assets.local.server_file import LocalFabric

_START_SECONDS = 60
_STOP_SECONDS = 60


@dataclass(frozen=True)
class ServedFabric(LocalFabric):
    """A local Fabric in a thread of this process, with what a test wants to know of it."""

    _running: RunningServer = field(repr=False, compare=False)

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request so far."""
        return tuple(self._running.context.requests)

    @property
    def started(self) -> tuple[StartedJobInstance, ...]:
        """Every job instance that was started so far."""
        return tuple(self._running.context.job_instances.started)

    def new_token(self) -> str:
        """A further good token, with a life of its own."""
        return self._running.tokens.new()

    def add_fault(self, fault: Fault) -> None:
        """Let further requests go wrong."""
        self._running.faults.add(fault)


@contextmanager
def serve_in_thread(
    home: Path,
    *,
    script: Script | Mapping[str, Any] | str | Path | None = None,
    engine: Engine | None = None,
    clock: Clock | None = None,
    port: int | None = None,
    idle_seconds: float = 0.0,
    max_kernels: int | None = None,
    with_sample: bool = False,
) -> Iterator[ServedFabric]:
    """Serve in a thread for as long as the block lasts; simulates, unless an engine is given.

    Args:
        home: the folder of this local Fabric.
        script: what the simulation does, see ``fabric_assets.local.script``; by default everything completes at once.
        engine: execute notebooks with this engine instead of simulating.
        clock: the time, such as a ``ManualClock``.
        port: ``None``: the one of last time, or a free one.
        idle_seconds: end when unused for so long; 0: never.
        max_kernels: so many notebooks at once, if an engine is given.
        with_sample: copy the sample into a home without workspaces.

    Raises:
        LocalFabricError: it cannot be started.
    """
    if script is None and engine is None:
        script = Script()
    settings = ServerSettings(
        home=LocalHome(home),
        script=None if script is None else load_script(script),
        engine=engine,
        clock=clock or SystemClock(),
        port=port,
        idle_seconds=idle_seconds,
        max_kernels=max_kernels,
        with_sample=with_sample,
    )
    started: concurrent.futures.Future[RunningServer] = concurrent.futures.Future()

    def run() -> None:
        try:
            asyncio.run(run_server(settings, started.set_result))
        except BaseException as error:  # handed to the caller's thread
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="local-fabric", daemon=True)
    thread.start()
    running = started.result(timeout=_START_SECONDS)
    fabric = running.fabric
    try:
        yield ServedFabric(fabric.url, fabric.workspace_id, fabric.token, fabric.pid, running)
    finally:
        running.stop()
        thread.join(timeout=_STOP_SECONDS)
        if thread.is_alive():
            raise LocalFabricError(f"The local Fabric of {home} did not end within {_STOP_SECONDS} s.")
