"""When a table was committed and changed: the files of its commits say it.

``DeltaTable.history`` tells it too, but holds the interpreter's lock while it waits for OneLake: nothing else in the
process would go on meanwhile.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from fabric_assets.tables.table_location import TableLocation

_ABFSS = re.compile(r"abfss://([^@/]+)@([^/]+)/(.+)")
_STORAGE_VERSION = "2023-11-03"
_TIMEOUT_SECONDS = 15.0
_COMMITS_BACK = 100
_ACTIONS_READ = 1_000
"""Writers put what is searched here first; a commit can add a million files."""


@dataclass(frozen=True)
class Commit:
    """A commit of a table.

    Attributes:
        at: its time by the writer's clock, ``None`` if it does not tell.
        changes_data: whether it added or removed rows; maintenance and changes of properties do not.
    """

    at: datetime | None
    changes_data: bool


def committed_at(location: TableLocation, version: int) -> datetime | None:
    """When this version was committed, by the writer's clock; ``None`` if its file is gone, or does not tell."""
    commit = _commit(location, version)
    return commit.at if commit else None


def last_change_at(location: TableLocation, version: int) -> datetime | None:
    """When data was last changed, up to this version; ``None`` if none of the latest commits tells.

    Commits that only maintain the table (``OPTIMIZE``, ``VACUUM``) do not count; its creation does.
    """
    for number in range(version, max(-1, version - _COMMITS_BACK), -1):
        commit = _commit(location, number)
        if commit is None:
            return None
        if commit.changes_data or number == 0:
            return commit.at
    return None


def _commit(location: TableLocation, version: int) -> Commit | None:
    try:
        with _commit_lines(location, f"_delta_log/{version:020}.json") as lines:
            return _read_commit(lines)
    except (OSError, ValueError, httpx.HTTPError):
        return None


@contextmanager
def _commit_lines(location: TableLocation, name: str) -> Iterator[Iterable[str]]:
    address = _ABFSS.fullmatch(location.uri)
    if address is None:
        with (Path(location.uri) / name).open(encoding="utf-8") as file:
            yield file
        return
    workspace, host, path = address.groups()
    base = location.storage_options.get("azure_endpoint", f"https://{host}")
    token = location.storage_options["bearer_token"]
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": _STORAGE_VERSION}
    url = f"{base}/{workspace}/{path}/{name}"
    with httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        yield response.iter_lines()


def _read_commit(lines: Iterable[str]) -> Commit:
    at: datetime | None = None
    informed = False
    changes: bool | None = None
    for _, line in zip(range(_ACTIONS_READ), lines, strict=False):
        action: Any = json.loads(line) if line.strip() else None
        if not isinstance(action, dict):
            continue
        if isinstance(info := action.get("commitInfo"), dict):
            informed = True
            milliseconds = info.get("inCommitTimestamp", info.get("timestamp"))
            at = datetime.fromtimestamp(milliseconds / 1000, UTC) if type(milliseconds) is int else None
        elif isinstance(file := action.get("add") or action.get("remove"), dict) and changes is None:
            changes = file.get("dataChange") is not False
        if informed and changes is not None:
            break
    return Commit(at, bool(changes))
