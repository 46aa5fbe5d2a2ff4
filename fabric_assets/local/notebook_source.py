"""Reads and writes notebook sources: Fabric's Git text format and ``.ipynb``."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

CellKind = Literal["code", "markdown", "parameters"]

_STARS = "*" * 20
_HEADER = re.compile(r"(#|--|//) Fabric notebook source\s*")
_BLOCK = re.compile(r"(?:#|--|//) (METADATA|CELL|PARAMETERS CELL|MARKDOWN) \*{20}\s*")
_KIND_OF_BLOCK: dict[str, CellKind] = {
    "CELL": "code",
    "PARAMETERS CELL": "parameters",
    "MARKDOWN": "markdown",
}
_BLOCK_OF_KIND = {kind: block for block, kind in _KIND_OF_BLOCK.items()}
_LANGUAGE_OF_MAGIC = {
    "%%sql": "sparksql",
    "%%pyspark": "python",
    "%%python": "python",
    "%%spark": "scala",
    "%%sparkr": "r",
    "%%csharp": "csharp",
    "%%tsql": "tsql",
    "%%html": "html",
}
_DEFAULT_KERNEL = "synapse_pyspark"


class NotebookSourceError(Exception):
    """A notebook source that cannot be read.

    Attributes:
        path: the file.
        line: the line of it (from 1), 0 if the fault has no line.
        reason: what is wrong with it.
    """

    def __init__(self, path: Path, line: int, reason: str) -> None:
        where = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{where}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class LakehouseSetting:
    """The default lakehouse that a notebook names; what it leaves out is empty."""

    id: str = ""
    name: str = ""
    workspace_id: str = ""


@dataclass(frozen=True)
class NotebookCell:
    """One cell: ``source`` is what the editor shows, without Git's ``# MAGIC``; ``index`` counts from 0."""

    index: int
    kind: CellKind
    language: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NotebookSource:
    """A notebook as its source describes it.

    Attributes:
        path: the file that it was read from.
        kernel: ``synapse_pyspark`` (Spark), ``jupyter`` (Python), ``sqldatawarehouse`` (T-SQL).
        language: language of cells that name none: ``python``, ``sparksql``, ``sql``, ``scala``, ``r``.
        metadata: the notebook's own metadata (``kernel_info``, ``dependencies``, ...).
        cells: all cells in order.
    """

    path: Path
    kernel: str
    language: str
    metadata: dict[str, Any]
    cells: tuple[NotebookCell, ...]

    @property
    def default_lakehouse(self) -> LakehouseSetting | None:
        """The default lakehouse, ``None`` if the notebook has none."""
        lakehouse = self._dependency("lakehouse")
        setting = LakehouseSetting(
            id=str(lakehouse.get("default_lakehouse") or ""),
            name=str(lakehouse.get("default_lakehouse_name") or ""),
            workspace_id=str(lakehouse.get("default_lakehouse_workspace_id") or ""),
        )
        return setting if setting.id or setting.name else None

    @property
    def known_lakehouses(self) -> tuple[str, ...]:
        """Item ids of the lakehouses that are attached to the notebook."""
        known = self._dependency("lakehouse").get("known_lakehouses")
        entries = known if isinstance(known, list) else []
        return tuple(str(entry["id"]) for entry in entries if isinstance(entry, dict) and entry.get("id"))

    @property
    def environment(self) -> dict[str, Any]:
        """``environmentId`` and ``workspaceId`` of the environment, empty if the notebook names none."""
        return self._dependency("environment")

    @property
    def parameters_cell(self) -> NotebookCell | None:
        """The first parameters cell."""
        return next((cell for cell in self.cells if cell.kind == "parameters"), None)

    def _dependency(self, name: str) -> dict[str, Any]:
        for group in ("dependencies", "trident"):
            values = self.metadata.get(group)
            value = values.get(name) if isinstance(values, dict) else None
            if isinstance(value, dict) and value:
                return value
        return {}


