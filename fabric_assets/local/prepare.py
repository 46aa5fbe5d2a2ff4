"""Makes a folder ready to be the home of a local Fabric."""

import errno
import shlex
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.home import DEFAULT_WORKSPACE, LocalHome
from fabric_assets.local.server_file import read_server_file
from fabric_assets.local.state import State

SAMPLE = Path(__file__).parent / "sample"
HOME_VARIABLE = "FABRIC_LOCAL_HOME"

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def create_home(home: LocalHome) -> None:
    """Create the folder, for its owner only.

    Raises:
        LocalFabricError: it cannot be written.
    """
    with explained(home):
        new = not home.root.exists() or not any(home.root.iterdir())
        home.root.mkdir(parents=True, exist_ok=True)
        if new:
            home.root.chmod(0o700)


def fill_home(home: LocalHome, *, with_sample: bool) -> None:
    """Copy the sample into a folder that is used for the first time and has no items, and make the default workspace.

    Raises:
        LocalFabricError: it cannot be written.
    """
    with explained(home):
        first_time = not home.state_file.exists() and not any(home.workspaces.glob("*/*"))
        if with_sample and first_time and SAMPLE.is_dir():
            _copy_sample(home)
        (home.workspaces / DEFAULT_WORKSPACE).mkdir(parents=True, exist_ok=True)


def open_state(home: LocalHome) -> State:
    """Open the state file.

    Raises:
        LocalFabricError: it is damaged, or cannot be written.
    """
    try:
        with explained(home):
            return State(home.state_file)
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise LocalFabricError(_full_disk(home, error)) from error
        path = shlex.quote(str(home.state_file))
        raise LocalFabricError(
            f"{home.state_file} cannot be read: {error}. It holds the job instances so far, no items or tables. "
            f"Move it away with: mv {path} {path}.old"
        ) from error


def server_lock(home: LocalHome) -> FileLock:
    """Held by the one running server of a home for as long as it lives, however it ends."""
    return FileLock(home.root / "server.lock", mode=0o600, thread_local=False)


def start_lock(home: LocalHome) -> FileLock:
    """Held by whoever starts a server."""
    return FileLock(home.root / "start.lock", mode=0o600, thread_local=False)


@contextmanager
def only_server(home: LocalHome) -> Iterator[None]:
    """Be the one server of a home.

    Raises:
        LocalFabricError: there is one already.
    """
    lock = server_lock(home)
    try:
        with explained(home):
            # Whoever asks whether a server is running holds the lock for a moment.
            lock.acquire(timeout=1)
    except Timeout as error:
        running = read_server_file(home)
        where = f"process {running.pid} at {running.url}" if running else "it is just starting"
        raise LocalFabricError(
            f"A local Fabric is already running on {home.root} ({where}). Stop it with: {stop_command(home)}"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def explained(home: LocalHome) -> Iterator[None]:
    """Turn the operating system's refusals into errors that say what to do."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        if error.errno in _FULL_DISK:
            raise LocalFabricError(_full_disk(home, error)) from error
        raise LocalFabricError(
            f"The local Fabric cannot use its folder {home.root}: {error.strerror or error} ({error.filename}). "
            f"Choose another one with: export {HOME_VARIABLE}=~/.fabric_local"
        ) from error


def stop_command(home: LocalHome) -> str:
    """The command that stops the server of a home."""
    return f"fabric-assets local --stop --home {shlex.quote(str(home.root))}"


def _full_disk(home: LocalHome, error: Exception) -> str:
    return (
        f"The disk of the local Fabric's folder {home.root} is full ({error}). Executed notebooks can be removed with: "
        f"rm -r {shlex.quote(str(home.root / 'job_instances'))}"
    )


def _copy_sample(home: LocalHome) -> None:
    """Copy what is not there yet; the workspaces come last and at once, so that a broken copy is made again."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for source in sorted((SAMPLE / "onelake").rglob("*")):
        target = home.onelake / source.relative_to(SAMPLE / "onelake")
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    if (SAMPLE / "workspaces").is_dir():
        with tempfile.TemporaryDirectory(dir=home.root, prefix=".sample-") as folder:
            new = Path(folder) / "workspaces"
            shutil.copytree(SAMPLE / "workspaces", new, ignore=ignore, copy_function=shutil.copyfile)
            if home.workspaces.is_dir():
                shutil.rmtree(home.workspaces)  # nothing but empty folders
            new.rename(home.workspaces)
