"""Keeps the databases of a run open while it goes on, where Dagster's storage is SQLite.

Dagster connects anew for each event. When the last connection of a database is closed, SQLite writes its journal back
and removes it: a third of the CPU of an event, and more of its time. Here, that is done once a second instead: the UI
learns of new events when the file of a run changes.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import dagster as dg

from fabric_assets.executor.dagster_internals import sqlite_files

_WRITE_BACK_SECONDS = 1.0


@contextmanager
def databases_kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold a connection to each SQLite file that the run's events and notes go to; none elsewhere."""
    with ExitStack() as stack:
        connections = []
        for path in sqlite_files(instance, run_id):
            with suppress(sqlite3.Error):  # it saves time, nothing depends on it
                connections.append(stack.enter_context(closing(_open(path))))
        if connections:
            ended = threading.Event()
            writing = threading.Thread(
                target=_write_back, args=(connections, ended), name="fabric-assets-sqlite", daemon=True
            )
            writing.start()
            stack.callback(writing.join)
            stack.callback(ended.set)
        yield


def _open(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"  # never creates one
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    # A file is opened with its first query.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _write_back(connections: list[sqlite3.Connection], ended: threading.Event) -> None:
    while not ended.wait(_WRITE_BACK_SECONDS):
        for connection in connections:
            with suppress(sqlite3.Error):  # somebody else writes: next time
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
