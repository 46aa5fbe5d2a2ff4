"""Imports what people orchestrate notebooks with today: ``runMultiple`` DAGs, parent notebooks, pipelines.

Names are imported when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabric_assets.importers.errors import ImportFileError, InvalidDagError, Problem
    from fabric_assets.importers.imported import ImportedProject, import_file, validate_file
    from fabric_assets.importers.project import (
        ExitValueOf,
        JobEntry,
        NotebookDefaults,
        NotebookEntry,
        Project,
    )
    from fabric_assets.importers.report import ImportReport, Remark

_MODULES = {
    "ExitValueOf": "project",
    "ImportFileError": "errors",
    "ImportReport": "report",
    "ImportedProject": "imported",
    "InvalidDagError": "errors",
    "JobEntry": "project",
    "NotebookDefaults": "project",
    "NotebookEntry": "project",
    "Problem": "errors",
    "Project": "project",
    "Remark": "report",
    "import_file": "imported",
    "validate_file": "imported",
}

__all__ = [
    "ExitValueOf",
    "ImportFileError",
    "ImportReport",
    "ImportedProject",
    "InvalidDagError",
    "JobEntry",
    "NotebookDefaults",
    "NotebookEntry",
    "Problem",
    "Project",
    "Remark",
    "import_file",
    "validate_file",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"fabric_assets.importers.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
