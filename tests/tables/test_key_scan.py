"""The process that looks for duplicate and missing keys."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from fabric_assets.tables.errors import TableError
from fabric_assets.tables.key_scan import Key, KeyFindings, scan_keys
from fabric_assets.tables.table_location import TableLocation
from tests.tables import onelake
from tests.tables.delta_tables import delete_rows, need_features, write


def scan(folder: Path, *keys: Key, version: int = 0, examples: int = 5) -> list[KeyFindings]:
    return scan_keys(
        TableLocation(str(folder)), version, keys, examples=examples, memory_mb=64, timeout_seconds=200
    )


def test_duplicates_and_nulls_are_found_for_each_key(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "t",
        id=[1, 2, 3, 4, None],
        code=["a", "a", "b", "b", "a"],
        day=[date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1), None, date(2026, 1, 2)],
    )

    by_id, by_code_and_day, by_day = scan(folder, ("id",), ("code", "day"), ("day",))

    assert by_id == KeyFindings(("id",), 0, [], {"id": 1})
    assert (by_code_and_day.duplicates, by_code_and_day.nulls) == (1, {"day": 1})
    assert by_code_and_day.examples == [{"code": "a", "day": "2026-01-01", "rows": 2}]
    assert (by_day.duplicates, by_day.examples[0]["rows"]) == (1, 3)


def test_unique_keys_are_ok(tmp_path: Path) -> None:
    (found,) = scan(write(tmp_path / "t", id=range(1000)), ("id",))

    assert found.ok
    assert found == KeyFindings(("id",), 0, [], {})


def test_no_more_examples_are_shown_than_wanted_but_all_are_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[*range(20_000), *range(20_000)])

    (some,) = scan(folder, ("id",), examples=3)
    (none,) = scan(folder, ("id",), examples=0)

    assert (some.duplicates, len(some.examples)) == (20_000, 3)
    assert (none.duplicates, list(none.examples)) == (20_000, [])


def test_deleted_rows_do_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1, 1, None, 2])
    delete_rows(folder, [1, 2])

    (found,) = scan(folder, ("id",), version=1)

    assert found.ok


def test_names_of_columns_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", **{'Order "No."': [1, 1], "order-day": [1, 1]})

    (found,) = scan(folder, ('Order "No."', "order-day"))

    assert found.examples == [{'Order "No."': 1, "order-day": 1, "rows": 2}]


def test_the_version_that_was_asked_for_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1, 1])
    write(folder, id=[1])

    assert not scan(folder, ("id",), version=0)[0].ok
    assert scan(folder, ("id",), version=1)[0].ok


def test_a_table_in_onelake_is_scanned(tmp_path: Path) -> None:
    write(tmp_path / "ws" / "lake" / "Tables" / "t", id=[1, 1])
    with onelake.serve(tmp_path, "token") as server:
        options = {"bearer_token": "token", "azure_endpoint": server.url, "allow_http": "true"}
        location = TableLocation("abfss://ws@onelake.dfs.fabric.microsoft.com/lake/Tables/t", options)
        (found,) = scan_keys(location, 0, [("id",)], examples=5, memory_mb=64, timeout_seconds=200)

    assert found.examples == [{"id": 1, "rows": 2}]


def test_a_table_that_the_scan_does_not_understand_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1])
    need_features(folder, "typeWidening")

    with pytest.raises(TableError, match=r"newer Delta reader .*TypeWidening"):
        scan(folder, ("id",))


def test_data_that_is_gone_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "t", id=[1])
    for file in folder.glob("*.parquet"):
        file.unlink()

    with pytest.raises(TableError, match=r"it cannot be read .*Object"):
        scan(folder, ("id",))


def scans() -> list[int]:
    """Processes that scan keys."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has just ended
            if "fabric_assets.tables.key_scan" in child.cmdline():
                found.append(child.pid)
    return found


def test_an_interruption_ends_the_process(tmp_path: Path) -> None:
    location = TableLocation("abfss://ws@onelake.dfs.fabric.microsoft.com/lake/Tables/t")
    options = {"bearer_token": "token", "allow_http": "true", "timeout": "100s"}
    asked = threading.Event()
    release = threading.Event()

    with onelake.serve(tmp_path, "token", before=lambda: (asked.set(), release.wait(60))) as server:

        def interrupt() -> None:
            asked.wait(60)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        waiting = TableLocation(location.uri, {**options, "azure_endpoint": server.url})
        with pytest.raises(KeyboardInterrupt):
            scan_keys(waiting, 0, [("id",)], examples=5, memory_mb=64, timeout_seconds=200)
        deadline = time.monotonic() + 30
        while scans():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        release.set()


def test_too_little_memory_is_told_and_no_temporary_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write(tmp_path / "t", name=[f"a customer with a long name, number {n:09}" for n in range(400_000)])

    with pytest.raises(TableError, match=r"do not fit .* Raise `scan_memory_mb`"):
        scan_keys(
            TableLocation(str(tmp_path / "t")), 0, [("name",)], examples=5, memory_mb=1, timeout_seconds=200
        )
    assert not list(tmp_path.glob("key_scan_*"))


def test_more_values_than_fit_into_memory_are_compared(tmp_path: Path) -> None:
    names = [f"a customer with a long name, number {number:09}" for number in range(400_000)]
    write_deltalake(str(tmp_path / "t"), pa.table({"name": [*names, names[7]], "n": [*range(400_000), 7]}))

    (found,) = scan_keys(
        TableLocation(str(tmp_path / "t")), 0, [("name", "n")], examples=5, memory_mb=16, timeout_seconds=200
    )

    assert found.examples == [{"name": names[7], "n": 7, "rows": 2}]


def test_a_scan_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    release = threading.Event()
    with onelake.serve(tmp_path, "token", before=lambda: release.wait(60)) as server:
        options = {"bearer_token": "token", "azure_endpoint": server.url, "allow_http": "true"}
        location = TableLocation("abfss://ws@onelake.dfs.fabric.microsoft.com/lake/Tables/t", options)
        with pytest.raises(TableError, match=r"not been read within 1 s\. Raise `scan_timeout_seconds`"):
            scan_keys(location, 0, [("id",)], examples=5, memory_mb=64, timeout_seconds=1)
        release.set()


def test_the_process_does_not_pay_for_dagster() -> None:
    program = "import sys, fabric_assets.tables.key_scan; sys.exit('dagster' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
