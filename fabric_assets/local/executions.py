"""What an engine is told about a job instance: the notebook, and the workspace around it."""

from collections.abc import Iterable

from fabric_assets.local import errors
from fabric_assets.local.execution import LakehouseRef, NotebookExecution
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Item, Workspace
from fabric_assets.local.start_request import LakehouseChoice, StartRequest


def default_lakehouse(
    workspace: Workspace, workspaces: Iterable[Workspace], choice: LakehouseChoice | None
) -> LakehouseRef | None:
    """The lakehouse that a request names, by id or by name without case.

    Raises:
        ApiError: there is no such lakehouse.
    """
    if choice is None:
        return None
    owner_id = choice.workspace_id or workspace.id
    owner = next((known for known in workspaces if known.id == owner_id), None)
    if owner is None:
        raise errors.workspace_not_found(
            owner_id, [f"'{known.display_name}' ({known.id})" for known in workspaces]
        )
    lakehouses = owner.items_of_type("Lakehouse")
    for lakehouse in lakehouses:
        same_name = choice.name is not None and choice.name.casefold() == lakehouse.display_name.casefold()
        if lakehouse.id == choice.item_id if choice.item_id else same_name:
            return _reference(owner, lakehouse)
    known = ", ".join(f"'{lakehouse.display_name}'" for lakehouse in lakehouses)
    what = choice.name or choice.item_id
    raise errors.entity_not_found(
        f"The default lakehouse '{what}' (workspace '{owner.display_name}' has {known or 'none'})"
    )


def notebook_execution(
    home: LocalHome,
    workspaces: Iterable[Workspace],
    workspace: Workspace,
    item: Item,
    job_instance_id: str,
    request: StartRequest,
    lakehouse: LakehouseRef | None,
) -> NotebookExecution:
    """Everything that an engine may know; the folders of all lakehouses are there when it starts."""
    lakehouses = tuple(
        _reference(owner, found) for owner in workspaces for found in owner.items_of_type("Lakehouse")
    )
    for known in lakehouses:
        for name in ("Files", "Tables"):
            (home.lakehouse(known.workspace, known.name) / name).mkdir(parents=True, exist_ok=True)
    notebooks = [notebook for notebook in workspace.items_of_type("Notebook") if notebook.source is not None]
    return NotebookExecution(
        home=home,
        job_instance_id=job_instance_id,
        workspace=workspace.display_name,
        workspace_id=workspace.id,
        notebook=item.display_name,
        notebook_id=item.id,
        source=item.source or home.workspaces,
        parameters=dict(request.parameters),
        lakehouses=lakehouses,
        notebooks={notebook.display_name: notebook.source for notebook in notebooks if notebook.source},
        notebook_ids={notebook.display_name: notebook.id for notebook in notebooks},
        default_lakehouse=lakehouse,
        spark_conf=dict(request.spark_conf),
    )


def simulated_execution(
    home: LocalHome, workspace: Workspace, item: Item, job_instance_id: str, request: StartRequest
) -> NotebookExecution:
    """What the simulation needs, which opens no files."""
    return NotebookExecution(
        home=home,
        job_instance_id=job_instance_id,
        workspace=workspace.display_name,
        workspace_id=workspace.id,
        notebook=item.display_name,
        notebook_id=item.id,
        source=item.source or home.workspaces,
        parameters=dict(request.parameters),
    )


def _reference(workspace: Workspace, lakehouse: Item) -> LakehouseRef:
    return LakehouseRef(workspace.display_name, lakehouse.display_name, lakehouse.id)
