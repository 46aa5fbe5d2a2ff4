"""Looks for duplicate and missing keys in a table, in a process of its own.

A scan takes memory that a long-lived process would not give back, and cannot be interrupted from within; a process can
be ended.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabric_assets.tables.delta_log import explained, open_table
from fabric_assets.tables.errors import TableError
from fabric_assets.tables.table_location import TableLocation

_ASK_AGAIN_SECONDS = 0.5
_LONGEST_REASON = 800
_FULL = "Resources exhausted"
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
    location: TableLocation, version: int, keys: Sequence[Key], *, examples: int, memory_mb: int
) -> list[KeyFindings]:
    """Read the key columns of a table, and no others. Blocks, but can be interrupted.

    Args:
        location: where it lies.
        version: version of its Delta log.
        keys: columns of each key, as the table writes them.
        examples: how many duplicates to show.
        memory_mb: memory for the values that are compared, in MiB; more goes to temporary files.

    Raises:
        TableError: it cannot be read.
    """
    request = {
        "uri": location.uri,
        "storage_options": dict(location.storage_options),
        "version": version,
        "keys": keys,
        "examples": examples,
        "memory_mb": memory_mb,
    }
    answer = _in_a_process(json.dumps(request))
    if "error" in answer:
        raise TableError(answer["error"])
    return [
        KeyFindings(key, found["duplicates"], found["examples"], found["nulls"])
        for key, found in zip(keys, answer["keys"], strict=True)
    ]


def _in_a_process(request: str) -> dict[str, Any]:
    # Of a process that is ended, temporary files would stay.
    with tempfile.TemporaryDirectory(prefix="key_scan_") as folder:
        return _ask(request, {**os.environ, "PYTHONPATH": _python_path(), "TMPDIR": folder})


def _ask(request: str, environment: Mapping[str, str]) -> dict[str, Any]:
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
        output, errors = _communicate(process, request)
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


def _communicate(process: "subprocess.Popen[str]", request: str) -> tuple[str, str]:
    # In short waits: a run's termination reaches a thread only between two calls.
    text: str | None = request
    while True:
        try:
            return process.communicate(text, timeout=_ASK_AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            text = None


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
    query = QueryBuilder().register("t", open_table(location, request["version"]))
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
    try:
        return _duplicates_in(query, key, examples, [""])
    except Exception as error:
        if _FULL not in str(error):
            raise
    # In as many passes as a digit has values; each looks at the keys whose hash begins with one of them.
    text = ", ".join(f"CAST({_name(column)} AS VARCHAR)" for column in key)
    digit = f"substr(md5(concat_ws('|', {text})), 1, 1)"
    return _duplicates_in(query, key, examples, [f"AND {digit} = '{value}'" for value in "0123456789abcdef"])


def _duplicates_in(query: Any, key: Sequence[str], examples: int, parts: Sequence[str]) -> dict[str, Any]:
    columns = ", ".join(f"{_name(column)} AS k{i}" for i, column in enumerate(key))
    groups = ", ".join(_name(column) for column in key)
    present = " AND ".join(f"{_name(column)} IS NOT NULL" for column in key)
    found = 0
    shown: list[dict[str, Any]] = []
    for part in parts:
        sql = (
            f"SELECT {columns}, count(*) AS n FROM t WHERE {present} {part} "  # noqa: S608 -- names are quoted
            f"GROUP BY {groups} HAVING count(*) > 1"
        )
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
