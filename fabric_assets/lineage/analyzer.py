"""Analyzes single notebooks of a workspace, those that they include with them."""

import logging
from collections.abc import Iterable

from fabric_assets.lineage.cache import Evidence
from fabric_assets.lineage.config import LineageConfig
from fabric_assets.lineage.results import NotebookLineage, Unresolved
from fabric_assets.lineage.source import NotebookSource
from fabric_assets.lineage.sql_routines import Routines
from fabric_assets.lineage.tables import Catalog
from fabric_assets.lineage.workspace import NotebookFile, parse_file

_log = logging.getLogger(__name__)

Result = tuple[NotebookLineage, Evidence]


class Notebooks:
    """The notebooks of a workspace by name; each is parsed when it is first needed.

    Args:
        files: their sources.

    Attributes:
        routines: procedures, functions and views of the workspace's warehouses.
    """

    def __init__(self, files: Iterable[NotebookFile]) -> None:
        self.routines = Routines()
        self._parsed: dict[str, NotebookSource] = {}
        self.files = tuple(files)
        self._by_name: dict[tuple[str, str], NotebookFile] = {}
        for file in self.files:
            self._by_name.setdefault((file.workspace, file.name.lower()), file)

    def parse(self, file: NotebookFile) -> NotebookSource:
        """The notebook in a file."""
        if file.path not in self._parsed:
            self._parsed[file.path] = parse_file(file)
        return self._parsed[file.path]

    def find(self, name: str, workspace: str) -> NotebookFile | None:
        """The notebook of that name, of the same workspace if there is one."""
        key = name.strip().rpartition("/")[2].lower()
        return self._by_name.get((workspace, key))


def analyze_one(notebooks: Notebooks, file: NotebookFile, catalog: Catalog, config: LineageConfig) -> Result:
    """The lineage of a notebook; an error of the analysis becomes a gap of this notebook."""
    # Imported here: with a warm cache no SQL parser is needed.
    from fabric_assets.lineage.notebook import analyze_notebook, with_room_for_recursion

    with_room_for_recursion()

    def find(name: str) -> NotebookSource | None:
        found = notebooks.find(name, file.workspace)
        return notebooks.parse(found) if found is not None else None

    notebook = notebooks.parse(file)
    try:
        return analyze_notebook(notebook, find, catalog, config, notebooks.routines)
    except Exception as error:  # noqa: BLE001 - one broken notebook never stops the others
        _log.debug("the analysis of %s failed", file.path, exc_info=True)
        reason = f"the notebook could not be analyzed ({type(error).__name__}: {error}); please report this"
        gap = Unresolved(0, 1, reason)
        lineage = NotebookLineage(file.name, file.path, notebook.kernel, file.workspace, unresolved=(gap,))
        return lineage, frozenset()
