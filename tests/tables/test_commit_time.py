"""When tables were committed and changed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, Schema, write_deltalake
from deltalake.schema import PrimitiveType

from fabric_assets.tables.commit_time import committed_at, last_change_at
from fabric_assets.tables.table_location import TableLocation
from tests.tables.delta_tables import write


def commit(folder: Path, *actions: dict[str, Any]) -> TableLocation:
    """One more commit."""
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    file = log / f"{len(list(log.glob('*.json'))):020}.json"
    file.write_text("\n".join(json.dumps(action) for action in actions))
    return TableLocation(str(folder))


def info(second: int, **more: Any) -> dict[str, Any]:
    return {"commitInfo": {"timestamp": second * 1000, **more}}


def add(*, data_change: bool) -> dict[str, Any]:
    return {"add": {"path": "f", "dataChange": data_change}}


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_maintenance_is_no_change(tmp_path: Path) -> None:
    commit(tmp_path, info(1), add(data_change=True))
    commit(tmp_path, add(data_change=True), info(2))
    commit(tmp_path, info(3, operation="OPTIMIZE"), add(data_change=False))
    location = commit(tmp_path, info(4, operation="VACUUM END"))

    assert committed_at(location, 3) == at(4)
    assert last_change_at(location, 3) == at(2)


def test_a_real_table_that_is_compacted_is_as_old_as_before(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1])
    write_deltalake(str(folder), pa.table({"id": [2]}), mode="append")
    location = TableLocation(str(folder))
    DeltaTable(str(folder)).optimize.compact()

    assert DeltaTable(str(folder)).version() == 2
    assert last_change_at(location, 2) == committed_at(location, 1)


def test_a_deletion_is_a_change_and_so_is_the_creation(tmp_path: Path) -> None:
    DeltaTable.create(str(tmp_path / "t"), Schema([Field("id", PrimitiveType("long"))]))
    created = TableLocation(str(tmp_path / "t"))
    removed = commit(tmp_path / "r", info(1), {"remove": {"path": "f", "dataChange": True}})

    assert last_change_at(created, 0) == committed_at(created, 0) is not None
    assert last_change_at(removed, 0) == at(1)


def test_the_time_that_the_commit_itself_holds_counts_most(tmp_path: Path) -> None:
    location = commit(tmp_path, info(9, inCommitTimestamp=5_000), add(data_change=True))

    assert committed_at(location, 0) == at(5)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", '{"commitInfo": {}}', '{"commitInfo": {"timestamp": "today"}}', '{"commitInfo": 1}'],
)
def test_what_a_commit_does_not_tell_is_not_known(tmp_path: Path, content: str) -> None:
    location = commit(tmp_path)
    (tmp_path / "_delta_log" / f"{0:020}.json").write_text(content)

    assert committed_at(location, 0) is None
    assert last_change_at(location, 0) is None


def test_commits_that_are_gone_are_not_guessed(tmp_path: Path) -> None:
    location = commit(tmp_path, info(3), add(data_change=False))
    (tmp_path / "_delta_log" / f"{0:020}.json").rename(tmp_path / "_delta_log" / f"{7:020}.json")

    assert last_change_at(location, 7) is None
