"""The cells of a notebook: Fabric's Git text, ``.ipynb``, or a plain Python file."""

from pathlib import Path
from typing import Any

from fabric_assets.importers.errors import ImportFileError
from fabric_assets.importers.json_source import parse_json
from fabric_assets.lineage.source import Cell, has_header, parse_notebook


def read_cells(path: Path, text: str) -> tuple[Cell, ...]:
    """The code cells of a notebook's text, in order; a text without cells is one cell with the number 0.

    Raises:
        ImportFileError: it is no notebook.
    """
    if text.lstrip()[:1] == "{":
        _check_ipynb(path, parse_json(path, text))
    elif not has_header(text):
        return (Cell(0, "python", text, 1),)
    notebook = parse_notebook(path.stem, path.name, text.encode())
    return tuple(cell for cell in notebook.cells if cell.language != "markdown")


def _check_ipynb(path: Path, notebook: Any) -> None:
    entries = notebook.get("cells")
    if not isinstance(entries, list):
        raise ImportFileError(path, "cells", "is no list of cells, so this is no notebook")
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ImportFileError(path, f"cells[{index}]", "is no cell")
        source = entry.get("source", "")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            raise ImportFileError(path, f"cells[{index}].source", "is no text")
