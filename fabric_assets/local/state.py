"""What survives a restart, in SQLite: job instances, operations, ids, token and port."""

import json
import os
import secrets
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

ACTIVE_STATUSES = ("NotStarted", "InProgress")
COMPLETED_JOB_INSTANCES_SHOWN = 100
"""Fabric lists the last 100 completed job instances of an item, and all active ones."""

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS workspaces (display_name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS job_instances (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workspace_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    active INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS job_instances_by_item ON job_instances (item_id, sequence);
CREATE INDEX IF NOT EXISTS job_instances_by_workspace ON job_instances (workspace_id, sequence);
CREATE INDEX IF NOT EXISTS active_job_instances ON job_instances (active) WHERE active;
CREATE TABLE IF NOT EXISTS operations (id TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (kind, owner, id)
);
"""


@dataclass(frozen=True)
class JobInstance:
    """One job instance as it is, which is not always what a read shows. Times are nanoseconds since 1970.

    Attributes:
        status: ``NotStarted``, ``InProgress``, or how it ended.
        compute: ``Spark``, ``Jupyter`` or ``DataWarehouse``; ``None`` if the item is no notebook.
        session_attached: the session of another job instance is shared (high concurrency).
        show_end_time: ``False``: reads show ``endTimeUtc: null`` although it ended.
        invoke_type: ``Manual`` or ``Scheduled``.
    """

    id: str
    workspace_id: str
    item_id: str
    item_name: str
    item_type: str
    job_type: str
    accepted_ns: int
    root_activity_id: str
    livy_id: str
    status: str = "NotStarted"
    started_ns: int | None = None
    ended_ns: int | None = None
    show_end_time: bool = True
    failure_reason: Mapping[str, Any] | None = None
    exit_value: str | None = None
    compute: str | None = None
    parameters: Mapping[str, Any] | None = None
    high_concurrency: bool = False
    session_tag: str | None = None
    session_attached: bool = False
    invoke_type: str = "Manual"
    sequence: int = 0

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.ended_ns is None


@dataclass(frozen=True)
class Operation:
    """A long-running operation; its result or its error is known at once and shown from ``ready_ns`` on."""

    id: str
    created_ns: int
    ready_ns: int
    result: Any = None
    error: Mapping[str, Any] | None = None


class State:
    """The SQLite file. Used by the server's thread only.

    Args:
        path: the file; created with access for its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._settings: dict[str, str] = {}
        self._workspace_ids: dict[str, str] = {}
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        # A crash of the process loses nothing this way, only one of the machine the last moments.
        self._database.execute("PRAGMA synchronous = NORMAL")
        found = self._database.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, _SCHEMA_VERSION):
            self._database.close()
            raise sqlite3.DatabaseError(
                f"it was written by another version (format {found}, not {_SCHEMA_VERSION})"
            )
        self._database.executescript(_SCHEMA)
        self._database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._database.close()

    def setting(self, name: str) -> str | None:
        """A stored setting, or ``None``."""
        if name in self._settings:
            return self._settings[name]
        row = self._database.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        if row is not None:
            self._settings[name] = str(row[0])
        return self._settings.get(name)

    def save_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        self._settings[name] = value
        self._database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def secret(self, name: str) -> str:
        """A random secret that stays the same between restarts."""
        value = self.setting(name)
        if value is None:
            value = secrets.token_urlsafe(32)
            self.save_setting(name, value)
        return value

    def stable_id(self, name: str) -> str:
        """A random GUID that stays the same between restarts."""
        value = self.setting(name)
        if value is None:
            value = str(uuid.uuid4())
            self.save_setting(name, value)
        return value

    def workspace_id(self, display_name: str) -> str:
        """The id of a workspace, given at its first sight."""
        if display_name not in self._workspace_ids:
            self._database.execute(
                "INSERT OR IGNORE INTO workspaces VALUES (?, ?)", (display_name, str(uuid.uuid4()))
            )
            row = self._database.execute(
                "SELECT id FROM workspaces WHERE display_name = ?", (display_name,)
            ).fetchone()
            self._workspace_ids[display_name] = str(row[0])
        return self._workspace_ids[display_name]

    def add_job_instance(self, job_instance: JobInstance) -> JobInstance:
        """Store a new job instance; returns it with its sequence number."""
        cursor = self._database.execute(
            "INSERT INTO job_instances (id, workspace_id, item_id, active, record) VALUES (?, ?, ?, 1, ?)",
            (job_instance.id, job_instance.workspace_id, job_instance.item_id, _to_json(job_instance)),
        )
        return replace(job_instance, sequence=cursor.lastrowid or 0)

    def update_job_instance(self, job_instance: JobInstance) -> None:
        """Store what changed."""
        self._database.execute(
            "UPDATE job_instances SET active = ?, record = ? WHERE id = ?",
            (int(job_instance.active), _to_json(job_instance), job_instance.id),
        )

    def job_instance(self, job_instance_id: str) -> JobInstance | None:
        """One job instance by its id."""
        row = self._database.execute(
            "SELECT sequence, record FROM job_instances WHERE id = ?", (job_instance_id,)
        ).fetchone()
        return None if row is None else _job_instance(row)

    def job_instances_of_item(self, item_id: str) -> list[JobInstance]:
        """All active and the last completed job instances of an item, newest first."""
        rows = self._database.execute(
            """
            SELECT sequence, record FROM job_instances WHERE item_id = :item AND active
            UNION ALL
            SELECT * FROM (
                SELECT sequence, record FROM job_instances WHERE item_id = :item AND NOT active
                ORDER BY sequence DESC LIMIT :limit
            )
            ORDER BY sequence DESC
            """,
            {"item": item_id, "limit": COMPLETED_JOB_INSTANCES_SHOWN},
        )
        return [_job_instance(row) for row in rows]

    def job_instances_of_workspace(
        self, workspace_id: str, before: int | None = None
    ) -> Iterator[JobInstance]:
        """All job instances of a workspace, newest first, from below sequence number ``before``."""
        for row in self._database.execute(
            "SELECT sequence, record FROM job_instances WHERE workspace_id = ? AND sequence < ? ORDER BY sequence DESC",
            (workspace_id, before if before is not None else 2**62),
        ):
            yield _job_instance(row)

    def active_job_instances(self) -> list[JobInstance]:
        """Every job instance that has not ended, oldest first."""
        rows = self._database.execute(
            "SELECT sequence, record FROM job_instances WHERE active ORDER BY sequence"
        )
        return [_job_instance(row) for row in rows]

    def add_operation(self, operation: Operation) -> None:
        """Store a long-running operation."""
        self._database.execute(
            "INSERT INTO operations VALUES (?, ?)", (operation.id, json.dumps(asdict(operation)))
        )

    def operation(self, operation_id: str) -> Operation | None:
        """One operation by its id."""
        row = self._database.execute("SELECT record FROM operations WHERE id = ?", (operation_id,)).fetchone()
        return None if row is None else Operation(**json.loads(row[0]))

    def save_record(self, kind: str, owner: str, record_id: str, record: Mapping[str, Any]) -> None:
        """Store or change something small of a service around job instances, such as a refresh."""
        self._database.execute(
            "INSERT INTO records (kind, owner, id, record) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, owner, id) DO UPDATE SET record = excluded.record",
            (kind, owner, record_id, json.dumps(record)),
        )

    def record(self, kind: str, owner: str, record_id: str) -> dict[str, Any] | None:
        """One record by its id."""
        row = self._database.execute(
            "SELECT record FROM records WHERE kind = ? AND owner = ? AND id = ?", (kind, owner, record_id)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def records(self, kind: str, owner: str) -> list[dict[str, Any]]:
        """All records of an owner, newest first."""
        rows = self._database.execute(
            "SELECT record FROM records WHERE kind = ? AND owner = ? ORDER BY sequence DESC", (kind, owner)
        )
        return [json.loads(row[0]) for row in rows]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is stored, or nothing."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


_JOB_INSTANCE_FIELDS = {field.name for field in fields(JobInstance)} - {"sequence"}


def _to_json(job_instance: JobInstance) -> str:
    return json.dumps({name: getattr(job_instance, name) for name in _JOB_INSTANCE_FIELDS})


def _job_instance(row: tuple[int, str]) -> JobInstance:
    return JobInstance(**json.loads(row[1]), sequence=row[0])
