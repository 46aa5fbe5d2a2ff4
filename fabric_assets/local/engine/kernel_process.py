"""A kernel process: started with a clean environment, and surely gone at the end."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from fabric_assets.local.engine.kernel.context import KernelContext

_MARK = "FABRIC_LOCAL_JOB_INSTANCE"
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:ACCESS|API|PRIVATE|ACCOUNT|SIGNING|ENCRYPTION)_?KEY"
    r"|CONN(?:ECTION)?_?STR|_SAS\b|_PAT\b|_AUTH\b|^AZURE_CLIENT_|^SSH_AUTH_SOCK$|^PGPASS|^NETRC$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"://[^/@\s:]*:[^/@\s]+@|\b(?:AccountKey|SharedAccessKey|Password|pwd)=", re.IGNORECASE
)
# A Unix socket's address holds about 100 characters on every system.
_MAX_SOCKET_FOLDER = 80


def kernel_environment(environment: Mapping[str, str], job_instance_id: str) -> dict[str, str]:
    """What of the environment a notebook gets to see: nothing that looks like a secret."""
    kept = {
        name: value
        for name, value in environment.items()
        if not _SECRET_NAME.search(name) and not _SECRET_VALUE.search(value)
    }
    return kept | {_MARK: job_instance_id, "PYTHONUNBUFFERED": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class _KernelManager(AsyncKernelManager):
    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-P", "-m", "fabric_assets.local.engine.kernel", "-f", "{connection_file}"],
            display_name="Fabric",
            language="python",
        )


class KernelProcess:
    """One kernel with its folder for sockets and keys, which only its owner can enter."""

    def __init__(self, context: KernelContext, log_file: Path) -> None:
        self._context = context
        self._log_file = log_file
        self._pipe: int | None = None
        self.before_kill: Callable[[], None] = lambda: None
        self._folder = Path(tempfile.mkdtemp(prefix="fabric-"))
        transport = "ipc" if os.name == "posix" and len(str(self._folder)) < _MAX_SOCKET_FOLDER else "tcp"
        self.manager = _KernelManager(
            connection_file=str(self._folder / "kernel.json"), transport=transport, shutdown_wait_time=0
        )

    @property
    def exit_file(self) -> Path:
        """Where ``notebook.exit`` leaves its value."""
        return Path(self._context.exit_file)

    async def start(self, working_folder: Path) -> None:
        """Start the process. It ends when this process ends, however that happens."""
        context_file = self._folder / "context.json"
        self._context.write(context_file)
        read_end, self._pipe = os.pipe()
        try:
            with self._log_file.open("ab") as log:
                await self.manager.start_kernel(
                    extra_arguments=[str(context_file)],
                    cwd=str(working_folder),
                    env=kernel_environment(os.environ, self._context.job_instance_id),
                    stdin=read_end,
                    stdout=log,
                    stderr=log,
                )
        finally:
            os.close(read_end)

    async def kill(self) -> None:
        """Kill the process and its children, and remove its folder. Idempotent."""
        self.before_kill()
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        if self.manager.has_kernel:
            with contextlib.suppress(RuntimeError, OSError):
                await self.manager.shutdown_kernel(now=True)
        await self.manager.cleanup_resources()
        await asyncio.to_thread(_kill_marked, self._context.job_instance_id)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _kill_marked(job_instance_id: str) -> None:
    """Kill what left the kernel's process group but still carries its mark (where /proc shows it)."""
    mark = f"{_MARK}={job_instance_id}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes().split(b"\0"):
                os.kill(int(entry.parent.name), signal.SIGKILL)
