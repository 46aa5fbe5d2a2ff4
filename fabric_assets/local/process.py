"""Finds the running local Fabric of a folder, or starts one."""

import importlib.util
import logging
import os
import signal
import site
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from fabric_assets.local.errors import LocalFabricError, missing_extra
from fabric_assets.local.home import LocalHome
from fabric_assets.local.prepare import create_home, explained, server_lock, start_lock, stop_command
from fabric_assets.local.server_file import LocalFabric, read_server_file, server_log_end, sign_of_life
from fabric_assets.local.version import code_version

IDLE_SECONDS = 1800
"""A server that was started on demand ends when it was unused for so long."""

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_STOP_SECONDS = 20
_SECRETS = (
    "FABRIC_ACCESS_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
)
_started: list[subprocess.Popen[bytes]] = []


def connect(home: Path, *, timeout_seconds: float = 30) -> LocalFabric:
    """Find the running local Fabric of a folder, or start one.

    However many processes call it at once, there is one server. It goes on when this process ends.

    Args:
        home: the folder; created if it is missing.
        timeout_seconds: how long to wait for a server, new or old.

    Raises:
        LocalFabricError: there is none and none can be started; the message says why and what to do.
    """
    _require_extra()
    _reap()
    local_home = LocalHome(home.expanduser().absolute())
    deadline = time.monotonic() + timeout_seconds
    found = _usable(local_home, deadline)
    if found is not None:
        return found
    create_home(local_home)
    with explained(local_home):
        lock = start_lock(local_home)
        try:
            lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
        except Timeout as error:
            raise LocalFabricError(
                f"Another process has been starting the local Fabric of {local_home.root} for {timeout_seconds:g} s. "
                f"Its log: {local_home.server_log}. If it hangs, stop it with: {stop_command(local_home)}"
            ) from error
    try:
        return _usable(local_home, deadline) or _replace_or_start(local_home, deadline)
    finally:
        lock.release()


def find_running(home: Path) -> LocalFabric | None:
    """The running local Fabric of a folder; ``None`` if none answers. Starts nothing.

    Args:
        home: the folder.

    Raises:
        LocalFabricError: the extra `local` is not installed.
    """
    _require_extra()
    return _usable(LocalHome(home.expanduser().absolute()), time.monotonic() + 2.0)


def stop(home: Path, *, timeout_seconds: float = _STOP_SECONDS) -> bool:
    """Stop the running local Fabric of a folder; its running job instances fail.

    Args:
        home: the folder.
        timeout_seconds: how long it may take before the process is killed.

    Returns:
        Whether there was one.

    Raises:
        LocalFabricError: it does not end.
    """
    local_home = LocalHome(home.expanduser().absolute())
    if not is_running(local_home):
        return False
    running = read_server_file(local_home)
    if running is None:
        raise LocalFabricError(
            f"The local Fabric of {local_home.root} is just starting. Try again in some seconds."
        )
    if running.pid == os.getpid():
        raise LocalFabricError(
            f"The local Fabric of {local_home.root} is a thread of this process, which has to stop it."
        )
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(ProcessLookupError):
            os.kill(running.pid, number)
        if _wait_until_stopped(local_home, timeout_seconds):
            return True
    raise LocalFabricError(f"The local Fabric of {local_home.root} (process {running.pid}) does not end.")


def is_running(home: LocalHome) -> bool:
    """Whether a server lives on a folder, answering or not."""
    if not home.root.is_dir():
        return False
    lock = server_lock(home)
    try:
        with explained(home):
            lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def _usable(home: LocalHome, deadline: float) -> LocalFabric | None:
    """The running server, if it answers and is not to be replaced."""
    running = read_server_file(home)
    if running is None:
        return None
    alive = sign_of_life(running, max(0.2, min(2.0, deadline - time.monotonic())))
    if alive is None:
        return None
    if alive.version != code_version():
        if not alive.active_job_instances:
            return None
        _LOG.warning(
            "The local Fabric of %s runs version %s and is kept, as it has job instances running.",
            home.root,
            alive.version,
        )
    return running


def _replace_or_start(home: LocalHome, deadline: float) -> LocalFabric:
    """Called with the start lock held, so that nobody else starts or replaces a server."""
    running = read_server_file(home)
    alive = sign_of_life(running) if running is not None else None
    if alive is not None and alive.version != code_version() and not alive.active_job_instances:
        stop(home.root)
    while is_running(home):
        # Somebody runs it in the foreground and it is still starting, or it hangs.
        found = _usable(home, deadline)
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            who = f"process {running.pid} at {running.url}" if running else "which has not told its address"
            raise LocalFabricError(
                f"The local Fabric of {home.root} ({who}) does not answer. Stop it with: {stop_command(home)}"
            )
        time.sleep(_POLL_SECONDS)
    return _start(home, deadline)


def _start(home: LocalHome, deadline: float) -> LocalFabric:
    with explained(home):
        home.server_file.unlink(missing_ok=True)
        log = os.open(home.server_log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - this interpreter with fixed arguments
            [
                *(sys.executable, "-P", "-m", "fabric_assets.local"),
                *("--home", str(home.root), "--idle-seconds", str(IDLE_SECONDS)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.root,
            env=_environment(),
            start_new_session=True,
        )
    finally:
        os.close(log)
    _started.append(process)
    while True:
        found = read_server_file(home)
        if found is not None and sign_of_life(found) is not None:
            return found
        if process.poll() is not None and found is None:
            end = server_log_end(home.server_log) or "(it wrote nothing)"
            raise LocalFabricError(
                f"The local Fabric ended while it was starting (exit code {process.returncode}). "
                f"The end of {home.server_log}:\n{end}"
            )
        if time.monotonic() >= deadline:
            process.terminate()
            raise LocalFabricError(
                "The local Fabric did not answer in time and was stopped. "
                f"The end of {home.server_log}:\n{server_log_end(home.server_log) or '(it wrote nothing)'}"
            )
        time.sleep(_POLL_SECONDS)


def _environment() -> dict[str, str]:
    """The server's environment: without secrets that it does not need, with this package to be found."""
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    root = str(Path(__file__).resolve().parents[2])
    if root not in [*site.getsitepackages(), site.getusersitepackages()]:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), root]))
    return environment


def _require_extra() -> None:
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise missing_extra(name)


def _wait_until_stopped(home: LocalHome, timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while is_running(home):
        if time.monotonic() >= deadline:
            return False
        _reap()
        time.sleep(_POLL_SECONDS)
    return True


def _reap() -> None:
    """Let servers that this process started and that have ended go."""
    _started[:] = [process for process in _started if process.poll() is None]
