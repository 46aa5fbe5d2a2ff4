"""One start of a notebook at a time on this machine, across its processes.

Fabric does not tell which job instance a lost answer belonged to. While one start of a notebook is open, no other is
sent, so what appears meanwhile is its own.
"""

import getpass
import hashlib
import tempfile
from pathlib import Path

from filelock import AsyncFileLock

_POLL_SECONDS = 0.05


def start_lock(*names: str) -> AsyncFileLock:
    """The lock for what ``names`` identify. Given back by the operating system if its process dies."""
    folder = Path(tempfile.gettempdir()) / f"fabric_assets-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
    return AsyncFileLock(folder / f"{digest}.lock", poll_interval=_POLL_SECONDS)
