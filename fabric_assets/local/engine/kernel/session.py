"""The state of the running notebook: context, default lakehouse, namespaces, exit value."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fabric_assets.local.engine.kernel.context import KernelContext
from fabric_assets.local.lakehouse import Lakehouse


class NotebookExit(BaseException):
    """Raised by ``notebook.exit``. Not an ``Exception``, so that ``except Exception`` lets it pass."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class KernelSession:
    """What the notebook that runs in this kernel shares with the notebooks that it calls."""

    def __init__(self, context: KernelContext, scratch: Path) -> None:
        """Take ``scratch`` as the folder of this kernel, which is removed with it."""
        self.context = context
        self.scratch = scratch
        self.onelake = context.onelake()
        found = self.onelake.find(context.default_lakehouse) if context.default_lakehouse else None
        self.default_lakehouse: Lakehouse | None = found
        self.spark_conf: dict[str, str] = dict(context.spark_conf)
        self.notebook = context.notebook
        self._namespaces: list[dict[str, Any]] = []
        self._called = 0

    @property
    def namespace(self) -> dict[str, Any]:
        """The variables of the notebook whose cell runs now."""
        return self._namespaces[-1]

    @contextmanager
    def using_namespace(self, namespace: dict[str, Any]) -> Iterator[None]:
        """Let magics read and write the variables of another notebook."""
        self._namespaces.append(namespace)
        try:
            yield
        finally:
            self._namespaces.pop()

    @contextmanager
    def calling_notebook(self, name: str) -> Iterator[None]:
        """Mark that a notebook called with ``notebook.run`` is executing: its exit ends only itself."""
        caller, self.notebook = self.notebook, name
        self._called += 1
        try:
            yield
        finally:
            self._called -= 1
            self.notebook = caller

    def set_default_lakehouse(self, lakehouse: Lakehouse) -> None:
        """Make another lakehouse the default one, also as the working folder."""
        self.default_lakehouse = lakehouse
        lakehouse.create_folders()
        os.chdir(lakehouse.folder)

    def local_path(self, path: str) -> str:
        """Where a path of Fabric lies on this machine."""
        return self.onelake.local_path(path, self.default_lakehouse)

    def onelake_address(self, path: Path) -> str:
        """The OneLake address of a file or folder; outside of the lakehouses its local one."""
        for lakehouse in self.onelake.lakehouses:
            if path.is_relative_to(lakehouse.folder):
                inside = path.relative_to(lakehouse.folder).as_posix()
                root = f"abfss://{lakehouse.workspace}@onelake.dfs.fabric.microsoft.com/{lakehouse.name}.Lakehouse"
                return root if inside == "." else f"{root}/{inside}"
        return f"file:{path}"

    def exit(self, value: str) -> None:
        """End the running notebook.

        The value is also left in a file: a bare ``except:`` in the notebook swallows the exception, and the
        engine ends the notebook after that cell all the same.
        """
        if not self._called:
            Path(self.context.exit_file).write_text(json.dumps(value), encoding="utf-8")
        raise NotebookExit(value)


_session: KernelSession | None = None


def start_session(context: KernelContext, scratch: Path, namespace: dict[str, Any]) -> KernelSession:
    """Make the session of this process, before the first cell."""
    global _session
    _session = KernelSession(context, scratch)
    _session._namespaces.append(namespace)  # noqa: SLF001
    return _session


def current_session() -> KernelSession:
    """The session of this process.

    Raises:
        RuntimeError: this process is no kernel of the local Fabric.
    """
    if _session is None:
        raise RuntimeError(
            "notebookutils of the local Fabric works only in a notebook that the local Fabric executes"
        )
    return _session
