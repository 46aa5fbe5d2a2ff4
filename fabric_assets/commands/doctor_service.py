"""What the doctor looks at in the service: address, credentials, workspace, role, capacity, quota."""

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from fabric_assets.client.auth import checked_api_url
from fabric_assets.client.connecting import http_client
from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import (
    FabricAuthError,
    FabricConfigError,
    FabricError,
    FabricTransportError,
)
from fabric_assets.client.inspection import InspectingClient
from fabric_assets.client.models import Item, Workspace
from fabric_assets.client.quota import CallGate, OpenGate, QuotaGroup
from fabric_assets.client.retry import parse_http_date
from fabric_assets.commands.doctor_report import Report
from fabric_assets.commands.fabric_choice import ChosenFabric
from fabric_assets.commands.token_claims import read_claims
from fabric_assets.connection import ACCESS_TOKEN_VARIABLE, API_URL_VARIABLE, Connection
from fabric_assets.jobs.call_budget import QUOTA_CALLS_PER_MINUTE, CallBudget

_PATIENCE_SECONDS = 15.0
_QUOTA_SHARE = 0.5  # the rest is for whoever runs notebooks as the same identity meanwhile
_CLOCK_DIFFERENCE = timedelta(seconds=30)
_SOON = timedelta(minutes=10)


@dataclass
class Examined:
    """A workspace that could be looked into.

    Attributes:
        is_local: it is in a local Fabric.
        items: all items of it.
    """

    client: InspectingClient
    directory: Directory
    workspace: Workspace
    is_local: bool = False
    items: list[Item] = field(default_factory=list)


class _WatchedGate:
    """A gate that remembers whether the service refused a call for the quota."""

    def __init__(self, gate: CallGate) -> None:
        self._gate = gate
        self.call = gate.call
        self.refusals: list[tuple[str, float | None]] = []

    def refused(self, group: QuotaGroup, wait_seconds: float | None) -> None:
        self.refusals.append((group, wait_seconds))
        self._gate.refused(group, wait_seconds)


@asynccontextmanager
async def examined_service(
    report: Report, chosen: ChosenFabric, connection: Connection, prefix: str
) -> AsyncIterator[Examined | None]:
    """Look at the service from the outside to the inside; the first step that fails ends it.

    Yields:
        The workspace, for further looks; ``None`` if it cannot be reached. What comes after is skipped then.
    """
    steps = ["service", "credentials", "workspace", "role", "capacity"]

    def stop(after: str, because: str) -> None:
        for name in steps[steps.index(after) + 1 :]:
            report.skipped(prefix + name, because)

    if not await _reachable(report, chosen, connection, prefix):
        stop("service", "the service cannot be reached")
        report.skipped(f"{prefix}quota", "the service cannot be reached")
        yield None
        return
    gate = _WatchedGate(
        OpenGate() if connection.is_local else CallBudget(int(QUOTA_CALLS_PER_MINUTE * _QUOTA_SHARE))
    )
    try:
        client = InspectingClient(
            connection.api_url,
            connection.token_source(),
            request_timeout_seconds=chosen.resource.request_timeout_seconds,
            patience_seconds=_PATIENCE_SECONDS,
            gate=gate,
        )
    except FabricConfigError as error:
        report.problem(f"{prefix}credentials", str(error), _token_fix(chosen))
        stop("credentials", "there are no credentials")
        report.skipped(f"{prefix}quota", "there are no credentials")
        yield None
        return
    async with client:
        examined: Examined | None = None
        if not await _credentials(report, chosen, connection, client, prefix):
            stop("credentials", "there are no good credentials")
        elif (workspace := await _workspace(report, connection, client, prefix)) is None:
            stop("workspace", "the workspace cannot be used")
        else:
            examined = Examined(client, Directory(client), workspace, connection.is_local)
            await _role(report, examined, prefix)
            await _capacity(report, examined, connection, prefix)
        yield examined
        _quota(report, chosen, connection, gate, prefix)


def tell_configuration(report: Report, chosen: ChosenFabric, connection: Connection, prefix: str) -> None:
    """Which Fabric is configured, and by what."""
    if chosen.is_embedded:
        report.ok(
            f"{prefix}configuration",
            f"the embedded local Fabric, as no workspace is configured: {connection.configured_in}",
        )
        return
    where = chosen.source_of("api_url", API_URL_VARIABLE)
    report.ok(
        f"{prefix}configuration",
        f"workspace {connection.workspace!r} ({connection.configured_in}) at {connection.api_url} ({where}), with "
        f"{chosen.credentials_from}",
    )


