"""Reads a notebook's source, Git's text format or ``.ipynb``, into cells. Nothing is executed.

It is tolerant where Fabric's editor is: what cannot be read becomes a problem of the notebook or of one cell.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

DEFAULT_KERNEL = "synapse_pyspark"

_HEADER = re.compile(r"\s*(#|--|//) Fabric notebook source")
_BLOCK = re.compile(r"(?:#|--|//) (METADATA|CELL|PARAMETERS CELL|MARKDOWN) \*{10,}\s*")
_MAGIC_LANGUAGES = {
    "%%sql": "sparksql",
    "%%pyspark": "python",
    "%%python": "python",
    "%%spark": "scala",
    "%%scala": "scala",
    "%%sparkr": "r",
    "%%r": "r",
    "%%csharp": "csharp",
    "%%tsql": "tsql",
    "%%configure": "configure",
}
_IGNORED_MAGIC = re.compile(r"%%(?!time\b|timeit\b|capture\b)\w+")
_PLAIN_MAGIC = re.compile(r"%%(time|timeit|capture)\b")
_KERNEL_LANGUAGES = {"sql": "sql", "tsql": "tsql", "sparksql": "sparksql", "scala": "scala", "r": "r"}


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        number: its place in the notebook, from 1, Markdown cells counted.
        language: ``python``, ``sparksql``, ``tsql``, ``scala``, ``r``, ``configure``, ``markdown`` or ``other``.
        source: the code, without its first line if that is a cell magic (``magic`` then holds it).
        first_line: number of the first line of ``source``: in the file for Git's text format, in the cell for
            ``.ipynb``.
        magic: the cell magic with its arguments, such as ``%%tsql -artifact Sales``, or empty.
        is_parameters: this is the parameters cell.
        is_frozen: the cell is frozen in the editor and does not run.
    """

    number: int
    language: str
    source: str
    first_line: int
    magic: str = ""
    is_parameters: bool = False
    is_frozen: bool = False


@dataclass(frozen=True)
class Problem:
    """A part of a notebook that cannot be read (``cell`` 0: the notebook as a whole)."""

    cell: int
    line: int
    reason: str


@dataclass(frozen=True)
class Attached:
    """A lakehouse or warehouse that a notebook names as its default; what it leaves out is empty."""

    id: str = ""
    name: str = ""
    workspace_id: str = ""
    is_warehouse: bool = False


@dataclass(frozen=True)
class NotebookSource:
    """A notebook as its source describes it.

    Attributes:
        name: display name of the item.
        path: where the source lies below the workspace's folder, with ``/``.
        kernel: ``synapse_pyspark`` (Spark), ``jupyter`` (Python), ``sqldatawarehouse`` (T-SQL).
        default: default lakehouse or warehouse, ``None`` if the notebook has none.
        cells: all cells in order.
        problems: parts that cannot be read.
        workspace: identity of the workspace that holds it; empty for the analyzed workspace.
    """

    name: str
    path: str
    kernel: str = DEFAULT_KERNEL
    default: Attached | None = None
    cells: tuple[Cell, ...] = ()
    problems: tuple[Problem, ...] = ()
    workspace: str = ""


@dataclass
class _RawCell:
    kind: str
    line: int
    lines: list[str]
    metadata: dict[str, Any] = field(default_factory=dict)


def parse_notebook(name: str, path: str, data: bytes, workspace: str = "") -> NotebookSource:
    """Read a notebook source.

    Args:
        name: display name of the notebook.
        path: the source's path, for messages; its suffix decides between ``.ipynb`` and text.
        data: the content.
        workspace: identity of the workspace that holds the notebook.

    Returns:
        The notebook. A source that cannot be read at all has no cells and one problem.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(0, line, "the source is not UTF-8 text; save it as UTF-8")
        return NotebookSource(name, path, problems=(problem,), workspace=workspace)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    problems: list[Problem] = []
    is_ipynb = path.lower().endswith(".ipynb") or (text.lstrip()[:1] == "{" and not _HEADER.match(text))
    if is_ipynb:
        metadata, raw, language = _read_ipynb(text, problems)
    else:
        metadata, raw, language = _read_git_text(text, path, problems)
    kernel = _kernel_of(metadata)
    if language == "sql":
        language = "tsql" if kernel.startswith("sqldatawarehouse") else "sparksql"
    cells = tuple(_cell(number, entry, language) for number, entry in enumerate(raw, start=1))
    return NotebookSource(name, path, kernel, _default_of(metadata), cells, tuple(problems), workspace)


def has_header(text: str) -> bool:
    """Whether a text starts as a notebook does in Git's text format."""
    return _HEADER.match(text) is not None


def _kernel_of(metadata: dict[str, Any]) -> str:
    for group in ("kernel_info", "kernelspec"):
        values = metadata.get(group)
        name = values.get("name") if isinstance(values, dict) else None
        # An uploaded notebook of a plain Jupyter (`python3`) becomes a Spark notebook in Fabric.
        if name and (group == "kernel_info" or not str(name).startswith("python")):
            return str(name)
    return DEFAULT_KERNEL


def _default_of(metadata: dict[str, Any]) -> Attached | None:
    for group in ("dependencies", "trident"):
        values = metadata.get(group)
        if not isinstance(values, dict):
            continue
        for key in ("lakehouse", "warehouse"):
            entry = values.get(key)
            if not isinstance(entry, dict):
                continue
            item = str(entry.get(f"default_{key}") or "")
            attached = Attached(
                id=item,
                name=str(entry.get(f"default_{key}_name") or ""),
                workspace_id=str(entry.get(f"default_{key}_workspace_id") or ""),
                is_warehouse=key == "warehouse" and not _is_sql_endpoint(entry, item),
            )
            if attached.id or attached.name:
                return attached
    return None


