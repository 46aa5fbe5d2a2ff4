"""Real Delta tables, and what other writers than deltalake leave in a Delta log."""

import json
import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_BITMAP_ARRAY, _BITMAP = 1681511377, 12346


def write(folder: Path, **columns: Iterable[Any]) -> Path:
    """Replace a table by these columns."""
    data = {name: pa.array(list(values)) for name, values in columns.items()}
    write_deltalake(str(folder), pa.table(data), mode="overwrite", schema_mode="overwrite")
    return folder


def rewrite_log(folder: Path, change: Callable[[dict[str, Any]], None], version: int = 0) -> None:
    """Change each action of one commit."""
    file = folder / "_delta_log" / f"{version:020}.json"
    actions = [json.loads(line) for line in file.read_text().splitlines()]
    for action in actions:
        change(action)
    file.write_text("\n".join(map(json.dumps, actions)))


def need_features(folder: Path, *features: str, reader: int = 3) -> None:
    """Let the table need features of its readers."""

    def change(action: dict[str, Any]) -> None:
        if "protocol" in action:
            action["protocol"] = {
                "minReaderVersion": reader,
                "minWriterVersion": 7,
                "readerFeatures": list(features),
                "writerFeatures": list(features),
            }

    rewrite_log(folder, change)


def drop_statistics(folder: Path) -> None:
    """Leave statistics out of the first commit, as some writers do."""
    rewrite_log(folder, lambda action: action.get("add", {}).pop("stats", None))


def change_times(folder: Path, ago: timedelta) -> None:
    """Let the first commit be older."""
    milliseconds = int((datetime.now(UTC) - ago).timestamp() * 1000)

    def change(action: dict[str, Any]) -> None:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = milliseconds

    rewrite_log(folder, change)


def delete_rows(folder: Path, rows: Iterable[int]) -> None:
    """Delete rows of a table of one file and one commit by a deletion vector, as Spark does."""
    need_features(folder, "deletionVectors")
    first = folder / "_delta_log" / f"{0:020}.json"
    add = next(a["add"] for a in map(json.loads, first.read_text().splitlines()) if "add" in a)
    stats = {**json.loads(add["stats"]), "tightBounds": False}
    actions = [
        {"remove": {"path": add["path"], "deletionTimestamp": 1, "dataChange": True}},
        {"add": {**add, "deletionVector": _deletion_vector(sorted(rows)), "stats": json.dumps(stats)}},
        {"commitInfo": {"timestamp": 1767225600000, "operation": "DELETE"}},
    ]
    (folder / "_delta_log" / f"{1:020}.json").write_text("\n".join(map(json.dumps, actions)))


def _deletion_vector(rows: list[int]) -> dict[str, Any]:
    bitmap = struct.pack("<IIHHI", _BITMAP, 1, 0, len(rows) - 1, 16) + struct.pack(f"<{len(rows)}H", *rows)
    data = struct.pack("<IQI", _BITMAP_ARRAY, 1, 0) + bitmap
    padded = data + b"\0" * (-len(data) % 4)
    text = "".join(_z85(padded[i : i + 4]) for i in range(0, len(padded), 4))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": len(rows)}


def _z85(four: bytes) -> str:
    number, text = int.from_bytes(four, "big"), ""
    for _ in range(5):
        number, digit = divmod(number, 85)
        text = _Z85[digit] + text
    return text
