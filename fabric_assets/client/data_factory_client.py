"""Azure Data Factory's pipelines: start, read, query and cancel their runs. One method per call."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack
from urllib.parse import parse_qsl, quote, urlsplit

from fabric_assets.client.auth import TokenSource
from fabric_assets.client.data_factory_models import ActivityRun, Factory, PipelineRun
from fabric_assets.client.errors import FabricApiError, FabricError
from fabric_assets.client.models import Accepted
from fabric_assets.client.quota import Urgency
from fabric_assets.client.retry import parse_retry_after, wait_before_repeating_read
from fabric_assets.client.service_client import ClientOptions, ServiceClient
from fabric_assets.client.service_words import ServiceWords
from fabric_assets.client.transport import parsed

DEFAULT_ARM_URL = "https://management.azure.com"
ARM_SCOPE = "https://management.azure.com/.default"
API_VERSION = "2018-06-01"
ROLE = "Data Factory Contributor"

_ANY_CLOCK = timedelta(days=1)
_LONGEST_RUN = timedelta(days=45)
"""Data Factory forgets its runs after that."""


def words_for(factory: Factory) -> ServiceWords:
    """How messages speak of a factory, and which role it takes."""
    return ServiceWords(
        name="Azure Data Factory",
        example_url=DEFAULT_ARM_URL,
        token_setting="FABRIC_ARM_ACCESS_TOKEN or `access_token`",  # noqa: S106 -- the name of the setting
        needed=f"The identity needs the role {ROLE!r} on {factory}, or a role of your own that may create, read, query "
        "and cancel pipeline runs there. A role counts some minutes after it was assigned.",
    )


class DataFactoryClient(ServiceClient):
    """One data factory as one identity; see ``ServiceClient``.

    Args:
        arm_url: base URL of Azure Resource Manager.
        tokens: where bearer tokens come from.
        factory: the data factory.
        **options: the others of ``ServiceClient``.
    """

    def __init__(
        self, arm_url: str, tokens: TokenSource, factory: Factory, **options: Unpack[ClientOptions]
    ) -> None:
        super().__init__(arm_url, tokens, words=words_for(factory), **options)
        self.factory = factory

    async def start_pipeline_run(
        self,
        pipeline: str,
        parameters: Mapping[str, Any],
        *,
        on_sending: Callable[[bool], None] | None = None,
    ) -> Accepted:
        """Start a run.

        Args:
            pipeline: name of the pipeline.
            parameters: its parameters; those that are left out have the pipeline's defaults.
            on_sending: as for ``FabricClient.start_job_instance``.

        Raises:
            FabricTransportError: no answer; if ``may_have_arrived``, the run may be there.
            FabricApiError: refused, or (5xx) the run may be there.
        """
        response = await self._transport.start(
            self._path("pipelines", pipeline, "createRun"), _version(), dict(parameters), on_sending
        )
        return Accepted(
            job_instance_id=parsed(response, lambda data: str(data["runId"])),
            retry_after_seconds=parse_retry_after(response.headers.get("Retry-After")),
        )

    async def get_pipeline_run(
        self, run_id: str, *, urgency: Urgency = Urgency.READ
    ) -> tuple[PipelineRun, float | None]:
        """A run, and when the service wants to be asked again, in seconds.

        Raises:
            FabricNotFoundError: it is not there; in the first seconds after the start that may pass.
        """

        def same(data: dict[str, Any]) -> PipelineRun:
            run = PipelineRun.from_json(data)
            if run.id.lower() != run_id.lower():
                raise ValueError(f"asked for {run_id}, got {run.id}")
            return run

        response = await self._transport.send(
            "GET",
            self._path("pipelineruns", run_id),
            params=_version(),
            check=lambda answer: parsed(answer, same),
            urgency=urgency,
            wait_before=wait_before_repeating_read,
        )
        return parsed(response, same), parse_retry_after(response.headers.get("Retry-After"))

    async def query_pipeline_runs(
        self,
        updated_after: datetime,
        *,
        pipelines: tuple[str, ...] = (),
        statuses: tuple[str, ...] = (),
    ) -> list[PipelineRun]:
        """The runs that changed since a moment, oldest start first.

        Args:
            updated_after: the moment, by the service's clock.
            pipelines: only the runs of these; none: of all.
            statuses: only those in one of these; none: in any.
        """
        body: dict[str, Any] = {
            "lastUpdatedAfter": _text(updated_after),
            "lastUpdatedBefore": _text(self.service_now() + _ANY_CLOCK),
            "filters": [
                {"operand": operand, "operator": "In", "values": list(values)}
                for operand, values in (("PipelineName", pipelines), ("Status", statuses))
                if values
            ],
            "orderBy": [{"orderBy": "RunStart", "order": "ASC"}],
        }
        path = self._path("queryPipelineRuns")
        return [PipelineRun.from_json(entry) async for entry in self._queried(path, body)]

    async def query_activity_runs(
        self, run_id: str, *, patience_seconds: float | None = None
    ) -> list[ActivityRun]:
        """The activities of a run.

        Args:
            run_id: the run.
            patience_seconds: longest time without one good answer; ``None``: the client's.
        """
        now = self.service_now()
        body = {
            "lastUpdatedAfter": _text(now - _LONGEST_RUN),
            "lastUpdatedBefore": _text(now + _ANY_CLOCK),
        }
        path = self._path("pipelineruns", run_id, "queryActivityruns")
        return [ActivityRun.from_json(entry) async for entry in self._queried(path, body, patience_seconds)]

    async def cancel_pipeline_run(self, run_id: str) -> bool:
        """Ask to cancel a run, and the runs of other pipelines that it waits for. It takes effect later.

        Returns:
            Whether there was something to cancel: ``False`` if the run had ended already.
        """
        try:
            # Cancelling twice is cancelling once, so it is repeated like a read.
            await self._transport.send(
                "POST",
                self._path("pipelineruns", run_id, "cancel"),
                params={"isRecursive": "true", **_version()},
                urgency=Urgency.CANCEL,
                wait_before=wait_before_repeating_read,
            )
        except FabricApiError as error:
            # How a cancel that comes too late is refused is not documented.
            if error.status_code in (400, 409) and (await self.get_pipeline_run(run_id))[0].has_ended:
                return False
            raise
        return True

    async def list_pipelines(self, *, patience_seconds: float | None = None) -> list[str]:
        """Names of all pipelines of the factory.

        Args:
            patience_seconds: longest time without one good answer; ``None``: the client's.
        """

        def page(data: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
            # Only what the link asks for is used: it may name another host.
            following = dict(parse_qsl(urlsplit(data.get("nextLink") or "").query))
            return [entry["name"] for entry in data["value"]], following

        names: list[str] = []
        params: dict[str, str] = {}
        while True:
            response = await self._transport.send(
                "GET",
                self._path("pipelines"),
                params={**params, **_version()},
                check=lambda answer: parsed(answer, page),
                patience_seconds=patience_seconds,
                wait_before=wait_before_repeating_read,
            )
            found, following = parsed(response, page)
            names += found
            if not following or following == params:
                return names
            params = following

    async def _queried(
        self, path: str, body: Mapping[str, Any], patience_seconds: float | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """The entries of all pages of a query. It is a POST that changes nothing, so it is repeated like a read."""

        def page(data: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
            return list(data["value"]), data.get("continuationToken")

        token: str | None = None
        while True:
            response = await self._transport.send(
                "POST",
                path,
                params=_version(),
                body={**body, "continuationToken": token} if token else body,
                check=lambda answer: parsed(answer, page),
                patience_seconds=patience_seconds,
                wait_before=wait_before_repeating_read,
            )
            entries, following = parsed(response, page)
            for entry in entries:
                yield entry
            if not following or following == token:
                return
            token = following

    def _path(self, *parts: str) -> str:
        return "/".join([self.factory.resource_id, *(quote(part, safe="") for part in parts)])


async def pipeline_names(client: DataFactoryClient, patience_seconds: float) -> list[str] | None:
    """Names of the factory's pipelines for a message; ``None`` if this identity may not list them."""
    try:
        return await client.list_pipelines(patience_seconds=patience_seconds)
    except FabricError:
        return None


def _version() -> dict[str, str]:
    return {"api-version": API_VERSION}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
