"""Runs the local Fabric in this process, until it is stopped or was unused for long."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import uvicorn

from fabric_assets.local.app import create_app
from fabric_assets.local.clock import Clock, SystemClock
from fabric_assets.local.context import Context
from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.execution import Engine
from fabric_assets.local.faults import Faults
from fabric_assets.local.gate import Gate, Tokens
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Workspace, Workspaces
from fabric_assets.local.job_instances import JobInstances
from fabric_assets.local.prepare import create_home, fill_home, only_server, open_state
from fabric_assets.local.protocol import abortable_protocol
from fabric_assets.local.script import Script, Service
from fabric_assets.local.scripted_services import ScriptedServices
from fabric_assets.local.server_file import LocalFabric, remove_server_file, write_server_file
from fabric_assets.local.simulate import SimulatedEngine
from fabric_assets.local.state import State
from fabric_assets.local.version import code_version

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_CLOSE_REQUESTS_SECONDS = 3
_PORT_SETTING = "port"
_WATCH_SECONDS = 1.0


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


@dataclass
class RunningServer:
    """The parts of a running server that others reach for."""

    fabric: LocalFabric
    context: Context
    tokens: Tokens
    faults: Faults
    workspaces: list[Workspace]
    stop: Callable[[], None]


class _Uvicorn(uvicorn.Server):
    """Tells when it listens, and ends when ``lifetime`` is over."""

    def __init__(
        self, config: uvicorn.Config, lifetime: "_Lifetime", on_listening: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._lifetime = lifetime
        self._on_listening = on_listening

    async def main_loop(self) -> None:
        self._on_listening()
        watch = asyncio.create_task(self._end_with_lifetime())
        try:
            await super().main_loop()
        finally:
            watch.cancel()

    async def _end_with_lifetime(self) -> None:
        await self._lifetime.over()
        self.should_exit = True


class _Lifetime:
    """How long a server lives: until it was unused for long, or its folder was deleted."""

    def __init__(self, home: LocalHome, idle_seconds: float, is_busy: Callable[[], bool]) -> None:
        self._home = home
        self._idle_seconds = idle_seconds
        self._is_busy = is_busy
        self._last_use = time.monotonic()

    def used(self) -> None:
        self._last_use = time.monotonic()

    async def over(self) -> None:
        """Return when the server has to end."""
        while True:
            if self._is_busy():
                self.used()
            left = (
                self._last_use + self._idle_seconds - time.monotonic()
                if self._idle_seconds
                else _WATCH_SECONDS
            )
            if left <= 0:
                _LOG.info("unused for %g s: the local Fabric ends", self._idle_seconds)
                return
            await asyncio.sleep(min(left, _WATCH_SECONDS))
            if not self._home.server_file.exists():
                _LOG.warning("%s is gone: the local Fabric ends", self._home.server_file)
                return


def serve(settings: ServerSettings, on_ready: Callable[[LocalFabric, list[Workspace]], None]) -> None:
    """Serve in this thread, the main one, until a signal or until unused.

    Args:
        settings: how.
        on_ready: called when requests are answered.

    Raises:
        LocalFabricError: it cannot be started.
    """
    running: list[RunningServer] = []

    def ready(started: RunningServer) -> None:
        running.append(started)
        on_ready(started.fabric, started.workspaces)

    def stop(number: int, _frame: object) -> None:
        if not running:
            raise SystemExit(128 + number)
        running[0].stop()

    # uvicorn raises the signals again when it has stopped; by then our own clean-up is what counts.
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = {
        number: signal.signal(number, stop) for name in names if (number := getattr(signal, name, None))
    }
    try:
        asyncio.run(run_server(settings, ready))
    finally:
        for number, handler in before.items():
            # None: it was not set from Python and cannot be set back.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


async def run_server(settings: ServerSettings, on_ready: Callable[[RunningServer], None]) -> None:
    """Serve until stopped; everything that it started has ended when it returns.

    Args:
        settings: how.
        on_ready: called when requests are answered.

    Raises:
        LocalFabricError: it cannot be started.
    """
    home = settings.home
    create_home(home)
    with (
        only_server(home),
        contextlib.closing(_opened(settings)) as state,
        _bound_socket(settings, state) as bound,
    ):
        await settings.clock.sleep_until(0)  # a clock turned by hand must know whose tasks it wakes
        async with _context(settings, state) as context:
            token = state.secret("token")
            tokens = Tokens(token, settings.clock, context.service.token_seconds)
            script = settings.script or Script()
            faults = Faults(script.faults, script.seed)
            lifetime = _Lifetime(home, settings.idle_seconds, lambda: context.job_instances.active_count > 0)
            port = bound.getsockname()[1]
            url = f"http://{_HOST}:{port}/v1"
            fabric = LocalFabric(url, context.workspaces.default().id, token, os.getpid())
            loop = asyncio.get_running_loop()

            def stop() -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                    loop.call_soon_threadsafe(setattr, server, "should_exit", True)

            def listening() -> None:
                write_server_file(home, fabric)
                state.save_setting(_PORT_SETTING, str(port))
                on_ready(RunningServer(fabric, context, tokens, faults, context.workspaces.all(), stop))

            app = create_app(context, tokens, faults, lifetime.used)
            server = _Uvicorn(_uvicorn_config(app), lifetime, listening)
            try:
                await server.serve(sockets=[bound])
            finally:
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
    workspaces = Workspaces(settings.home, state, script.simulated_items if script else ())
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
            ScriptedServices(script or Script()),
        )
    finally:
        await job_instances.stop()


def _uvicorn_config(app: Gate) -> uvicorn.Config:
    return uvicorn.Config(
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
