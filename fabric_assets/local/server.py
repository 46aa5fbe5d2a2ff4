"""Runs the local Fabric: in this process until it is stopped, or in a thread for tests and benchmarks."""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from fabric_assets.local.app import create_app
from fabric_assets.local.clock import Clock, SystemClock
from fabric_assets.local.context import Context, RequestRecord
from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.execution import Engine
from fabric_assets.local.faults import Faults
from fabric_assets.local.gate import Gate, Tokens
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Workspace, Workspaces
from fabric_assets.local.job_instances import JobInstances, StartedJobInstance
from fabric_assets.local.prepare import create_home, fill_home, only_server, open_state
from fabric_assets.local.protocol import abortable_protocol
from fabric_assets.local.script import Fault, Script, Service, load_script
from fabric_assets.local.server_file import LocalFabric, remove_server_file, write_server_file
from fabric_assets.local.simulate import SimulatedEngine
from fabric_assets.local.state import State
from fabric_assets.local.version import code_version

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_START_SECONDS = 60
_CLOSE_REQUESTS_SECONDS = 3
_PORT_SETTING = "port"


@dataclass(frozen=True)
class ServerSettings:
    """How a server runs.

    Attributes:
        home: its folder.
        script: simulate after this script instead of running kernels.
        engine: execute notebooks with this engine; ``None``: real kernels, or the script's simulation.
        clock: the time.
        port: ``None``: the one of last time if it is free.
        idle_seconds: end when unused for so long; 0: never.
        max_kernels: so many notebooks run at once on real kernels; ``None``: one a core, at least two.
        with_sample: copy the sample into a home without workspaces.
    """

    home: LocalHome
    script: Script | None = None
    engine: Engine | None = None
    clock: Clock = field(default_factory=SystemClock)
    port: int | None = None
    idle_seconds: float = 0.0
    max_kernels: int | None = None
    with_sample: bool = True


@dataclass(frozen=True)
class ServedFabric(LocalFabric):
    """A local Fabric in a thread of this process, with what a test wants to know of it."""

    _running: "_Running" = field(repr=False, compare=False)

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


@dataclass
class _Running:
    """The parts of a running server that others reach for."""

    fabric: LocalFabric
    context: Context
    tokens: Tokens
    faults: Faults
    workspaces: list[Workspace]
    stop: Callable[[], None]


class _Uvicorn(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


class _IdleWatch:
    """Notes when the server was used last, and ends it when that is too long ago."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._last_use = time.monotonic()

    def used(self) -> None:
        self._last_use = time.monotonic()

    async def stop_when_unused(self, is_busy: Callable[[], bool], stop: Callable[[], None]) -> None:
        while self._idle_seconds:
            if is_busy():
                self.used()
            left = self._last_use + self._idle_seconds - time.monotonic()
            if left <= 0:
                _LOG.info("unused for %g s: the local Fabric ends", self._idle_seconds)
                stop()
                return
            await asyncio.sleep(min(left, 1.0))


def serve(settings: ServerSettings, on_ready: Callable[[LocalFabric, list[Workspace]], None]) -> None:
    """Serve in this thread, the main one, until a signal or until unused.

    Args:
        settings: how.
        on_ready: called when requests are answered.

    Raises:
        LocalFabricError: it cannot be started.
    """
    running: list[_Running] = []

    def ready(started: _Running) -> None:
        running.append(started)
        on_ready(started.fabric, started.workspaces)

    def stop(_signal: int, _frame: object) -> None:
        for started in running:
            started.stop()

    # uvicorn raises the signals again when it has stopped; by then our own clean-up is what counts.
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    for name in names:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    asyncio.run(_serve(settings, ready))


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
    started: concurrent.futures.Future[_Running] = concurrent.futures.Future()

    def run() -> None:
        try:
            asyncio.run(_serve(settings, started.set_result))
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
        thread.join(timeout=_START_SECONDS)


async def _serve(settings: ServerSettings, on_ready: Callable[[_Running], None]) -> None:
    home = settings.home
    create_home(home)
    with (
        only_server(home),
        contextlib.closing(_opened(settings)) as state,
        _bound_socket(settings, state) as bound,
    ):
        idle = _IdleWatch(settings.idle_seconds)
        await settings.clock.sleep_until(0)  # a clock turned by hand must know whose tasks it wakes
        async with _context(settings, state) as context:
            service = context.service
            tokens = Tokens(state.secret("token"), settings.clock, service.token_seconds)
            faults = Faults(settings.script.faults if settings.script else ())
            app = create_app(context, tokens, faults, idle.used)
            port = bound.getsockname()[1]
            workspaces = context.workspaces.all()
            fabric = LocalFabric(
                f"http://{_HOST}:{port}/v1",
                context.workspaces.default().id,
                state.secret("token"),
                os.getpid(),
            )
            loop = asyncio.get_running_loop()

            def stop() -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                    loop.call_soon_threadsafe(setattr, server, "should_exit", True)

            def listening() -> None:
                write_server_file(home, fabric)
                state.save_setting(_PORT_SETTING, str(port))
                on_ready(_Running(fabric, context, tokens, faults, workspaces, stop))

            server = _uvicorn(app, listening)
            watch = asyncio.create_task(
                idle.stop_when_unused(lambda: context.job_instances.active_count > 0, stop)
            )
            try:
                await server.serve(sockets=[bound])
            finally:
                watch.cancel()
                remove_server_file(home, os.getpid())


def _opened(settings: ServerSettings) -> State:
    """The state of a filled home; the caller is the home's only server."""
    settings.home.server_file.unlink(missing_ok=True)  # of one that was killed
    fill_home(settings.home, with_sample=settings.with_sample)
    return open_state(settings.home)


@asynccontextmanager
async def _context(settings: ServerSettings, state: State) -> AsyncIterator[Context]:
    """The server's parts, with the job instances of last time ended, and those of this time at the end."""
    script = settings.script
    service = script.service if script else Service()
    simulated = SimulatedEngine(script, settings.clock) if script and settings.engine is None else None
    workspaces = Workspaces(settings.home, state, script.notebook_names if script else ())
    job_instances = JobInstances(
        settings.home,
        state,
        workspaces,
        settings.clock,
        settings.engine or simulated,
        cancel_seconds=service.cancel_seconds,
        show_end_time_on_cancel=service.end_time_on_cancel,
        max_kernels=settings.max_kernels,
    )
    job_instances.fail_left_over()
    try:
        yield Context(
            settings.home,
            state,
            workspaces,
            job_instances,
            settings.clock,
            service,
            simulated,
            code_version(),
        )
    finally:
        await job_instances.stop()


def _uvicorn(app: Gate, on_started: Callable[[], None]) -> _Uvicorn:
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=abortable_protocol(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_CLOSE_REQUESTS_SECONDS,
    )
    return _Uvicorn(config, on_started)


@contextmanager
def _bound_socket(settings: ServerSettings, state: State) -> Iterator[socket.socket]:
    """A socket on the wanted port, on the one of last time, or on a free one."""
    last = state.setting(_PORT_SETTING)
    wanted = settings.port if settings.port is not None else int(last or 0)
    # asyncio switches Nagle's delays off only for sockets that name their protocol.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((_HOST, wanted))
        except OSError as error:
            if settings.port is not None:
                raise LocalFabricError(
                    f"Port {wanted} cannot be used: {error.strerror}. Leave --port out, or name another one."
                ) from error
            bound.bind((_HOST, 0))
        yield bound
    finally:
        bound.close()
