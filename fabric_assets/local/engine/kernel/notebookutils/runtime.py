"""``notebookutils.runtime``."""

import getpass
from typing import Any

from fabric_assets.local.engine.kernel.notebookutils.missing import explain
from fabric_assets.local.engine.kernel.session import current_session

_missing = explain("notebookutils.runtime", ["context"])


def __getattr__(name: str) -> Any:
    return _context() if name == "context" else _missing(name)


def _context() -> dict[str, Any]:
    session = current_session()
    context, lakehouse = session.context, session.default_lakehouse
    is_own = lakehouse is not None and lakehouse.workspace.lower() == context.workspace.lower()
    called = session.notebook != context.notebook
    return {
        "activityId": context.job_instance_id,
        "currentRunId": context.job_instance_id,
        "currentNotebookId": context.notebook_ids.get(session.notebook, context.notebook_id),
        "currentNotebookName": session.notebook,
        "currentWorkspaceId": context.workspace_id,
        "currentWorkspaceName": context.workspace,
        "defaultLakehouseId": lakehouse.item_id if lakehouse else "",
        "defaultLakehouseName": lakehouse.name if lakehouse else "",
        "defaultLakehouseWorkspaceId": context.workspace_id if is_own else "",
        "defaultLakehouseWorkspaceName": lakehouse.workspace if lakehouse else "",
        "environmentId": "",
        "environmentWorkspaceId": "",
        "isForInteractive": False,
        "isForPipeline": False,
        "isReferenceRun": called,
        "productType": "Fabric",
        "rootNotebookId": context.notebook_id,
        "rootNotebookName": context.notebook,
        "rootRunId": context.job_instance_id,
        "rootWorkspaceId": context.workspace_id,
        "rootWorkspaceName": context.workspace,
        "userName": _user(),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
