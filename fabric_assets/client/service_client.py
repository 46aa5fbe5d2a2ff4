"""What the clients of all services share: one identity, one connection pool, one clock."""

from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypedDict

import httpx

from fabric_assets.client.auth import TokenSource
from fabric_assets.client.quota import CallGate, OpenGate
from fabric_assets.client.service_words import FABRIC, ServiceWords
from fabric_assets.client.transport import Transport


class ClientOptions(TypedDict, total=False):
    """What may be said of any client; see ``ServiceClient``."""

    request_timeout_seconds: float
    patience_seconds: float
    gate: CallGate | None
    transport: httpx.AsyncBaseTransport | None


class ServiceClient:
    """Talks to one API as one identity. Use it as an async context manager, in one event loop.

    Reads are repeated after passing faults (connection, 408, 429, 5xx, answers that are not the service's) with backoff
    until ``patience_seconds`` have passed; starts only where the service surely did not act on them.

    Args:
        api_url: base URL, such as ``https://api.fabric.microsoft.com/v1``; plain http only for this machine.
        tokens: where bearer tokens come from; they go to the host of ``api_url`` and to no other.
        words: how messages speak of the service.
        request_timeout_seconds: longest wait for one answer.
        patience_seconds: longest time without one good answer before a request is given up.
        gate: holds calls back that would break a quota.
        transport: replaces the network, for tests.

    Raises:
        FabricConfigError: ``api_url`` cannot be used.
    """

    def __init__(
        self,
        api_url: str,
        tokens: TokenSource,
        *,
        words: ServiceWords = FABRIC,
        request_timeout_seconds: float = 30.0,
        patience_seconds: float = 900.0,
        gate: CallGate | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._transport = Transport(
            api_url,
            tokens,
            request_timeout_seconds=request_timeout_seconds,
            patience_seconds=patience_seconds,
            gate=gate or OpenGate(),
            network=transport,
            words=words,
        )

    @property
    def api_url(self) -> str:
        """Base URL of the API."""
        return self._transport.api_url

    def service_now(self) -> datetime:
        """The time by the service's clock, UTC, as far as its answers told; see ``clock_uncertainty``."""
        return self._transport.service_now()

    @property
    def clock_uncertainty(self) -> timedelta:
        """How far ``service_now`` can be wrong."""
        return self._transport.clock_uncertainty

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.aclose()