def parse_notebook(path: Path) -> NotebookSource:
    """Read a notebook source in Git's text format or as ``.ipynb``.

    Args:
        path: the source file.

    Raises:
        NotebookSourceError: the file cannot be read or is not a notebook.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotebookSourceError(path, 0, f"cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotebookSourceError(path, line, "is not UTF-8 text; save it as UTF-8") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _parse_ipynb(path, text) if path.suffix.lower() == ".ipynb" else _parse_git_text(path, text)


def to_git_text(source: NotebookSource) -> str:
    """The notebook in Git's text format (``notebook-content.py``)."""
    comment = _comment_of(source)
    parts = [f"{comment} Fabric notebook source\n"]
    if source.metadata:
        parts.append(_metadata_block(comment, source.metadata))
    for cell in source.cells:
        lines = cell.source.split("\n")
        if cell.kind == "markdown":
            lines = [f"{comment} {line}" for line in lines]
        elif cell.source.lstrip().startswith("%%"):
            lines = [f"{comment} MAGIC {line}" for line in lines]
        body = "\n".join(lines)
        parts.append(f"{comment} {_BLOCK_OF_KIND[cell.kind]} {_STARS}\n\n{body}\n")
        if cell.metadata:
            parts.append(_metadata_block(comment, cell.metadata))
    return "\n".join(parts)


