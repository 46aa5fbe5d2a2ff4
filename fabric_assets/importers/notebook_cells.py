"""The Python cells of a notebook: Fabric's Git text, ``.ipynb``, or a plain Python file."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabric_assets.importers.errors import ImportFileError
from fabric_assets.importers.json_source import parse_json

_HEADER = re.compile(r"(#|--|//) Fabric notebook source\s*")
_BLOCK = re.compile(r"(?:#|--|//) (METADATA|CELL|PARAMETERS CELL|MARKDOWN) \*{20}\s*")
_PYTHON_MAGICS = ("%%pyspark", "%%python")
_RUN = re.compile(
    r"\s*%run\s+(?:-\w+\s+)*(?P<quote>[\"']?)(?P<name>[^\"'{]+?)(?P=quote)\s*(?P<values>\{.*)?$"
)


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Attributes:
        place: for messages, such as ``cell 3``; empty for a plain Python file.
        first_line: what to add to a line number of ``source`` to get the one in the file (or, in an ``.ipynb``, in the
            cell).
        source: its text; lines with magics are blank.
        language: ``python`` or another.
        is_parameters: whether it is the parameters cell.
        runs: line (from 0) to the notebook that ``%run`` includes there, and the text of the parameters it is given.
    """

    place: str
    first_line: int
    source: str
    language: str
    is_parameters: bool
    runs: dict[int, tuple[str, str]]


def read_cells(path: Path, text: str) -> list[Cell]:
    """The code cells of a notebook's text, in order.

    Raises:
        ImportFileError: it is no notebook.
    """
    if text.lstrip()[:1] == "{":
        return _ipynb_cells(path, parse_json(path, text))
    header = _HEADER.match(text)
    if header is None:
        return [_cell("", 0, text, "python", is_parameters=False)]
    return _git_cells(text, header[1])


def _git_cells(text: str, comment: str) -> list[Cell]:
    default = {"#": "python", "--": "sql", "//": "scala"}[comment]
    magic = f"{comment} MAGIC"
    cells: list[Cell] = []
    blocks: list[tuple[str, int, list[str]]] = []
    for number, line in enumerate(text.split("\n")):
        marker = _BLOCK.fullmatch(line)
        if marker:
            blocks.append((marker[1], number + 1, []))
        elif blocks:
            blocks[-1][2].append(line)
    for kind, start, lines in blocks:
        if kind in ("CELL", "PARAMETERS CELL"):
            first = next((line for line in lines if line.strip()), "")
            if first.startswith(magic):
                lines = [line.removeprefix(magic).removeprefix(" ") for line in lines]
            place = f"cell {len(cells) + 1}"
            cells.append(_cell(place, start, "\n".join(lines), default, is_parameters=kind != "CELL"))
        elif kind == "METADATA" and cells:
            cells[-1] = _with_language(cells[-1], lines, comment)
    return cells


def _with_language(cell: Cell, lines: list[str], comment: str) -> Cell:
    meta = "\n".join(line.removeprefix(f"{comment} META") for line in lines)
    try:
        language = json.loads(meta).get("language")
    except (ValueError, AttributeError, RecursionError):
        return cell
    named = cell.language != "python" or not isinstance(language, str)
    return (
        cell
        if named
        else Cell(cell.place, cell.first_line, cell.source, language, cell.is_parameters, cell.runs)
    )


def _ipynb_cells(path: Path, notebook: Any) -> list[Cell]:
    entries = notebook.get("cells")
    if not isinstance(entries, list):
        raise ImportFileError(path, "cells", "is no list of cells, so this is no notebook")
    cells: list[Cell] = []
    for index, entry in enumerate(entries):
        where = f"cells[{index}]"
        if not isinstance(entry, dict):
            raise ImportFileError(path, where, "is no cell")
        source = entry.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise ImportFileError(path, f"{where}.source", "is no text")
        if entry.get("cell_type") != "code":
            continue
        metadata = entry.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        microsoft = metadata.get("microsoft")
        language = microsoft.get("language") if isinstance(microsoft, dict) else None
        tags = metadata.get("tags")
        is_parameters = isinstance(tags, list) and "parameters" in tags
        default = language if isinstance(language, str) else "python"
        cells.append(_cell(f"cell {index + 1}", 0, source, default, is_parameters=is_parameters))
    return cells


def _cell(place: str, first_line: int, source: str, default: str, *, is_parameters: bool) -> Cell:
    lines = source.split("\n")
    language, runs = default, {}
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("%%"):
            language = "python" if stripped.split()[0].lower() in _PYTHON_MAGICS else stripped.split()[0][2:]
            lines[number] = ""
            break
        if stripped and not stripped.startswith("#"):
            break
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("%", "!")):
            run = _RUN.fullmatch(line)
            if run:
                runs[number] = (run["name"].strip().rpartition("/")[2], run["values"] or "")
            indent = line[: len(line) - len(line.lstrip())]
            lines[number] = f"{indent}pass" if indent else ""
    return Cell(place, first_line, "\n".join(lines), language, is_parameters, runs)
