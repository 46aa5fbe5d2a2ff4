"""Display names to ids: workspaces and items, listed once per process."""

import asyncio
import difflib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from fabric_assets.client.errors import (
    FabricApiError,
    FabricConfigError,
    FabricError,
    FabricNotFoundError,
    FabricTransportError,
)
from fabric_assets.client.fabric_client import FabricClient, is_guid
from fabric_assets.client.models import Item, Workspace

_LIST_AGAIN_AFTER_SECONDS = 60.0
_NAMES_IN_A_MESSAGE = 5


class Directory:
    """Finds workspaces and items by display name or GUID.

    A workspace is listed once. Only when a name is missing from a list older than a minute, it is listed again: the
    item may have been created since.
    """

    def __init__(self, client: FabricClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._workspaces: dict[str, Workspace] = {}
        self._items: dict[str, tuple[float, list[Item]]] = {}
        self._lock = asyncio.Lock()
        self._failure: tuple[float, FabricError] | None = None

    async def workspace(self, name_or_id: str, *, configured_in: str) -> Workspace:
        """The workspace.

        Args:
            name_or_id: display name or GUID.
            configured_in: where the user wrote it, for the error.

        Raises:
            FabricConfigError: there is none, or several.
        """
        async with self._alone():
            if name_or_id not in self._workspaces:
                self._workspaces[name_or_id] = await self._find_workspace(name_or_id, configured_in)
            return self._workspaces[name_or_id]

    async def item(
        self, workspace: Workspace, name_or_id: str, item_type: str, *, configured_in: str
    ) -> Item:
        """An item of the workspace.

        Args:
            workspace: where to look.
            name_or_id: display name or GUID.
            item_type: such as ``Notebook``.
            configured_in: where the user wrote it, for the error.

        Raises:
            FabricConfigError: there is none, or several.
        """
        async with self._alone():
            listed_at, items = self._items.get(workspace.id) or await self._list(workspace)
            found = _matching(items, name_or_id, item_type)
            if not found and self._clock() - listed_at > _LIST_AGAIN_AFTER_SECONDS:
                _, items = await self._list(workspace)
                found = _matching(items, name_or_id, item_type)
        if len(found) == 1:
            return found[0]
        where = f"workspace {workspace.display_name!r} ({workspace.id})"
        if found:
            ids = ", ".join(item.id for item in found)
            raise FabricConfigError(
                f"{item_type} {name_or_id!r} (from {configured_in}) is not unique in {where}: {ids}. "
                "Configure one of these ids instead of the name.",
                error_code="ItemNameNotUnique",
            )
        same_type = [item for item in items if item.type == item_type]
        raise FabricConfigError(
            f"there is no {item_type} {name_or_id!r} (from {configured_in}) in {where}. "
            + nearest(name_or_id, ((item.display_name, item.id) for item in same_type), item_type),
            error_code="ItemNotFound",
        )

    def forget(self, workspace: Workspace) -> None:
        """List the workspace again when a name is looked up next: an item of it turned out to be gone."""
        self._items.pop(workspace.id, None)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One asks, and the others have its answer; they do not wait in vain for as long as it did, one by one."""
        since = self._clock()
        async with self._lock:
            if self._failure is not None and self._failure[0] > since:
                raise self._failure[1].with_traceback(None)
            try:
                yield
            except (FabricTransportError, FabricApiError) as error:
                if error.retriable:
                    self._failure = (self._clock(), error)
                raise

    async def _list(self, workspace: Workspace) -> tuple[float, list[Item]]:
        listing = (self._clock(), await self._client.list_items(workspace.id))
        self._items[workspace.id] = listing
        return listing

    async def _find_workspace(self, name_or_id: str, configured_in: str) -> Workspace:
        if is_guid(name_or_id):
            try:
                return await self._client.get_workspace(name_or_id)
            except FabricNotFoundError as error:
                raise FabricConfigError(
                    f"there is no workspace with the id {name_or_id} (from {configured_in}), or this identity has no "
                    "role in it. Check the id, and that the identity has at least the role Contributor.",
                    error_code=error.error_code,
                    request_id=error.request_id,
                ) from error
        workspaces = await self._client.list_workspaces()
        found = [w for w in workspaces if w.display_name == name_or_id] or [
            w for w in workspaces if w.display_name.lower() == name_or_id.lower()
        ]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(w.id for w in found)
            raise FabricConfigError(
                f"workspace {name_or_id!r} (from {configured_in}) is not unique: {ids}. "
                "Configure one of these ids instead of the name.",
                error_code="WorkspaceNameNotUnique",
            )
        raise FabricConfigError(
            f"there is no workspace {name_or_id!r} (from {configured_in}) that this identity may see. "
            + nearest(name_or_id, ((w.display_name, w.id) for w in workspaces), "workspace"),
            error_code="WorkspaceNotFound",
        )


def _matching(items: list[Item], name_or_id: str, item_type: str) -> list[Item]:
    of_type = [item for item in items if item.type == item_type]
    if is_guid(name_or_id):
        return [item for item in of_type if item.id.lower() == name_or_id.lower()]
    exact = [item for item in of_type if item.display_name == name_or_id]
    return exact or [item for item in of_type if item.display_name.lower() == name_or_id.lower()]


def nearest(name: str, candidates: Iterable[tuple[str, str | None]], kind: str) -> str:
    """The names that are most like one that was not found, each with its id if it has one, as a sentence."""
    ids = dict(candidates)
    if not ids:
        return f"There is no {kind} at all."
    lower = {candidate.lower(): candidate for candidate in ids}
    close = difflib.get_close_matches(name.lower(), lower, n=_NAMES_IN_A_MESSAGE, cutoff=0.4)
    shown = [lower[candidate] for candidate in close] or sorted(ids)[:_NAMES_IN_A_MESSAGE]
    names = (f"{candidate!r}" + (f" ({ids[candidate]})" if ids[candidate] else "") for candidate in shown)
    return "Nearest: " + ", ".join(names) + "."
