"""The job instances that the contract is checked with, and everything that reading them showed."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fabric_assets.client.fabric_client import is_guid
from fabric_assets.client.models import ENDED_STATUSES
from fabric_assets.client.transport import GUID
from fabric_assets.commands.contract_wire import Answer, Wire

_FIND_SECONDS = 30.0
UNSEEN_CODES = frozenset({"RequestExecutionFailed", "NotFound"})


@dataclass
class Observed:
    """One job instance as it was seen.

    Attributes:
        started: the answer to its start.
        id: its id; ``None`` if the service did not tell, and none could be found.
        location_has_id: whether ``Location`` ends with it.
        unseen: what reads answered before they knew it, each with the seconds since the start.
        statuses: each status when it was first seen, with the seconds since the start.
        waits: values of ``Retry-After`` while it ran; ``wait_at_end``: the one of the last read.
        last: the last read.
        lag_seconds: from the service's own end time to the read that showed the end, by the service's clock.
    """

    notebook_id: str
    started: Answer
    started_at: float
    id: str | None = None
    location_has_id: bool = False
    unseen: list[tuple[str, float]] = field(default_factory=list)
    statuses: list[tuple[str, float]] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    wait_at_end: float | None = None
    last: Answer | None = None

    @property
    def status(self) -> str | None:
        """The last status that was seen."""
        return self.statuses[-1][0] if self.statuses else None

    @property
    def has_ended(self) -> bool:
        """Whether it ended before the time was over."""
        return self.status in ENDED_STATUSES

    @property
    def body(self) -> Mapping[str, Any]:
        """What the last read told."""
        return self.last.body if self.last is not None else {}


class Jobs:
    """Starts and reads job instances in one workspace.

    Args:
        wire: the service.
        workspace_id: the workspace.
        poll_seconds: wait between two reads of one job instance.
    """

    def __init__(self, wire: Wire, workspace_id: str, poll_seconds: float) -> None:
        self._wire = wire
        self._workspace = f"/workspaces/{workspace_id}"
        self.poll_seconds = poll_seconds
        self._known: set[str] = set()

    async def start_generic(
        self, notebook_id: str, parameters: Mapping[str, object], *, type_in_path: bool = False
    ) -> Observed:
        """Start on the generic route, in its older or newer form."""
        jobs = f"{self._workspace}/items/{notebook_id}/jobs"
        body = {"executionData": {"parameters": parameters}}
        if type_in_path:
            return await self._start(notebook_id, f"{jobs}/RunNotebook/instances", None, body)
        return await self._start(notebook_id, f"{jobs}/instances", {"jobType": "RunNotebook"}, body)

    async def start_on_notebook_route(
        self, notebook_id: str, parameters: list[dict[str, object]]
    ) -> Observed:
        """Start on the notebook route."""
        path = f"{self._workspace}/notebooks/{notebook_id}/jobs/execute/instances"
        return await self._start(notebook_id, path, {"beta": "false"}, {"parameters": parameters})

    async def _start(
        self, notebook_id: str, path: str, params: Mapping[str, str] | None, body: Mapping[str, Any]
    ) -> Observed:
        answer = await self._wire.call("POST", path, params=params, body=body)
        observed = Observed(notebook_id, answer, time.monotonic())
        location = str(answer.headers.get("Location", "")).split("?")[0].rstrip("/")
        match = re.search(rf"/instances/({GUID.pattern})$", location)
        observed.location_has_id = match is not None
        header = str(answer.headers.get("x-ms-job-id", ""))
        observed.id = match[1] if match else header if is_guid(header) else None
        if observed.id is None and answer.status == 202:
            observed.id = await self._find(notebook_id)
        if observed.id is not None:
            self._known.add(observed.id)
        return observed

    async def _find(self, notebook_id: str) -> str | None:
        """A job instance of the notebook that is not known yet: the notebook is nobody else's."""
        deadline = time.monotonic() + _FIND_SECONDS
        while time.monotonic() < deadline:
            ids = {str(entry.get("id")) for entry in (await self.listed(notebook_id)).body.get("value") or ()}
            if len(ids - self._known) == 1:
                return (ids - self._known).pop()
            await asyncio.sleep(self.poll_seconds)
        return None

    async def listed(self, notebook_id: str) -> Answer:
        """The list of the notebook's job instances."""
        return await self._wire.call("GET", f"{self._workspace}/items/{notebook_id}/jobs/instances")

    async def sessions(self) -> Answer:
        """The list of the workspace's sessions."""
        return await self._wire.call("GET", f"{self._workspace}/spark/livySessions")

    async def on_notebook_route(self, observed: Observed) -> Answer:
        """Read it on the notebook route."""
        path = f"{self._workspace}/notebooks/{observed.notebook_id}/jobs/execute/instances/{observed.id}"
        return await self._wire.call("GET", path, params={"beta": "true"})

    async def cancel(self, observed: Observed) -> Answer:
        """Ask to cancel it."""
        path = f"{self._workspace}/items/{observed.notebook_id}/jobs/instances/{observed.id}/cancel"
        return await self._wire.call("POST", path)

    async def watch(
        self, observed: Observed, deadline: float, *, until: frozenset[str] = ENDED_STATUSES
    ) -> None:
        """Read it until it has one of the statuses, or until the deadline on the monotonic clock."""
        path = f"{self._workspace}/items/{observed.notebook_id}/jobs/instances/{observed.id}"
        while observed.id is not None:
            answer = await self._wire.call("GET", path)
            seconds = time.monotonic() - observed.started_at
            code = (answer.body.get("failureReason") or {}).get("errorCode")
            if answer.status == 404:
                observed.unseen.append((str(answer), seconds))
            elif code in UNSEEN_CODES:
                observed.unseen.append((str(code), seconds))
            elif answer.status == 200:
                self._note(observed, answer, seconds)
                if observed.status in until or observed.has_ended:
                    return
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(self.poll_seconds)

    @staticmethod
    def _note(observed: Observed, answer: Answer, seconds: float) -> None:
        observed.last = answer
        status = str(answer.body.get("status"))
        if status != observed.status:
            observed.statuses.append((status, seconds))
        if status in ENDED_STATUSES:
            observed.wait_at_end = answer.retry_after
        else:
            observed.waits.append(answer.retry_after)
