"""The notebook document that is executed, and kept with its outputs."""

from collections.abc import Mapping
from typing import Any

import nbformat
from nbformat.v4 import nbbase

from fabric_assets.local.engine.kernel.cells import code_of, injection_index, parameters_code
from fabric_assets.local.notebook_source import NotebookSource

# Its functions are not annotated.
_v4: Any = nbbase


def build_notebook(source: NotebookSource, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    """The document to execute: all cells of the source, and the parameters in a cell of their own."""
    cells = []
    place = injection_index(source)
    for cell in source.cells:
        if cell.index == place and parameters:
            cells.append(_parameters_cell(source, parameters))
        if cell.kind == "markdown":
            cells.append(_v4.new_markdown_cell(cell.source))
            continue
        tags = {"tags": ["parameters"]} if cell.kind == "parameters" else {}
        metadata = {"cell_number": cell.index + 1, **tags}
        cells.append(_v4.new_code_cell(code_of(cell), metadata=metadata))
    if parameters and place >= len(source.cells):
        cells.append(_parameters_cell(source, parameters))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook: nbformat.NotebookNode = _v4.new_notebook(cells=cells, metadata=metadata)
    return notebook


def cell_label(cell: nbformat.NotebookNode) -> str:
    """How a message calls a cell: its number in the source counts from 1, markdown included."""
    number = cell.metadata.get("cell_number")
    return f"Cell {number}" if number else "The cell with the parameters"


def _parameters_cell(source: NotebookSource, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    code = parameters_code(source, parameters)
    cell: nbformat.NotebookNode = _v4.new_code_cell(code, metadata={"tags": ["injected-parameters"]})
    return cell
