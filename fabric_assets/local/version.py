"""Which code a local Fabric runs, so that a newer one can replace it."""

import hashlib
import importlib.metadata
from pathlib import Path


def code_version() -> str:
    """The package's version, and a mark that changes with every change of this room's code."""
    try:
        version = importlib.metadata.version("fabric_assets")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    room = Path(__file__).parent
    mark = hashlib.sha256()
    for path in sorted(room.rglob("*.py")):
        if "sample" not in path.relative_to(room).parts:
            found = path.stat()
            mark.update(f"{path.relative_to(room)}:{found.st_mtime_ns}:{found.st_size};".encode())
    return f"{version}+{mark.hexdigest()[:12]}"