def _is_sql_endpoint(entry: dict[str, Any], item: str) -> bool:
    known = entry.get("known_warehouses")
    kinds = (
        [str(k.get("type", "")) for k in known if isinstance(k, dict) and k.get("id") == item]
        if isinstance(known, list)
        else []
    )
    return any("lake" in kind.lower() for kind in kinds)


def _cell(number: int, raw: _RawCell, default_language: str) -> Cell:
    tags = raw.metadata.get("tags")
    is_parameters = raw.kind == "parameters" or (isinstance(tags, list) and "parameters" in tags)
    if raw.kind == "markdown":
        return Cell(number, "markdown", "\n".join(raw.lines), raw.line)
    run_control = raw.metadata.get("run_control")
    is_frozen = raw.metadata.get("frozen") is True or (
        isinstance(run_control, dict) and run_control.get("frozen") is True
    )
    language = str(raw.metadata.get("language") or default_language).lower()
    language = {"sql": default_language if default_language != "python" else "sparksql"}.get(
        language, language
    )
    lines, line, magic = raw.lines, raw.line, ""
    position = next((i for i, text in enumerate(lines) if text.strip()), None)
    first = lines[position].strip() if position is not None else ""
    if position is not None and first.startswith("%%"):
        word = first.split(maxsplit=1)[0].lower()
        if word in _MAGIC_LANGUAGES:
            language, magic = _MAGIC_LANGUAGES[word], first
        elif not _PLAIN_MAGIC.match(first) and _IGNORED_MAGIC.match(first):
            language, magic = "other", first
        lines = lines[position + 1 :]
        line += position + 1
    return Cell(number, language, "\n".join(lines), line, magic, is_parameters, is_frozen)


def _read_git_text(
    text: str, path: str, problems: list[Problem]
) -> tuple[dict[str, Any], list[_RawCell], str]:
    lines = text.split("\n")
    header = _HEADER.match(lines[0])
    if header is None:
        problems.append(Problem(0, 1, "not a notebook: the first line is not '# Fabric notebook source'"))
        return {}, [], "python"
    comment = header[1]
    metadata: dict[str, Any] = {}
    cells: list[_RawCell] = []
    blocks: list[tuple[str, int, list[str]]] = []
    for number, line in enumerate(lines[1:], start=2):
        marker = _BLOCK.fullmatch(line)
        if marker:
            blocks.append((marker[1], number, []))
        elif blocks:
            blocks[-1][2].append(line)
        elif line.strip():
            blocks.append(("CELL", number - 1, [line]))  # text before the first marker
    for block, start, body in blocks:
        if block == "METADATA":
            values = _git_metadata(comment, body, start, len(cells), problems)
            if cells:
                cells[-1].metadata = values
            else:
                metadata = values
            continue
        kind = {"CELL": "code", "PARAMETERS CELL": "parameters", "MARKDOWN": "markdown"}[block]
        offset = 1
        if body and not body[0].strip():
            body, offset = body[1:], 2
        cells.append(_RawCell(kind, start + offset, _without_magic(kind, comment, body)))
    suffix = path.rpartition(".")[2].lower()
    language = {"//": "scala", "--": "sql"}.get(comment, "r" if suffix == "r" else "python")
    return metadata, cells, language


def _without_magic(kind: str, comment: str, body: list[str]) -> list[str]:
    while body and not body[-1].strip():
        body = body[:-1]
    if kind == "markdown":
        return body
    prefix = f"{comment} MAGIC"
    first = next((line for line in body if line.strip()), "")
    if not first.startswith(prefix):
        return body
    return [
        line[len(prefix) + 1 :] if line.startswith(prefix + " ") else "" if line.rstrip() == prefix else line
        for line in body
    ]


def _git_metadata(
    comment: str, body: list[str], start: int, cell: int, problems: list[Problem]
) -> dict[str, Any]:
    prefix = f"{comment} META"
    text = "\n".join(line.removeprefix(prefix) for line in body if line.startswith(prefix))
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(Problem(cell, start, f"the METADATA block is not valid JSON: {error}"))
        return {}
    return value if isinstance(value, dict) else {}


def _read_ipynb(text: str, problems: list[Problem]) -> tuple[dict[str, Any], list[_RawCell], str]:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        problems.append(Problem(0, getattr(error, "lineno", 1), f"the .ipynb is not valid JSON: {error}"))
        return {}, [], "python"
    entries = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(entries, list):
        problems.append(Problem(0, 1, "not a notebook of nbformat 4: it has no list of cells"))
        return {}, [], "python"
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    info = metadata.get("language_info")
    language = str(info.get("name") or "python").lower() if isinstance(info, dict) else "python"
    cells = []
    for number, entry in enumerate(entries, start=1):
        raw = _ipynb_cell(entry)
        if raw is None:
            problems.append(Problem(number, 1, "the cell has no source"))
            raw = _RawCell("markdown", 1, [])
        cells.append(raw)
    return metadata, cells, _KERNEL_LANGUAGES.get(language, "python")


def _ipynb_cell(entry: Any) -> _RawCell | None:
    if not isinstance(entry, dict):
        return None
    source = entry.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    metadata = entry.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    microsoft = metadata.get("microsoft")
    if isinstance(microsoft, dict):
        metadata = {**microsoft, **metadata}
    kind = "code" if entry.get("cell_type") == "code" else "markdown"
    return _RawCell(kind, 1, source.replace("\r\n", "\n").replace("\r", "\n").split("\n"), metadata)
