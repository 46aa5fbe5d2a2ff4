"""What only people want to know of a workspace: its capacity, who submitted which Spark session."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.models import parse_time


@dataclass(frozen=True)
class WorkspaceDetails:
    """A workspace, and where it runs.

    Attributes:
        capacity_id: ``None`` if it is assigned to no capacity: nothing can run in it.
        capacity_progress: ``Completed``, ``InProgress`` or ``Failed`` while it moves; ``None`` if it was not told.
    """

    id: str
    display_name: str
    capacity_id: str | None
    capacity_progress: str | None
    region: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "WorkspaceDetails":
        """From ``GET /workspaces/{id}``."""
        return cls(
            id=data["id"],
            display_name=data.get("displayName") or data["id"],
            capacity_id=data.get("capacityId"),
            capacity_progress=data.get("capacityAssignmentProgress"),
            region=data.get("capacityRegion"),
        )


@dataclass(frozen=True)
class SubmittedSession:
    """A Spark session, or the session of a Python notebook, with who submitted it.

    Attributes:
        state: ``NotStarted``, ``InProgress``, ``Succeeded``, ``Failed``, ``Cancelled`` or ``Unknown``.
        submitter: id of a user or service principal; ``submitter_type`` says which.
        origin: how it came to be, such as ``SubmittedJob`` or ``PendingJob``.
    """

    id: str
    state: str
    item_id: str | None
    item_name: str
    item_type: str
    job_instance_id: str | None
    submitter: str | None
    submitter_type: str | None
    origin: str | None
    submitted: datetime | None
    started: datetime | None
    ended: datetime | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SubmittedSession":
        """From an entry of ``GET /workspaces/{id}/spark/livySessions``."""
        submitter = data.get("submitter") or {}
        return cls(
            id=data["livyId"],
            state=data.get("state") or "Unknown",
            item_id=(data.get("item") or {}).get("itemId"),
            item_name=data.get("itemName") or "",
            item_type=data.get("itemType") or "",
            job_instance_id=data.get("jobInstanceId"),
            submitter=submitter.get("id"),
            submitter_type=submitter.get("type"),
            origin=data.get("origin"),
            submitted=parse_time(data.get("submittedDateTime")),
            started=parse_time(data.get("startDateTime")),
            ended=parse_time(data.get("endDateTime")),
        )


class InspectingClient(FabricClient):
    """A client that reads more of a workspace than running notebooks needs."""

    async def get_workspace_details(self, workspace_id: str) -> WorkspaceDetails:
        """A workspace with its capacity.

        Raises:
            FabricNotFoundError: it is not there, or this identity may not see it.
        """
        return await self._transport.read(f"/workspaces/{workspace_id}", WorkspaceDetails.from_json)

    def list_submitted_sessions(self, workspace_id: str) -> AsyncIterator[list[SubmittedSession]]:
        """The sessions of a workspace, running and past, page by page; a page is read when it is needed."""
        path = f"/workspaces/{workspace_id}/spark/livySessions"
        return self._transport.pages(path, SubmittedSession.from_json)