def to_ipynb(source: NotebookSource) -> str:
    """The notebook as ``.ipynb`` text (nbformat 4.5), without outputs."""
    cells = [_ipynb_cell(cell) for cell in source.cells]
    metadata = {"language_info": {"name": source.language}, **source.metadata}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _ipynb_cell(cell: NotebookCell) -> dict[str, Any]:
    metadata = dict(cell.metadata)
    microsoft = {key: metadata.pop(key) for key in ("language", "language_group") if key in metadata}
    if microsoft:
        metadata["microsoft"] = {**microsoft, **metadata.get("microsoft", {})}
    if cell.kind == "parameters":
        metadata["tags"] = ["parameters", *metadata.get("tags", [])]
    entry: dict[str, Any] = {
        "cell_type": "markdown" if cell.kind == "markdown" else "code",
        "id": f"cell-{cell.index}",
        "metadata": metadata,
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind != "markdown":
        entry |= {"execution_count": None, "outputs": []}
    return entry


def _metadata_block(comment: str, metadata: dict[str, Any]) -> str:
    lines = json.dumps(metadata, ensure_ascii=False, indent=2).split("\n")
    body = "\n".join(f"{comment} META {line}" for line in lines)
    return f"{comment} METADATA {_STARS}\n\n{body}\n"


def _comment_of(source: NotebookSource) -> str:
    return {"sparksql": "--", "sql": "--", "tsql": "--", "scala": "//"}.get(source.language, "#")


def _kernel_of(metadata: dict[str, Any]) -> str:
    for group in ("kernel_info", "kernelspec"):
        values = metadata.get(group)
        name = values.get("name") if isinstance(values, dict) else None
        # An uploaded notebook of a plain Jupyter (`python3`) becomes a Spark notebook in Fabric.
        if name and (group == "kernel_info" or not str(name).startswith("python")):
            return str(name)
    return _DEFAULT_KERNEL


def _cell_language(source: str, metadata: dict[str, Any], default: str) -> str:
    first = source.lstrip().split(maxsplit=1)
    magic = first[0].lower() if first else ""
    return _LANGUAGE_OF_MAGIC.get(magic) or str(metadata.get("language") or default)


def _parse_git_text(path: Path, text: str) -> NotebookSource:
    lines = text.removesuffix("\n").split("\n")
    header = _HEADER.fullmatch(lines[0])
    if header is None:
        raise NotebookSourceError(
            path, 1, "is not a notebook: its first line is not '# Fabric notebook source'"
        )
    comment = header[1]
    blocks = _git_blocks(path, lines)
    metadata: dict[str, Any] = {}
    if blocks and blocks[0][0] == "METADATA":
        _, start, body = blocks.pop(0)
        metadata = _git_metadata(path, start, body, comment)
    kernel = _kernel_of(metadata)
    language = _language_of_text(path, comment, kernel)
    cells: list[NotebookCell] = []
    for block, start, body in blocks:
        if block == "METADATA":
            if not cells:
                raise NotebookSourceError(path, start, "has two METADATA blocks before the first cell")
            cells[-1] = _with_metadata(cells[-1], _git_metadata(path, start, body, comment), language)
            continue
        kind = _KIND_OF_BLOCK[block]
        cells.append(_cell(len(cells), kind, _git_source(kind, body, comment), {}, language))
    return NotebookSource(path, kernel, language, metadata, tuple(cells))


def _git_blocks(path: Path, lines: list[str]) -> list[tuple[str, int, list[str]]]:
    """Each block: its name, the number of its marker's line, its lines without the blank ones of the frame."""
    blocks: list[tuple[str, int, list[str]]] = []
    for number, line in enumerate(lines[1:], start=2):
        marker = _BLOCK.fullmatch(line)
        if marker:
            blocks.append((marker[1], number, []))
        elif blocks:
            blocks[-1][2].append(line)
        elif line.strip():
            raise NotebookSourceError(path, number, "has text before the first block ('# CELL ***...')")
    for position, (_, _, body) in enumerate(blocks):
        if body and not body[0].strip():
            del body[0]
        is_last = position == len(blocks) - 1
        if body and not body[-1].strip() and not is_last:
            del body[-1]
    return blocks


def _git_metadata(path: Path, start: int, body: list[str], comment: str) -> dict[str, Any]:
    prefix = f"{comment} META"
    numbered = [(start + 2 + offset, line) for offset, line in enumerate(body) if line.strip()]
    for number, line in numbered:
        if not line.startswith(prefix):
            raise NotebookSourceError(
                path, number, f"a METADATA block holds only lines that begin with '{prefix} '"
            )
    if not numbered:
        return {}
    try:
        value = json.loads("\n".join(line.removeprefix(prefix) for _, line in numbered))
    except json.JSONDecodeError as error:
        number = numbered[min(error.lineno, len(numbered)) - 1][0]
        raise NotebookSourceError(path, number, f"the metadata is not valid JSON: {error.msg}") from error
    if not isinstance(value, dict):
        raise NotebookSourceError(path, start, "the metadata is not a JSON object")
    return value


def _git_source(kind: CellKind, body: list[str], comment: str) -> str:
    if kind == "markdown":
        return "\n".join(_without(line, comment) for line in body)
    first = next((line for line in body if line.strip()), "")
    magic = f"{comment} MAGIC"
    if first.startswith(magic):
        body = [_without(line, magic) for line in body]
    return "\n".join(body)


def _without(line: str, prefix: str) -> str:
    if line.startswith(prefix + " "):
        return line[len(prefix) + 1 :]
    return "" if line.rstrip() == prefix else line


def _language_of_text(path: Path, comment: str, kernel: str) -> str:
    if comment == "//":
        return "scala"
    if comment == "--":
        return "sparksql" if kernel == _DEFAULT_KERNEL else "sql"
    return "r" if path.suffix.lower() == ".r" else "python"


def _cell(
    index: int, kind: CellKind, source: str, metadata: dict[str, Any], default_language: str
) -> NotebookCell:
    tags = metadata.get("tags")
    if isinstance(tags, list) and "parameters" in tags and kind == "code":
        kind = "parameters"
        tags = [tag for tag in tags if tag != "parameters"]
        metadata = {key: value for key, value in metadata.items() if key != "tags"} | (
            {"tags": tags} if tags else {}
        )
    language = "markdown" if kind == "markdown" else _cell_language(source, metadata, default_language)
    return NotebookCell(index, kind, language, source, metadata)


def _with_metadata(cell: NotebookCell, metadata: dict[str, Any], default_language: str) -> NotebookCell:
    return _cell(cell.index, cell.kind, cell.source, metadata, default_language)


def _parse_ipynb(path: Path, text: str) -> NotebookSource:
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise NotebookSourceError(path, error.lineno, f"is not valid JSON: {error.msg}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise NotebookSourceError(path, 0, "is not a notebook of nbformat 4: it has no list of cells")
    metadata = notebook.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    language_info = metadata.pop("language_info", None)
    language = str(language_info.get("name") or "python") if isinstance(language_info, dict) else "python"
    language = {"scala": "scala", "r": "r", "sql": "sql", "sparksql": "sparksql"}.get(
        language.lower(), "python"
    )
    kernel = _kernel_of(metadata)
    if language == "sql" and kernel == _DEFAULT_KERNEL:
        language = "sparksql"
    cells = tuple(
        _parse_ipynb_cell(path, index, entry, language) for index, entry in enumerate(notebook["cells"])
    )
    return NotebookSource(path, kernel, language, metadata, cells)


def _parse_ipynb_cell(path: Path, index: int, entry: Any, default_language: str) -> NotebookCell:
    source = entry.get("source", "") if isinstance(entry, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise NotebookSourceError(path, 0, f"cell {index + 1} has no source")
    metadata = entry.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    microsoft = metadata.pop("microsoft", None)
    if isinstance(microsoft, dict):
        rest = dict(microsoft)
        flat = {key: rest.pop(key) for key in ("language", "language_group") if key in rest}
        metadata = {**flat, **metadata, **({"microsoft": rest} if rest else {})}
    kind: CellKind = "code" if entry.get("cell_type") == "code" else "markdown"
    return _cell(index, kind, source.replace("\r\n", "\n"), metadata, default_language)
