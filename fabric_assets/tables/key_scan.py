"""Looks for duplicate and missing keys in a table, in a process of its own.

A scan takes memory that a long-lived process would not give back, and cannot be interrupted from within; a process can
be ended.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabric_assets.tables.delta_log import explained, open_table
from fabric_assets.tables.errors import TableError
from fabric_assets.tables.table_location import TableLocation

_ASK_AGAIN_SECONDS = 0.5
_LONGEST_REASON = 800
_ENGINE = {
    # One partition: with several, DataFusion's exchange between them can come to a standstill when memory is limited.
    "datafusion.execution.target_partitions": "1",
}
_PACKAGES = Path(__file__).parent.parent.parent

Key = tuple[str, ...]


@dataclass(frozen=True)
class KeyFindings:
    """What is wrong with a key.

    Attributes:
        key: its columns.
        duplicates: how many values of the key occur more than once.
        examples: some of them, each with its columns and the number of its ``rows``.
        nulls: columns to the number of rows without a value.
    """

    key: Key
    duplicates: int
    examples: Sequence[Mapping[str, Any]]
    nulls: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether the key is unique and never null."""
        return not self.duplicates and not any(self.nulls.values())


def scan_keys(
    location: TableLocation,
    version: int,
    keys: Sequence[Key],
    *,
    examples: int,
    memory_mb: int,
    timeout_seconds: float,
) -> list[KeyFindings]:
    """Read the key columns of a table, and no others. Blocks, but can be interrupted.

    Args:
        location: where it lies.
        version: version of its Delta log.
        keys: columns of each key, as the table writes them.
        examples: how many duplicates to show.
        memory_mb: memory for the values that are compared, in MiB; more goes to temporary files.
        timeout_seconds: longest time.

    Raises:
        TableError: it cannot be read, or not in time.
    """
    request = {
        "uri": location.uri,
        "storage_options": dict(location.storage_options),
        "version": version,
        "keys": keys,
        "examples": examples,
        "memory_mb": memory_mb,
    }
    answer = _in_a_process(json.dumps(request), timeout_seconds)
    if "error" in answer:
        raise TableError(answer["error"])
    return [
        KeyFindings(key, found["duplicates"], found["examples"], found["nulls"])
        for key, found in zip(keys, answer["keys"], strict=True)
    ]


def _in_a_process(request: str, timeout_seconds: float) -> dict[str, Any]:
    # Of a process that is ended, temporary files would stay.
    with tempfile.TemporaryDirectory(prefix="key_scan_") as folder:
        environment = {**os.environ, "PYTHONPATH": _python_path(), "TMPDIR": folder}
        return _ask(request, environment, timeout_seconds)


def _ask(request: str, environment: Mapping[str, str], timeout_seconds: float) -> dict[str, Any]:
    # The request goes over stdin, not into the command line: it holds a token.
    process = subprocess.Popen(  # noqa: S603 -- our own module
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
    )
    try:
        output, errors = _communicate(process, request, timeout_seconds)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        said = errors.strip()[-_LONGEST_REASON:] or "it said nothing; the machine may be out of memory"
        raise TableError(f"the process that scans the keys ended with {process.returncode}: {said}") from None
    return answer


def _python_path() -> str:
    return os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(_PACKAGES)]))


def _communicate(process: "subprocess.Popen[str]", request: str, timeout_seconds: float) -> tuple[str, str]:
    # In short waits: a run's termination reaches a thread only between two calls.
    text: str | None = request
    give_up_at = time.monotonic() + timeout_seconds
    while True:
        try:
            return process.communicate(text, timeout=_ASK_AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            text = None
        if time.monotonic() > give_up_at:
            raise TableError(
                f"its keys have not been read within {timeout_seconds:g} s. Raise `scan_timeout_seconds` of the check."
            )


def _main() -> None:
    request = json.loads(sys.stdin.read())
    try:
        answer: dict[str, Any] = {"keys": _findings(request)}
    except Exception as error:  # noqa: BLE001  # told to the process that asked
        answer = {"error": str(explained(error))}
    json.dump(answer, sys.stdout, default=str)


def _findings(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    from deltalake import QueryBuilder

    location = TableLocation(request["uri"], request["storage_options"])
    query = QueryBuilder(_ENGINE).register("t", open_table(location, request["version"]))
    query.execute(f"SET datafusion.runtime.memory_limit = '{int(request['memory_mb'])}M'").read_all()
    keys: list[list[str]] = request["keys"]
    columns = list(dict.fromkeys(column for key in keys for column in key))
    missing = [f"count(*) FILTER (WHERE {_name(c)} IS NULL) AS n{i}" for i, c in enumerate(columns)]
    counts = query.execute(f"SELECT {', '.join(missing)} FROM t").read_all()  # noqa: S608 -- names are quoted
    nulls = {column: int(counts.column(f"n{i}").to_pylist()[0]) for i, column in enumerate(columns)}
    return [
        {"nulls": {c: nulls[c] for c in key if nulls[c]}, **_duplicates(query, key, request["examples"])}
        for key in keys
    ]


def _duplicates(query: Any, key: Sequence[str], examples: int) -> dict[str, Any]:
    columns = ", ".join(f"{_name(column)} AS k{i}" for i, column in enumerate(key))
    groups = ", ".join(_name(column) for column in key)
    present = " AND ".join(f"{_name(column)} IS NOT NULL" for column in key)
    sql = f"SELECT {columns}, count(*) AS n FROM t WHERE {present} GROUP BY {groups} HAVING count(*) > 1"  # noqa: S608
    found = 0
    shown: list[dict[str, Any]] = []
    for batch in query.execute(sql):
        if len(shown) < examples:
            few = batch.slice(0, min(examples - len(shown), batch.num_rows))
            values = [few.column(name).to_pylist() for name in few.schema.names]
            shown += [dict(zip((*key, "rows"), row, strict=True)) for row in zip(*values, strict=True)]
        found += batch.num_rows
    return {"duplicates": found, "examples": shown}


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


if __name__ == "__main__":
    _main()