async def _reachable(report: Report, chosen: ChosenFabric, connection: Connection, prefix: str) -> bool:
    """Whether the address answers as Fabric does, without a token."""
    name = f"{prefix}service"
    source = chosen.source_of("api_url", API_URL_VARIABLE)
    try:
        url = checked_api_url(connection.api_url)
    except FabricConfigError as error:
        report.problem(name, str(error), f"The address comes from {source}.")
        return False
    began = time.monotonic()
    try:
        async with http_client(url, timeout=_PATIENCE_SECONDS) as http:
            response = await http.get(f"{url}/workspaces")
    except FabricConfigError as error:
        report.problem(name, str(error), "Correct these variables, or unset them.")
        return False
    except httpx.HTTPError as error:
        report.problem(
            name, f"{url.host} does not answer: {type(error).__name__} {error}", _network_fix(error, source)
        )
        return False
    seconds = time.monotonic() - began
    if response.status_code == httpx.codes.UNAUTHORIZED:
        report.ok(name, f"{url.host} answers in {seconds * 1000:.0f} ms, and asks for a token")
    elif response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        report.warning(
            name,
            f"{url.host} answers {response.status_code}",
            "The service has a fault now; try again later.",
        )
    else:
        report.warning(
            name,
            f"{url.host} answers {response.status_code} to a request without a token, where Fabric answers 401",
            f"Check the address ({source}), and whether a proxy or a sign-in page stands in between.",
        )
    date = parse_http_date(response.headers.get("Date"))
    if date is not None and abs(date - datetime.now(UTC)) > _CLOCK_DIFFERENCE:
        ahead = (datetime.now(UTC) - date).total_seconds()
        report.warning(
            f"{prefix}clock",
            f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the service's",
            "Synchronise it (NTP): tokens and schedules depend on it.",
        )
    return True


def _network_fix(error: httpx.HTTPError, source: str) -> str:
    text = str(error).lower()
    if "certificate" in text or "ssl" in text:
        return "A proxy that inspects TLS needs its certificate installed; name it in SSL_CERT_FILE."
    if "name or service" in text or "nodename" in text or "resolve" in text or "name resolution" in text:
        return f"The host name is not known: check the address ({source}), DNS and VPN."
    return f"Check the address ({source}), network, firewall and proxy (HTTPS_PROXY)."


async def _credentials(
    report: Report, chosen: ChosenFabric, connection: Connection, client: InspectingClient, prefix: str
) -> bool:
    name = f"{prefix}credentials"
    try:
        with _chain_member() as member:
            token = await connection.token_source().get_token()
    except FabricTransportError as error:
        report.problem(
            name, str(error), "Check network, VPN and proxy: login.microsoftonline.com must be reachable."
        )
        return False
    except FabricError as error:
        message, _, fix = str(error).rpartition("\n")
        report.problem(name, message or fix, fix if message else _token_fix(chosen))
        return False
    if chosen.is_embedded:
        report.ok(name, "the local Fabric's own token")
        return await _accepted(report, client, name, chosen)
    by = f"{chosen.credentials_from}{f': {member[0]}' if member else ''}"
    claims = read_claims(token)
    if claims is None:
        report.ok(name, f"{by}; the token does not tell for whom it is or when it expires")
        return await _accepted(report, client, name, chosen)
    ids = ", ".join(
        f"{label} {value}"
        for label, value in (
            ("object id", claims.object_id),
            ("app id", claims.app_id),
            ("tenant", claims.tenant_id),
        )
        if value
    )
    told = f"{by}, for {claims.whom}{f' ({ids})' if ids else ''}"
    if not claims.is_for_fabric:
        report.problem(
            name,
            f"{told}: the token was issued for {claims.audience}, not for Fabric",
            "Get one for https://api.fabric.microsoft.com: az account get-access-token --resource https://api.fabric.microsoft.com",
        )
        return False
    left = None if claims.expires is None else claims.expires - datetime.now(UTC)
    if left is None:
        report.ok(name, told)
    elif left <= timedelta():
        report.problem(
            name, f"{told}: the token expired at {claims.expires:%Y-%m-%d %H:%M} UTC", _token_fix(chosen)
        )
        return False
    else:
        told += f"; expires at {claims.expires:%H:%M} UTC, in {left.total_seconds() / 60:.0f} minutes"
        if connection.access_token is None:
            report.ok(name, f"{told}, and is renewed before")
        elif left < _SOON:
            report.warning(name, told, _token_fix(chosen))
        else:
            report.ok(name, f"{told}; it cannot be renewed, so notebooks that run longer are lost sight of")
    return await _accepted(report, client, name, chosen)


async def _accepted(report: Report, client: InspectingClient, name: str, chosen: ChosenFabric) -> bool:
    """Whether the service takes the token; listing workspaces needs no role."""
    try:
        await client.list_workspaces()
    except FabricAuthError as error:
        message, _, fix = str(error).rpartition("\n")
        report.problem(name, f"Fabric refuses them: {message or fix}", fix if message else _token_fix(chosen))
        return False
    except FabricError as error:
        report.warning(name, f"whether Fabric takes them could not be told: {error}", "Try again.")
    return True


