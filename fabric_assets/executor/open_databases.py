"""Keeps the databases of a run open while it goes on, where Dagster's storage is SQLite.

Dagster connects anew for each event. When the last connection of a database is closed, SQLite writes its journal back
and removes it: a third of the CPU of an event, and more of its time (``benchmarks/executor.py`` shows both).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import dagster as dg

from fabric_assets.executor.dagster_internals import sqlite_files


@contextmanager
def databases_kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold one idle connection to each SQLite file that the run's events and notes go to; none elsewhere."""
    with ExitStack() as stack:
        for path in sqlite_files(instance, run_id):
            with suppress(sqlite3.Error):  # it saves time, nothing depends on it
                uri = f"{path.absolute().as_uri()}?mode=rw"  # never creates one
                connection = stack.enter_context(
                    closing(sqlite3.connect(uri, uri=True, check_same_thread=False))
                )
                # A file is opened with its first query.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield
