"""``notebookutils.notebook``."""

from typing import Any

from fabric_assets.local.engine.kernel.notebooks import run_called
from fabric_assets.local.engine.kernel.session import current_session


def exit(value: Any = "") -> None:  # noqa: A001 - Fabric's name
    """End the notebook with a value (kept as a string)."""
    current_session().exit("" if value is None else str(value))


def run(
    path: str, timeout_seconds: float = 90, arguments: dict[str, Any] | None = None, workspace: str = ""
) -> str:
    """Execute another notebook of the workspace in this session and return its exit value."""
    del workspace
    return run_called(path, arguments or {}, timeout_seconds)
