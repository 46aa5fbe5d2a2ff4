"""The job instances of a workspace, from its cheap lists: one of all sessions, one of each item."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fabric_assets.client.errors import FabricError
from fabric_assets.client.inspection import InspectingClient, SubmittedSession
from fabric_assets.client.models import ENDED_STATUSES, Item, JobInstance, Workspace

RUNNABLE_TYPES = (
    "Notebook",
    "DataPipeline",
    "SparkJobDefinition",
    "Dataflow",
    "CopyJob",
    "DataBuildToolJob",
)
"""Items whose job instances are listed."""

_STATUS_OF_STATE = {"Succeeded": "Completed"}
_MOST_PAGES = 10


@dataclass(frozen=True)
class StatusRow:
    """One job instance.

    Attributes:
        status: as Fabric spells it for job instances.
        started: when it was started; ``ended``: when it ended, ``None`` while it runs.
        invoked: ``Manual`` or ``Scheduled``; ``None`` if only the list of sessions has it.
        submitter: type and id of who started it; ``None`` if only the item's list has it.
        asset: the Dagster asset whose run started it; ``partition`` and ``run_id``: of that run.
    """

    job_instance_id: str
    item: str
    item_type: str
    item_id: str
    status: str
    started: datetime | None
    ended: datetime | None
    invoked: str | None = None
    submitter: str | None = None
    reason: str | None = None
    asset: str | None = None
    partition: str | None = None
    run_id: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status not in ENDED_STATUSES and self.ended is None

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken."""
        return (
            None if self.started is None else max(0.0, ((self.ended or now) - self.started).total_seconds())
        )

    def to_json(self, now: datetime) -> dict[str, Any]:
        """As it stands in ``--json``."""
        seconds = self.seconds(now)
        return {
            "job_instance_id": self.job_instance_id,
            "item": self.item,
            "item_type": self.item_type,
            "item_id": self.item_id,
            "status": self.status,
            "started": self.started.isoformat() if self.started else None,
            "ended": self.ended.isoformat() if self.ended else None,
            "duration_seconds": None if seconds is None else round(seconds, 1),
            "invoke_type": self.invoked,
            "submitter": self.submitter,
            "failure_reason": self.reason,
            "asset": self.asset,
            "partition": self.partition,
            "run_id": self.run_id,
        }


@dataclass
class Listing:
    """What was read.

    Attributes:
        rows: running ones first, then the latest.
        items: items that can run; ``asked``: those whose own list was read.
        missing: what could not be read, with the reason.
        now: the time by the service's clock.
    """

    rows: list[StatusRow] = field(default_factory=list)
    items: int = 0
    asked: int = 0
    missing: list[str] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


async def list_job_instances(
    client: InspectingClient,
    workspace: Workspace,
    *,
    hours: float,
    notebook: Item | None,
    most_lists: int,
) -> Listing:
    """The job instances of a workspace that run, or were started within the last hours.

    Args:
        client: the client.
        workspace: the workspace.
        hours: how far to look back.
        notebook: only this one's.
        most_lists: so many items' own lists may be read: a call each.

    Raises:
        FabricError: nothing can be read.
    """
    listing = Listing()
    items = {item.id.lower(): item for item in await _items(client, workspace, notebook)}
    listing.now = client.service_now()
    since = listing.now - timedelta(hours=hours)
    listing.items = len(items)
    rows: dict[str, StatusRow] = {}
    try:
        async for session in _sessions(client, workspace, since):
            if session.job_instance_id and (notebook is None or (session.item_id or "").lower() in items):
                rows.setdefault(session.job_instance_id.lower(), _row_of_session(session, items))
    except FabricError as error:
        listing.missing.append(f"the list of sessions: {_first_line(error)}")
    for item in _in_order(items, rows)[:most_lists]:
        try:
            listed = await client.list_job_instances(workspace.id, item.id)
        except FabricError as error:
            listing.missing.append(f"{item.display_name}: {_first_line(error)}")
            continue
        listing.asked += 1
        for job_instance in listed:
            if (
                not job_instance.has_ended
                or job_instance.start_time is None
                or job_instance.start_time >= since
            ):
                key = job_instance.id.lower()
                rows[key] = _row_of_job_instance(job_instance, item, rows.get(key))
    recent = [row for row in rows.values() if row.is_running or row.started is None or row.started >= since]
    earliest = datetime.min.replace(tzinfo=UTC)
    recent.sort(key=lambda row: (row.is_running, row.started or earliest), reverse=True)
    listing.rows = recent
    return listing


def with_owners(rows: list[StatusRow], owners: Mapping[str, str]) -> list[StatusRow]:
    """The rows with the assets that started them, from what the Dagster instance's ledger knows."""
    return [_with_owner(row, owners.get(row.job_instance_id)) for row in rows]


def _with_owner(row: StatusRow, owner: str | None) -> StatusRow:
    if owner is None:
        return row
    try:
        asset, partition, run_id = json.loads(owner)
    except ValueError:
        return row
    return replace(row, asset=asset, partition=partition, run_id=run_id)


async def _items(client: InspectingClient, workspace: Workspace, notebook: Item | None) -> list[Item]:
    if notebook is not None:
        return [notebook]
    return [item for item in await client.list_items(workspace.id) if item.type in RUNNABLE_TYPES]


async def _sessions(
    client: InspectingClient, workspace: Workspace, since: datetime
) -> AsyncIterator[SubmittedSession]:
    """The sessions until they are too old; the list begins with the latest."""
    pages = 0
    async for page in client.list_submitted_sessions(workspace.id):
        pages += 1
        for session in page:
            yield session
        oldest = page[-1].submitted if page else None
        if pages == _MOST_PAGES or oldest is None or oldest < since:
            return


def _in_order(items: Mapping[str, Item], rows: Mapping[str, StatusRow]) -> list[Item]:
    """Items without a session first, as no other list shows them; then those of the latest sessions."""
    with_sessions = {row.item_id.lower() for row in rows.values()}
    pipelines = [item for key, item in items.items() if key not in with_sessions and item.type != "Notebook"]
    notebooks = [item for key, item in items.items() if key not in with_sessions and item.type == "Notebook"]
    seen = [items[key] for key in dict.fromkeys(row.item_id.lower() for row in rows.values()) if key in items]
    half = max(1, len(seen) // 2)
    return [*pipelines, *seen[:half], *notebooks, *seen[half:]]


def _row_of_session(session: SubmittedSession, items: Mapping[str, Item]) -> StatusRow:
    item = items.get((session.item_id or "").lower())
    submitter = f"{session.submitter_type or 'identity'} {session.submitter}" if session.submitter else None
    return StatusRow(
        job_instance_id=session.job_instance_id or "",
        item=session.item_name or (item.display_name if item else ""),
        item_type=session.item_type or (item.type if item else ""),
        item_id=session.item_id or "",
        status=_STATUS_OF_STATE.get(session.state, session.state),
        started=session.submitted or session.started,
        ended=session.ended,
        submitter=submitter,
    )


def _row_of_job_instance(job_instance: JobInstance, item: Item, session: StatusRow | None) -> StatusRow:
    reason = job_instance.failure_reason
    return StatusRow(
        job_instance_id=job_instance.id,
        item=item.display_name,
        item_type=item.type,
        item_id=item.id,
        status=job_instance.status,
        started=job_instance.start_time or (session.started if session else None),
        ended=job_instance.end_time or (session.ended if session and job_instance.has_ended else None),
        invoked=job_instance.invoke_type,
        submitter=session.submitter if session else None,
        reason=f"{reason.error_code}: {' '.join(reason.message.split())}" if reason else None,
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
