"""What all steps of a process share: job controls with their clients, budgets of calls, queues for a capacity.

Resources are rebuilt for each step, so it is kept here and found again by the settings.
"""

from dataclasses import dataclass
from typing import Any

from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.power_bi_client import PowerBiClient
from fabric_assets.connection import Connection
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.call_budget import QUOTA_CALLS_PER_MINUTE, CallBudget
from fabric_assets.jobs.capacity_queue import CapacityQueue, capacity_vcores
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobLimits
from fabric_assets.power_bi_connection import PowerBiConnection


@dataclass(frozen=True)
class ControlSettings:
    """What a job control is made with, beside its connection; see the fields of ``FabricResource``."""

    limits: JobLimits
    portal_url: str | None
    request_timeout_seconds: float
    capacity: str | None
    calls_per_minute: int | None
    quota_share: float


def job_control(connection: Connection, settings: ControlSettings) -> JobControl:
    """This process's job control for a connection.

    Raises:
        FabricConfigError: a setting cannot be used.
    """
    budget = _budget(connection, settings)
    key = (connection, settings, budget)
    if key not in _controls:
        client = FabricClient(
            connection.api_url,
            connection.token_source(),
            request_timeout_seconds=settings.request_timeout_seconds,
            patience_seconds=settings.limits.patience_seconds,
            gate=budget,
        )
        background_loop.at_close(client.__aexit__)
        _controls[key] = JobControl(
            client,
            portal_url=settings.portal_url,
            limits=settings.limits,
            budget=budget,
            queue=_queue(connection, settings),
        )
    return _controls[key]


def power_bi_client(connection: PowerBiConnection, settings: ControlSettings) -> PowerBiClient:
    """This process's client for a Power BI."""
    key = (connection, settings.request_timeout_seconds, settings.limits.patience_seconds)
    if key not in _power_bi_clients:
        client = PowerBiClient(
            connection.api_url,
            connection.token_source(),
            request_timeout_seconds=settings.request_timeout_seconds,
            patience_seconds=settings.limits.patience_seconds,
        )
        background_loop.at_close(client.__aexit__)
        _power_bi_clients[key] = client
    return _power_bi_clients[key]


def _budget(connection: Connection, settings: ControlSettings) -> CallBudget | None:
    if settings.calls_per_minute is None and connection.is_local:
        return None
    calls = int((settings.calls_per_minute or QUOTA_CALLS_PER_MINUTE) * settings.quota_share)
    # Fabric counts by identity, whatever workspace is meant.
    identity = (connection.api_url.rstrip("/"), connection.access_token)
    budget = _budgets.setdefault(identity, CallBudget(calls))
    budget.at_most(calls)
    return budget


def _queue(connection: Connection, settings: ControlSettings) -> CapacityQueue:
    wait_seconds = settings.limits.capacity_wait_seconds
    key = (connection.api_url, settings.capacity, wait_seconds)
    return _queues.setdefault(key, CapacityQueue(capacity_vcores(settings.capacity), wait_seconds))


_controls: dict[tuple[Any, ...], JobControl] = {}
_power_bi_clients: dict[tuple[Any, ...], PowerBiClient] = {}
_budgets: dict[tuple[str, str | None], CallBudget] = {}
_queues: dict[tuple[str, str | None, float], CapacityQueue] = {}
for _cache in (_controls, _power_bi_clients, _budgets, _queues):
    background_loop.at_fork(_cache.clear)
