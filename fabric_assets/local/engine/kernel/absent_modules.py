"""Says what to do instead when a notebook imports a library that only Fabric has."""

import importlib.abc
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

_ADVICE = {
    "delta": "use SQL (MERGE INTO, UPDATE, DELETE, DESCRIBE HISTORY) or the deltalake library",
    "sempy": "semantic link needs Fabric; run this notebook there",
    "sempy_labs": "semantic link labs needs Fabric; run this notebook there",
    "synapse": "SynapseML needs Fabric; run this notebook there",
    "com": "Fabric's connectors (com.microsoft...) need Fabric; run this notebook there",
}


def explain_absent_modules() -> None:
    """Explain it at the import, unless the user has the library."""
    sys.meta_path.append(_AbsentFinder())


class _AbsentFinder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Asked last, when no other finder has found the module."""
        del path, target
        if fullname in _ADVICE:
            _refuse(fullname)


def _refuse(name: str) -> NoReturn:
    raise ModuleNotFoundError(f"'{name}' is not part of the local Fabric: {_ADVICE[name]}", name=name)
