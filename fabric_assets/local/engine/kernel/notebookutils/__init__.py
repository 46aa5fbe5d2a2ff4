"""``notebookutils`` (and ``mssparkutils``, its older name) for notebooks that the local Fabric executes.

Predefined in every notebook, and importable under Fabric's own names.
"""

import sys

from fabric_assets.local.engine.kernel.notebookutils import (
    credentials,
    fs,
    lakehouse,
    notebook,
    runtime,
    session,
)
from fabric_assets.local.engine.kernel.notebookutils.missing import explain

__all__ = ["credentials", "fs", "lakehouse", "mssparkutils", "notebook", "runtime", "session"]

mssparkutils = sys.modules[__name__]

__getattr__ = explain("notebookutils", __all__)


def install() -> None:
    """Make the library importable as ``notebookutils`` and ``mssparkutils``."""
    this = sys.modules[__name__]
    modules = {"credentials": credentials, "fs": fs, "lakehouse": lakehouse, "notebook": notebook}
    modules |= {"runtime": runtime, "session": session}
    for root in ("notebookutils", "mssparkutils", "notebookutils.mssparkutils"):
        sys.modules[root] = this
        for name, module in modules.items():
            sys.modules[f"{root}.{name}"] = module
