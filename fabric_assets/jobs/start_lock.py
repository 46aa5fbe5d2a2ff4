"""One start of an item at a time on this machine, across its processes.

Fabric does not tell which job instance a lost answer belonged to. While one start of an item is open, no other is
sent, so what appears meanwhile is its own.
"""

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from filelock import AsyncFileLock

from fabric_assets.client.errors import FabricConfigError


@asynccontextmanager
async def start_lock(*names: str) -> AsyncIterator[None]:
    """Hold the lock for what ``names`` identify. Given back by the operating system if its process dies.

    Raises:
        FabricConfigError: the folder for locks belongs to somebody else.
    """
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
    # One of this process at a time asks for the file: who waits for that must ask again and again.
    ours = _ours.setdefault((asyncio.get_running_loop(), digest), asyncio.Lock())
    async with ours, AsyncFileLock(_folder() / f"{digest}.lock"):
        yield


_ours: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = WeakValueDictionary()


def _folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"fabric_assets-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if hasattr(os, "getuid") and (
        not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077
    ):
        raise FabricConfigError(
            f"{folder} is not a folder that only this user can write to. Remove it, or set TMPDIR to another folder."
        )
    return folder
