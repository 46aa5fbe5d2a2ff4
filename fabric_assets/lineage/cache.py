"""Keeps results by the content they come from, so that only what changed is analyzed again."""

import contextlib
import hashlib
import json
import os
import tempfile
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from fabric_assets.lineage.results import Access, NotebookLineage, Unresolved
from fabric_assets.lineage.tables import Table

Evidence = frozenset[tuple[str, str, str]]


def content_hash(*parts: bytes | str) -> str:
    """A hash of contents."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def analyzer_version() -> str:
    """Changes with this package, its parser of SQL and the code of the analysis."""
    versions = []
    for name in ("fabric_assets", "sqlglot"):
        try:
            versions.append(metadata.version(name))
        except metadata.PackageNotFoundError:
            versions.append("?")
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return content_hash(*versions, *sources)


class Cache:
    """Results of former analyses in one file of a folder.

    A file that is broken, or of another version, counts as empty.

    Args:
        folder: where the file is kept; ``None``: nothing is kept.
        name: what the file belongs to, such as the path of the analyzed folder.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._file = folder / f"lineage-{content_hash(name)[:16]}.json" if folder is not None else None
        self._old: dict[str, dict[str, Any]] = {"headers": {}, "results": {}}
        self._new: dict[str, dict[str, Any]] = {"headers": {}, "results": {}}
        if self._file is not None:
            self._load(self._file)

    def _load(self, file: Path) -> None:
        try:
            values = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return
        if not isinstance(values, dict) or values.get("version") != analyzer_version():
            return
        for part in self._old:
            if isinstance(values.get(part), dict):
                self._old[part] = values[part]

    def header(self, key: str) -> list[Any] | None:
        """What was noted of a notebook's source, ``None`` if nothing."""
        value = self._old["headers"].get(key)
        if (
            not isinstance(value, list)
            or len(value) != 3
            or not all(isinstance(part, list) for part in value[:2])
        ):
            return None
        self._new["headers"][key] = value
        return value

    def put_header(self, key: str, value: list[Any]) -> None:
        """Note something of a notebook's source."""
        self._new["headers"][key] = value

    def result(self, key: str) -> tuple[NotebookLineage, Evidence] | None:
        """The result of a former analysis, ``None`` if there is none that can be read."""
        value = self._old["results"].get(key)
        try:
            result = _from_json(value)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            return None
        self._new["results"][key] = value
        return result

    def put_result(self, key: str, lineage: NotebookLineage, evidence: Evidence) -> None:
        """Keep the result of an analysis."""
        self._new["results"][key] = _to_json(lineage, evidence)

    def save(self) -> None:
        """Write what was used or added; a folder that cannot be written to only costs time."""
        if self._file is None or self._new == self._old:
            return
        content = json.dumps({"version": analyzer_version(), **self._new}, separators=(",", ":"))
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=".lineage-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                    stream.write(content)
                Path(name).replace(self._file)
            except OSError:
                Path(name).unlink(missing_ok=True)


def _table(table: Table) -> list[str]:
    return [table.lakehouse, table.schema, table.name, table.workspace, table.within]


def _to_json(lineage: NotebookLineage, evidence: Evidence) -> list[Any]:
    columns = [
        [
            _table(table),
            [
                [name, [[_table(source), column] for source, column in pairs]]
                for name, pairs in entries.items()
            ],
        ]
        for table, entries in lineage.column_lineage.items()
    ]
    return [
        [lineage.name, lineage.path, lineage.kernel, lineage.workspace],
        [[_table(a.table), a.kind, a.cell, a.line, a.replaces] for a in lineage.accesses],
        list(lineage.calls),
        list(lineage.includes),
        [[entry.cell, entry.line, entry.reason] for entry in lineage.unresolved],
        columns,
        sorted(list(entry) for entry in evidence),
    ]


def _from_json(value: Any) -> tuple[NotebookLineage, Evidence]:
    head, accesses, calls, includes, unresolved, columns, evidence = value
    name, path, kernel, workspace = head
    lineage = NotebookLineage(
        name,
        path,
        kernel,
        workspace,
        tuple(Access(Table(*t), kind, cell, line, replaces) for t, kind, cell, line, replaces in accesses),
        tuple(calls),
        tuple(includes),
        tuple(Unresolved(*entry) for entry in unresolved),
        {
            Table(*t): {column: tuple((Table(*s), c) for s, c in pairs) for column, pairs in entries}
            for t, entries in columns
        },
    )
    return lineage, frozenset((w, lh, s) for w, lh, s in evidence)
