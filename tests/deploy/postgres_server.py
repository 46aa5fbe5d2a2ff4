"""A PostgreSQL server of this machine's own binaries, for the time of some tests."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGQUIT
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

SETUP = "apt-get install postgresql (Debian's package; the tests start a server of their own, on loopback)"
DEADLINE_SECONDS = 60
ATTEMPTS = 3
"""How many ports are tried: somebody else can take a free one before the server does."""
_BINARIES = Path("/usr/lib/postgresql")  # Debian: a folder for each version
_USER = "dagster"
_UNPRIVILEGED = "postgres"  # Debian's package creates it; the server refuses to run as root


@dataclass(frozen=True)
class PostgresServer:
    """A running server on loopback."""

    port: int
    password: str
    host: str = "127.0.0.1"
    user: str = _USER

    def environment(self, database: str) -> dict[str, str]:
        """The variables that ``deploy/dagster.yaml`` reads."""
        return {
            "DAGSTER_POSTGRES_HOST": self.host,
            "DAGSTER_POSTGRES_PORT": str(self.port),
            "DAGSTER_POSTGRES_USER": self.user,
            "DAGSTER_POSTGRES_PASSWORD": self.password,
            "DAGSTER_POSTGRES_DB": database,
        }

    def create_database(self, name: str, template: str = "template1") -> None:
        """A database with what another one has, which nobody may be connected to."""
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with closing(self.connect()) as connection:
            connection.autocommit = True  # a database cannot be created inside a transaction
            connection.cursor().execute(command.format(sql.Identifier(name), sql.Identifier(template)))

    def connect(self, database: str = "postgres") -> psycopg2.extensions.connection:
        """A connection of the test's own."""
        return psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database
        )


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server with a password on a free port of loopback; it is ended and forgotten afterwards."""
    binaries = _binaries()
    # Not below pytest's folders: those are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="fabric_assets_postgres_"))
    try:
        password = secrets.token_urlsafe(16)
        owner = _create_cluster(binaries, folder, password)
        for attempts_left in reversed(range(ATTEMPTS)):
            server = PostgresServer(_free_port(), password)
            process = _start(binaries, folder, server, owner)
            try:
                if _answers(server, process):
                    yield server
                    break
                log = (folder / "log").read_text()
                assert attempts_left and "could not bind" in log, f"PostgreSQL did not start:\n{log}"  # noqa: PT018
            finally:
                _stop(process)
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    """The folder of the newest version. Only outside of CI its tests may be without."""
    found = sorted(_BINARIES.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    if os.environ.get("CI"):
        raise AssertionError(f"The tests of deploy/ need PostgreSQL's server: {SETUP}")
    pytest.skip(f"no PostgreSQL server below {_BINARIES}: {SETUP}")


def _create_cluster(binaries: Path, folder: Path, password: str) -> dict[str, Any]:
    """Make the server's files; how to start processes as the user who owns them."""
    owner: dict[str, Any] = {}
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if os.getuid() == 0:
        owner = {"user": _UNPRIVILEGED, "group": _UNPRIVILEGED, "extra_groups": []}
        user = pwd.getpwnam(_UNPRIVILEGED)
        for path in (folder, password_file):
            os.chown(path, user.pw_uid, user.pw_gid)
    command = [
        *(binaries / "initdb", "--pgdata", folder / "data", "--username", _USER, "--encoding", "UTF8"),
        *("--auth", "md5", "--pwfile", password_file, "--no-sync"),  # SCRAM takes longer than most queries
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **owner)
    return owner


def _start(
    binaries: Path, folder: Path, server: PostgresServer, owner: dict[str, Any]
) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": server.host,
        "port": server.port,
        "unix_socket_directories": "",
        "fsync": "off",  # its data is thrown away
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                *(binaries / "postgres", "-D", folder / "data"),
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C in the terminal lets the tests end first
            **owner,
        )


def _answers(server: PostgresServer, process: subprocess.Popen[bytes]) -> bool:
    """Wait until connections are accepted; whether the server lives."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while process.poll() is None:
        with suppress(psycopg2.OperationalError):
            server.connect().close()
            return True
        assert time.monotonic() < deadline, f"PostgreSQL does not answer on port {server.port}"
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(SIGQUIT)  # its immediate shutdown: nothing is worth writing to disk
    try:
        process.wait(DEADLINE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
