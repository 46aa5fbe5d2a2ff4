"""What a pipeline's activities find around them: workspaces, the folders of lakehouses, the start of other jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from fabric_assets.local.clock import Clock
from fabric_assets.local.errors import ApiError
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Item, Workspace
from fabric_assets.local.lakehouse import Lakehouse, nearest
from fabric_assets.local.start_request import StartRequest
from fabric_assets.local.state import JobInstance

_OWN_WORKSPACE = "00000000-0000-0000-0000-000000000000"
"""What Git writes for the workspace that the item itself is in."""


class ActivityError(Exception):
    """Why an activity fails.

    Attributes:
        error_code: the code of its error.
    """

    def __init__(self, message: str, error_code: str = "ActivityFailed") -> None:
        super().__init__(message)
        self.error_code = error_code


class Jobs(Protocol):
    """Starts job instances of other items."""

    def start(self, workspace: Workspace, item: Item, job_type: str, request: StartRequest) -> JobInstance:
        """Start one."""
        ...

    async def wait(self, job_instance: JobInstance) -> JobInstance:
        """Itself as it ended."""
        ...

    def cancel(self, job_instance: JobInstance) -> None:
        """Ask it to end."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """One job instance of a pipeline, and what is around it."""

    home: LocalHome
    clock: Clock
    jobs: Jobs
    workspaces: tuple[Workspace, ...]
    workspace: Workspace
    pipeline: Item
    job_instance_id: str

    def item(self, item_type: str, reference: Any, workspace_id: Any = None) -> tuple[Workspace, Item]:
        """The item that a definition names: by id, by logical id (as Git writes it) or by display name.

        Raises:
            ActivityError: there is none.
        """
        workspace = self._workspace(workspace_id)
        items = workspace.items_of_type(item_type)
        wanted = str(reference).casefold()
        for item in items:
            if wanted in (item.id, item.logical_id, item.display_name.casefold()):
                return workspace, item
        names = nearest(str(reference), [item.display_name for item in items])
        raise ActivityError(
            f"The {item_type} '{reference}' was not found in workspace '{workspace.display_name}'; {names}.",
            "ItemNotFound",
        )

    def lakehouse(self, reference: Any, workspace_id: Any, name: Any) -> Lakehouse:
        """A lakehouse by its id, or else by the name of its connection.

        Raises:
            ActivityError: there is none.
        """
        try:
            workspace, item = self.item("Lakehouse", reference, workspace_id)
        except ActivityError:
            if not name:
                raise
            workspace, item = self.item("Lakehouse", name, workspace_id)
        folder = self.home.lakehouse(workspace.display_name, item.display_name)
        return Lakehouse(workspace.display_name, item.display_name, item.id, folder)

    def _workspace(self, workspace_id: Any) -> Workspace:
        if workspace_id in (None, "", _OWN_WORKSPACE):
            return self.workspace
        # The id of the workspace that a definition came from is unknown here; its items are in this workspace then.
        return _find(self.workspaces, str(workspace_id).casefold()) or self.workspace


async def run_to_end(
    surroundings: Surroundings,
    workspace: Workspace,
    item: Item,
    job_type: str,
    request: StartRequest,
    *,
    wait: bool = True,
) -> JobInstance:
    """Start a job of another item; if this is cancelled while it waits, so is the job.

    Raises:
        ActivityError: it cannot be started.
    """
    jobs = surroundings.jobs
    try:
        child = jobs.start(workspace, item, job_type, request)
    except ApiError as error:
        raise ActivityError(
            f"'{item.display_name}' cannot be started: {error.message}", error.error_code
        ) from error
    if not wait:
        return child
    try:
        return await jobs.wait(child)
    except BaseException:
        jobs.cancel(child)
        await jobs.wait(child)
        raise


def _find(workspaces: Iterable[Workspace], wanted: str) -> Workspace | None:
    for workspace in workspaces:
        if wanted in (workspace.id, workspace.display_name.casefold()):
            return workspace
    return None
