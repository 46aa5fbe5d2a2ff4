"""``notebookutils.notebook``."""

from collections.abc import Sequence
from typing import Any

from fabric_assets.local.engine.kernel.notebooks import find_notebook, run_called
from fabric_assets.local.engine.kernel.notebookutils.item import Item
from fabric_assets.local.engine.kernel.notebookutils.missing import explain
from fabric_assets.local.engine.kernel.run_multiple import execute_dag, parse_dag
from fabric_assets.local.engine.kernel.session import current_session
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

__all__ = ["exit", "get", "list", "run", "runMultiple", "validateDAG"]

_missing = explain("notebookutils.notebook", __all__)


def __getattr__(name: str) -> Any:
    return _missing(name)


def exit(value: Any = "") -> None:  # noqa: A001 - Fabric's name
    """End the notebook with a value (kept as a string)."""
    current_session().exit("" if value is None else str(value))


def run(
    path: str, timeout_seconds: float = 90, arguments: dict[str, Any] | None = None, workspace: str = ""
) -> str:
    """Execute another notebook of the workspace in this session, with variables of its own.

    Returns:
        The value that it passed to ``exit``, empty if it did not.
    """
    context = current_session().context
    if workspace.lower() not in ("", context.workspace.lower(), context.workspace_id.lower()):
        raise NotSupportedLocallyError(
            f"notebook.run reaches only notebooks of its own workspace '{context.workspace}' locally, not '{workspace}'"
        )
    return run_called(path, _arguments(arguments), timeout_seconds)


def runMultiple(dag: Any, config: Any = None) -> dict[str, Any]:  # noqa: N802 - Fabric's name
    """Execute several notebooks in the order of their dependencies, locally one after another.

    Args:
        dag: notebook names, or Fabric's description with ``activities``.
        config: accepted as in Fabric, without effect.

    Returns:
        ``{activity: {"exitVal": ..., "exception": ...}}``.
    """
    del config
    return execute_dag(
        parse_dag(dag), lambda path, args, timeout: run_called(path, _arguments(args), timeout)
    )


def validateDAG(dag: Any) -> bool:  # noqa: N802 - Fabric's name
    """Whether the description is valid; raises the reason if it is not."""
    for activity in parse_dag(dag):
        find_notebook(activity.path)
    return True


def list(workspaceId: str = "", maxResults: int = 1000) -> Sequence[Item]:  # noqa: A001, N803 - Fabric's names
    """All notebooks of the workspace."""
    del workspaceId
    ids = current_session().context.notebook_ids
    return [_item(name, item_id) for name, item_id in sorted(ids.items())[:maxResults]]


def get(name: str, workspaceId: str = "") -> Item:  # noqa: N803 - Fabric's name
    """A notebook by its name."""
    del workspaceId
    known, _ = find_notebook(name)
    return _item(known, current_session().context.notebook_ids.get(known, ""))


def _arguments(arguments: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (arguments or {}).items() if name != "useRootDefaultLakehouse"}


def _item(name: str, item_id: str) -> Item:
    return Item(item_id, "Notebook", name, current_session().context.workspace_id)
