"""What is read from Delta logs, and what is said of those that cannot be read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, Schema, write_deltalake
from deltalake.schema import PrimitiveType

from fabric_assets.tables.delta_log import Column, has_rows, read_table_state
from fabric_assets.tables.errors import TableError, TableMissingError
from fabric_assets.tables.table_location import TableLocation
from tests.tables.delta_tables import delete_rows, drop_statistics, need_features, rewrite_log, write


def location(folder: Path) -> TableLocation:
    return TableLocation(str(folder))


def test_rows_columns_size_and_version_come_from_the_log(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1, 2, 3], name=["a", "b", None])
    write_deltalake(str(folder), pa.table({"id": [4], "name": ["d"]}), mode="append")

    state = read_table_state(location(folder))

    data_files = list(folder.glob("*.parquet"))
    assert (state.row_count, state.version, state.files) == (4, 1, 2)
    assert state.size_bytes == sum(file.stat().st_size for file in data_files)
    assert state.columns == [Column("id", "bigint"), Column("name", "string")]
    assert state.committed_at is not None
    assert abs(datetime.now(UTC) - state.committed_at) < timedelta(hours=1)


def test_no_data_file_is_touched(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1, 2, 3])
    for file in folder.glob("*.parquet"):
        file.unlink()

    assert read_table_state(location(folder)).row_count == 3


def test_types_are_named_as_in_spark(tmp_path: Path) -> None:
    table = pa.table(
        {
            "tiny": pa.array([1], pa.int8()),
            "small": pa.array([1], pa.int16()),
            "int": pa.array([1], pa.int32()),
            "money": pa.array([Decimal("1.00")], pa.decimal128(10, 2)),
            "day": pa.array([datetime(2026, 1, 1, tzinfo=UTC).date()]),
            "moment": pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "list": pa.array([[1]], pa.list_(pa.int64())),
            "pairs": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())),
            "both": pa.array([{"a": 1, "b": ["x"]}]),
        }
    )
    write_deltalake(str(tmp_path / "t"), table)

    assert [column.type for column in read_table_state(location(tmp_path / "t")).columns] == [
        *("tinyint", "smallint", "int", "decimal(10,2)", "date", "timestamp"),
        *("array<bigint>", "map<string,int>", "struct<a:bigint,b:array<string>>"),
    ]


def test_comments_nullability_and_lengths_are_kept(tmp_path: Path) -> None:
    text = PrimitiveType("string")
    fields = [
        Field("id", PrimitiveType("long"), nullable=False, metadata={"comment": "Surrogate key"}),
        Field("code", text, metadata={"__CHAR_VARCHAR_TYPE_STRING": "varchar(8)"}),
    ]
    DeltaTable.create(str(tmp_path / "t"), Schema(fields))

    state = read_table_state(location(tmp_path / "t"))

    assert state.columns == [Column("id", "bigint", False, "Surrogate key"), Column("code", "varchar(8)")]
    assert (state.row_count, state.files, state.size_bytes) == (0, 0, 0)


def test_rows_that_a_deletion_vector_marks_are_not_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=range(10))
    delete_rows(folder, [1, 3, 9])

    state = read_table_state(location(folder))

    assert (state.version, state.row_count) == (1, 7)


def test_without_statistics_there_is_no_row_count_but_all_else(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1])
    drop_statistics(folder)
    write_deltalake(str(folder), pa.table({"id": [2]}), mode="append")

    state = read_table_state(location(folder))

    assert state.row_count is None
    assert (state.files, state.version) == (2, 1)
    assert has_rows(location(folder), state.version)


def test_an_empty_table_has_no_rows(tmp_path: Path) -> None:
    DeltaTable.create(str(tmp_path / "t"), Schema([Field("id", PrimitiveType("long"))]))

    assert not has_rows(location(tmp_path / "t"), 0)


def test_the_commit_time_is_left_out_if_the_commit_does_not_tell_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1])
    rewrite_log(folder, lambda action: action.pop("commitInfo", None))

    assert read_table_state(location(folder)).committed_at is None


def test_a_checkpoint_without_the_commits_before_it_is_enough(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1, 2])
    write_deltalake(str(folder), pa.table({"id": [3]}), mode="append")
    DeltaTable(str(folder)).create_checkpoint()
    for commit in (folder / "_delta_log").glob("*.json"):
        commit.unlink()

    state = read_table_state(location(folder))

    assert (state.version, state.row_count, state.committed_at) == (1, 3, None)


@pytest.mark.parametrize("there", ["nothing", "a folder", "a log folder"])
def test_a_table_that_is_not_there_is_missing(tmp_path: Path, there: str) -> None:
    if there != "nothing":
        (tmp_path / "t" / ("_delta_log" if there == "a log folder" else "")).mkdir(parents=True)

    with pytest.raises(TableMissingError, match="there is no Delta table"):
        read_table_state(location(tmp_path / "t"))
    assert (tmp_path / "t").exists() is (there != "nothing")


@pytest.mark.parametrize("reader", [3, 4])
def test_a_log_that_is_newer_than_the_reader_says_so(tmp_path: Path, reader: int) -> None:
    folder = write(tmp_path / "t", id=[1])
    need_features(folder, "timeMachine", reader=reader)

    with pytest.raises(TableError, match=r"newer Delta reader .* Upgrade the package deltalake"):
        read_table_state(location(folder))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{not json", id="no-json"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"add": {"path": 7}}', id="wrong-types"),
        pytest.param(b'{"commitInfo": {}}', id="no-protocol"),
        pytest.param(b"\xff\xfe\x00", id="no-utf-8"),
    ],
)
def test_a_broken_log_is_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path / "t", id=[1])
    (folder / "_delta_log" / f"{0:020}.json").write_bytes(content)

    with pytest.raises(TableError) as raised:
        read_table_state(location(folder))
    said = str(raised.value)
    assert "\n" not in said
    assert "<unknown>" not in said
    assert "\x1b" not in said
    assert len(said) < 700


def test_features_that_the_reader_knows_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1, 2])
    need_features(folder, "deletionVectors", "columnMapping", "timestampNtz", "v2Checkpoint")

    assert read_table_state(location(folder)).row_count == 2
