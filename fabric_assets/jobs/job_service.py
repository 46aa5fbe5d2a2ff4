"""The calls that job control makes for the job instances of one item, whichever service has it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Generic, Literal, Protocol, TypeVar
from urllib.parse import quote

from fabric_assets.client.fabric_client import FabricClient, JobReading
from fabric_assets.client.models import Accepted, Item, JobDetails, JobInstance, Workspace
from fabric_assets.client.quota import Urgency
from fabric_assets.client.service_client import ServiceClient
from fabric_assets.jobs.job import ItemJob

ListedIn = Literal["sessions", "item", "nowhere"]
"""Which of Fabric's lists shows a job instance: the workspace's Spark sessions, its item's job instances, none."""

_LABELS = {
    "CopyJob": "copy job",
    "DataPipeline": "pipeline",
    "Dataflow": "dataflow",
    "Notebook": "notebook",
    "SparkJobDefinition": "Spark job definition",
}
_PORTAL_PATHS = {"Notebook": "synapsenotebooks", "DataPipeline": "pipelines"}
_WITHOUT_SESSION = frozenset({"DataPipeline", "Dataflow", "CopyJob", "DataBuildToolJob"})


class JobService(Protocol):
    """What a service does with the job instances of one item. All ids and times are the service's."""

    service: str
    """Its name for messages, such as ``Fabric``."""
    item: Item
    workspace: Workspace | None
    label: str
    """The item for messages, such as ``notebook 'LoadDimX'``."""
    place: str
    """Where it is, for messages, such as ``workspace 'Sales' (its id)``."""
    lock_names: tuple[str, ...]
    """What identifies the item among those of all services."""
    listed_in: ListedIn
    shares_session: bool
    """Whether its Spark session may go on when the job instance has ended."""

    def service_now(self) -> datetime:
        """The time by the service's clock, UTC; see ``clock_uncertainty``."""
        ...

    @property
    def clock_uncertainty(self) -> timedelta:
        """How far ``service_now`` can be wrong."""
        ...

    def vcores(self, node_vcores: int) -> int | None:
        """Spark vCores of the capacity that it takes up; ``None`` if it does not queue for them."""
        ...

    @property
    def session(self) -> str | None:
        """The Spark session that it shares with others, by a name that is theirs alone."""
        ...

    async def start(self, on_sending: Callable[[bool], None]) -> Accepted:
        """Start a job instance; see ``FabricClient.start_job_instance``."""
        ...

    async def read(self, job_instance_id: str, urgency: Urgency) -> JobReading:
        """Read a job instance.

        Raises:
            FabricNotFoundError: it is not there; in the first seconds after the start that passes.
        """
        ...

    async def details(self, job_instance_id: str) -> JobDetails:
        """What an ended job instance tells beside its status.

        Raises:
            FabricError: it cannot be had now.
        """
        ...

    async def list_job_instances(self) -> list[JobInstance]:
        """All that run, and the latest that ended."""
        ...

    async def cancel(self, job_instance_id: str) -> bool:
        """Ask to cancel it; whether there was something to cancel."""
        ...

    def links(self, job_instance_id: str) -> Mapping[str, str]:
        """Pages for people: ``itemUrl``, ``jobInstanceUrl``, those that there are."""
        ...


C = TypeVar("C", bound=ServiceClient)


class ClientJobService(Generic[C]):
    """What the services of all clients share; see ``JobService``. No list shows what they run, and it takes no vCores.

    Args:
        client: the open client.
    """

    listed_in: ListedIn = "nowhere"
    shares_session = False
    session: str | None = None

    def __init__(self, client: C) -> None:
        self.client = client

    def service_now(self) -> datetime:
        """See ``JobService``."""
        return self.client.service_now()

    @property
    def clock_uncertainty(self) -> timedelta:
        """See ``JobService``."""
        return self.client.clock_uncertainty

    def vcores(self, node_vcores: int) -> int | None:
        """See ``JobService``."""
        return None


class ItemJobService(ClientJobService[FabricClient]):
    """The job instances of an item in Fabric, on the generic routes. See ``JobService``.

    Args:
        client: the open client.
        workspace: the item's workspace.
        item: the item.
        job: what to start.
        portal_url: base of Fabric's web pages; ``None``: there are none (the local Fabric).
    """

    service = "Fabric"

    def __init__(
        self, client: FabricClient, workspace: Workspace, item: Item, job: ItemJob, portal_url: str | None
    ) -> None:
        super().__init__(client)
        self.workspace: Workspace | None = workspace
        self.item = item
        self._job = job
        self._portal_url = portal_url
        self._ids = (workspace.id, item.id)
        self.label = f"{_LABELS.get(item.type, item.type or 'item')} {item.display_name!r}"
        self.place = f"workspace {workspace.display_name!r} ({workspace.id})"
        self.lock_names: tuple[str, ...] = (client.api_url, *self._ids)
        self.listed_in = "item" if item.type in _WITHOUT_SESSION else "sessions"

    def vcores(self, node_vcores: int) -> int | None:
        """See ``JobService``. What the items of other types take up is not told by their settings."""
        return node_vcores if self.item.type == "SparkJobDefinition" else None

    async def start(self, on_sending: Callable[[bool], None]) -> Accepted:
        """See ``JobService``."""
        return await self.client.start_job_instance(
            *self._ids, self._job.job_type, self._job.execution_data, on_sending=on_sending
        )

    async def read(self, job_instance_id: str, urgency: Urgency) -> JobReading:
        """See ``JobService``."""
        return await self.client.get_job_instance(*self._ids, job_instance_id, urgency=urgency)

    async def details(self, job_instance_id: str) -> JobDetails:
        """See ``JobService``."""
        return JobDetails()

    async def list_job_instances(self) -> list[JobInstance]:
        """See ``JobService``."""
        return await self.client.list_job_instances(*self._ids)

    async def cancel(self, job_instance_id: str) -> bool:
        """See ``JobService``."""
        return await self.client.cancel_job_instance(*self._ids, job_instance_id)

    def links(self, job_instance_id: str) -> Mapping[str, str]:
        """See ``JobService``. The path of a pipeline's page is the one that its editor has in the browser."""
        path = _PORTAL_PATHS.get(self.item.type)
        if self._portal_url is None or path is None:
            return {}
        return {"itemUrl": f"{self._portal_url}/groups/{self._ids[0]}/{path}/{quote(self.item.id)}"}
