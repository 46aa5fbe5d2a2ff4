"""Two things about a Delta table's log that no library here does."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any


def newest_version(folder: Path) -> int:
    """The version of a Delta table, -1 if the folder holds none."""
    versions = [int(path.stem) for path in (folder / "_delta_log").glob("*.json") if path.stem.isdigit()]
    return max(versions, default=-1)


def make_columns_nullable(folder: Path, after_version: int) -> bool:
    """Let the columns of a table be null if a write after this version defined them.

    Returns whether anything had to be changed.

    Spark does so with every table that it makes from a query; the embedded Spark makes a column of constants
    ``NOT NULL``, so that the first null would fail.
    """
    for version in range(newest_version(folder), after_version, -1):
        for line in _commit(folder, version).read_text(encoding="utf-8").splitlines():
            metadata = json.loads(line).get("metaData") if line.strip() else None
            if metadata is not None:
                return _commit_nullable(folder, metadata)
    return False


def _commit_nullable(folder: Path, metadata: dict[str, Any]) -> bool:
    schema = json.loads(metadata["schemaString"])
    nullable = _nullable(schema)
    if nullable == schema:
        return False
    change = {
        "timestamp": int(time.time() * 1000),
        "operation": "CHANGE COLUMN",
        "operationParameters": {"nullable": "true"},
    }
    actions = [{"commitInfo": change}, {"metaData": {**metadata, "schemaString": json.dumps(nullable)}}]
    # A table that somebody else writes to at this moment keeps the columns that it has.
    with (
        contextlib.suppress(FileExistsError),
        _commit(folder, newest_version(folder) + 1).open("x") as stream,
    ):
        stream.write("".join(json.dumps(action) + "\n" for action in actions))
    return True


def _nullable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    true_keys = ("nullable", "containsNull", "valueContainsNull")
    return {key: True if key in true_keys else _nullable(value) for key, value in schema.items()}


def _commit(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.json"