def _token_fix(chosen: ChosenFabric) -> str:
    source = chosen.source_of("access_token", ACCESS_TOKEN_VARIABLE)
    if source == "the default":
        return "Sign in with `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET."
    return (
        f"Put a fresh token there ({source}), or leave it out to let azure-identity fetch and renew tokens."
    )


@contextmanager
def _chain_member() -> Iterator[list[str]]:
    """Which credential of azure-identity's chain gives the token: it only logs that."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            before, acquired, member = record.getMessage().partition(" acquired a token from ")
            if acquired and "DefaultAzureCredential" in before:
                found[:] = [member]

    logger, handler = logging.getLogger("azure.identity"), Handler()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


async def _workspace(
    report: Report, connection: Connection, client: InspectingClient, prefix: str
) -> Workspace | None:
    name = f"{prefix}workspace"
    try:
        workspace = await Directory(client).workspace(
            connection.workspace, configured_in=connection.configured_in
        )
    except FabricConfigError as error:
        report.problem(name, str(error), f"Write the right name or GUID there: {connection.configured_in}.")
        return None
    except FabricError as error:
        message, _, fix = str(error).rpartition("\n")
        report.problem(name, message or fix, fix if message else "")
        return None
    report.ok(name, f"{workspace.display_name!r} ({workspace.id})")
    return workspace


async def _role(report: Report, examined: Examined, prefix: str) -> None:
    """What this identity can be seen to be allowed; that it may start notebooks shows only in starting one."""
    name, client, workspace = f"{prefix}role", examined.client, examined.workspace
    needed = "Give the identity the role Contributor in the workspace (Manage access)."
    try:
        examined.items.extend(await client.list_items(workspace.id))
    except FabricError as error:
        report.problem(name, f"it cannot list the workspace's items: {_short(error)}", needed)
        return
    notebooks = [item for item in examined.items if item.type == "Notebook"]
    able = [f"lists {_count(len(examined.items), 'item')} ({_count(len(notebooks), 'notebook')})"]
    unable = []
    if notebooks:
        try:
            await client.list_job_instances(workspace.id, notebooks[0].id)
            able.append("job instances")
        except FabricError as error:
            unable.append(f"job instances of {notebooks[0].display_name!r}: {_short(error)}")
    try:
        async for _ in client.list_submitted_sessions(workspace.id):
            break
        able.append("Spark sessions")
    except FabricError as error:
        unable.append(f"Spark sessions: {_short(error)}")
    told = " and ".join([", ".join(able[:-1]), able[-1]]) if len(able) > 1 else able[0]
    if unable:
        report.warning(name, f"it {told}, but cannot list {'; '.join(unable)}", needed)
    else:
        report.ok(name, f"it {told}. Whether it may start notebooks, only `doctor --contract` shows")


async def _capacity(report: Report, examined: Examined, connection: Connection, prefix: str) -> None:
    name = f"{prefix}capacity"
    try:
        details = await examined.client.get_workspace_details(examined.workspace.id)
    except FabricError as error:
        report.warning(name, f"could not be read: {_short(error)}")
        return
    if details.capacity_id is None:
        report.problem(
            name,
            "the workspace is assigned to no capacity: nothing can run in it",
            "Assign it to a Fabric or trial capacity: workspace settings, License info.",
        )
    elif details.capacity_progress not in (None, "Completed"):
        report.warning(
            name,
            f"the workspace's move to a capacity is {details.capacity_progress}",
            "Wait until it has ended.",
        )
    else:
        region = f" in {details.region}" if details.region else ""
        report.ok(
            name,
            "this machine"
            if connection.is_local
            else f"{details.capacity_id}{region}; whether it is paused, only a start shows",
        )


def _quota(
    report: Report, chosen: ChosenFabric, connection: Connection, gate: _WatchedGate, prefix: str
) -> None:
    name, resource = f"{prefix}quota", chosen.resource
    if gate.refusals:
        group, wait = gate.refusals[-1]
        report.warning(
            name,
            f"Fabric refused a call ({group}) with 429: the quota of this identity is used up"
            + (f", for {wait:g} s" if wait is not None else ""),
            "Others run as the same identity: lower `quota_share` of the resource, or use an identity of your own.",
        )
        return
    if resource.calls_per_minute is None and connection.is_local:
        report.ok(name, "none with the local Fabric")
        return
    calls = resource.calls_per_minute or QUOTA_CALLS_PER_MINUTE
    used = int(calls * resource.quota_share)
    told = f"{calls} calls a minute, of which one process uses {used} (quota_share {resource.quota_share:g})"
    if resource.calls_per_minute and resource.calls_per_minute > QUOTA_CALLS_PER_MINUTE:
        report.warning(name, f"{told}; Fabric's is {QUOTA_CALLS_PER_MINUTE}", "Leave `calls_per_minute` out.")
    else:
        report.ok(name, f"{told}; Fabric does not tell what is left of it")


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
